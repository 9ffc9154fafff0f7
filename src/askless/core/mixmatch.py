"""MixMatch: unannotated items train too, with guessed labels (Berthelot et al., NeurIPS 2019).

Their images are augmented; frozen features are not (decision 10), so an item is guessed once, as it is.
"""

import numpy as np
from scipy import sparse

from askless.core.learner import Minibatch, Network
from askless.types import Float32Array

SHARPENING = 2
"""Guesses are raised to this power: the reciprocal of the temperature 0.5 of MixMatch, algorithm 1."""


def mix(
    network: Network, X: Float32Array, targets: Float32Array, alpha: float, weight: float, rng: np.random.Generator
) -> Minibatch:
    """Every row mixed with a random one of all, and the same for its target (MixMatch, equations 8 to 15).

    Args:
        network: guesses the labels of rows without a target.
        X: (n + m, D), rows with a target first.
        targets: (n, K), rows sum to 1.
        alpha: a row keeps the larger part of Beta(alpha, alpha).
        weight: of the loss of rows without a target.
        rng: partners and parts.

    Returns:
        n + m rows in the same order.
    """
    n, size = len(targets), len(X)
    guesses = sharpen(np.asarray(network.predict_proba(X[n:]), dtype=np.float32))
    partner = rng.permutation(size)
    part = rng.beta(alpha, alpha, size).astype(np.float32)
    part = np.maximum(part, 1 - part)
    parts, columns = np.column_stack([part, 1 - part]), np.column_stack([np.arange(size), partner])
    mixing = sparse.csr_array((parts.ravel(), columns.ravel(), np.arange(0, 2 * size + 1, 2)), shape=(size, size))
    return Minibatch(mixing @ X, mixing @ np.concatenate([targets, guesses]), n, weight)


def sharpen(probability: Float32Array) -> Float32Array:
    """Rows scaled to sum to 1 again after they were raised to a power (MixMatch, equation 7)."""
    powers = probability**SHARPENING
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
