"""MixMatch: unannotated items train too, with guessed labels (Berthelot et al., NeurIPS 2019).

Their images are augmented; frozen features are not (decision 10), so an item is guessed once, as it is.
"""

import numpy as np

from askless.core.learner import Minibatch, Network
from askless.types import Float32Array, IntArray

SHARPENING = 2
"""Guesses are raised to this power: the reciprocal of the temperature 0.5 of MixMatch, algorithm 1."""


def mix(
    network: Network,
    X: Float32Array,
    targets: Float32Array,
    others: Float32Array,
    alpha: float,
    weight: float,
    rng: np.random.Generator,
) -> Minibatch:
    """Every row mixed with a random one of all, and the same for its target (MixMatch, equations 8 to 15).

    Args:
        network: guesses the labels of the others.
        X: (n, D) rows with a target.
        targets: (n, K), rows sum to 1.
        others: (m, D) rows without.
        alpha: a row keeps the larger part of Beta(alpha, alpha).
        weight: of the others' loss.
        rng: partners and parts.

    Returns:
        n + m rows, those with a target of their own first.
    """
    guesses = sharpen(np.asarray(network.predict_proba(others), dtype=np.float32))
    everything, every_target = np.concatenate([X, others]), np.concatenate([targets, guesses])
    partner: IntArray = rng.permutation(len(everything))
    part = rng.beta(alpha, alpha, size=(len(everything), 1)).astype(np.float32)
    part = np.maximum(part, 1 - part)
    return Minibatch(_blend(everything, partner, part), _blend(every_target, partner, part), len(X), weight)


def sharpen(probability: Float32Array) -> Float32Array:
    """Rows scaled to sum to 1 again after they were raised to a power (MixMatch, equation 7)."""
    powers = probability**SHARPENING
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _blend(rows: Float32Array, partner: IntArray, part: Float32Array) -> Float32Array:
    blended: Float32Array = rows[partner]
    blended -= rows
    blended *= 1 - part
    blended += rows
    return blended
