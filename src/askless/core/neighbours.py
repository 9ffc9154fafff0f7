"""A head without a model: every example votes for its class, the more the smaller its angle to the item."""

import numpy as np

from askless.types import Float32Array

SHARPNESS = 10.0
"""A vote weighs exp(SHARPNESS * (cosine - 1))."""

BACKGROUND = 1e-3
"""Votes for every class together, as a share of all votes that there could be."""

ROWS_PER_BLOCK = 4096


def log_votes(X: Float32Array, examples: Float32Array, targets: Float32Array) -> Float32Array:
    """(n, K) log of the votes, up to a constant per row.

    Args:
        X: (n, d) features with mean 0.
        examples: (m, d) of the same kind.
        targets: (m, K) not negative; a row of zeros has no vote.
    """
    K = targets.shape[1]
    directions = _directions(examples)
    votes = np.empty((len(X), K), np.float32)
    for start in range(0, len(X), ROWS_PER_BLOCK):
        weight = _directions(X[start : start + ROWS_PER_BLOCK]) @ directions.T
        weight -= 1
        weight *= np.float32(SHARPNESS)
        np.exp(weight, out=weight)
        total = weight @ targets
        total += np.float32(BACKGROUND / K) * np.maximum(total.sum(axis=1, keepdims=True), np.float32(1e-30))
        votes[start : start + len(total)] = np.log(total)
    return votes


def _directions(X: Float32Array) -> Float32Array:
    length = np.sqrt(np.einsum("nd,nd->n", X, X))
    directions: Float32Array = X / np.maximum(length, np.float32(1e-12))[:, None]
    return directions
