"""A belief about the items before anybody was asked, from disk."""

from pathlib import Path

import numpy as np

from askless.data.features import map_features
from askless.errors import DataError
from askless.types import Float32Array

TOLERANCE = 1e-2


def read_prior(path: Path, n_items: int, n_classes: int) -> Float32Array:
    """Reads a `.npy` file of shape (N, K); row i is the chance of each class for item i.

    Returns:
        (N, K) float32; rows sum to 1 exactly, as far as float32 goes.

    Raises:
        DataError: it cannot be read, or holds another shape or what are no chances.
    """
    values = np.asarray(map_features(path))
    if values.shape != (n_items, n_classes) or values.dtype.kind not in "fiub":
        raise DataError(
            f"{path} is {values.dtype.name} of shape {values.shape}, but a prior of {n_items} items and {n_classes} "
            f"classes must be numbers of shape ({n_items}, {n_classes}); make it anew."
        )
    chances = values.astype(np.float64)
    total = chances.sum(axis=1, keepdims=True)
    is_wrong = ~((chances >= 0).all(axis=1) & (np.abs(total[:, 0] - 1) < TOLERANCE))
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise DataError(
            f"Row {row} of {path} is {chances[row].tolist()[:5]}..., which are no chances; "
            "each must be 0 or more, and a row must sum to 1."
        )
    return np.asarray(chances / total, dtype=np.float32)
