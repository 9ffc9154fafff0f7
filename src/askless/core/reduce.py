"""Features as the heads of the pool see them: centred, on their main axes, on one scale. Computed once."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from askless.types import Features, Float32Array, FloatArray

MAX_ROWS_FOR_AXES = 10_000
MIN_SHARE = 1e-6
"""Axes whose variance is a smaller share of the largest are noise of float16."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """Features of N items on d axes that do not covary.

    Args:
        values: (N, d); the mean of every column is about 0, the mean variance about 1.
        variance: (d,) of every column.
    """

    values: Float32Array
    variance: FloatArray


_known: WeakKeyDictionary[Features, dict[int, Reduced]] = WeakKeyDictionary()


def reduce(features: Features, max_components: int) -> Reduced:
    """The principal components of the features; kept for as long as these are."""
    kept = _known.setdefault(features, {})
    if max_components not in kept:
        kept[max_components] = _reduce(features, max_components)
    return kept[max_components]


def _reduce(features: Features, max_components: int) -> Reduced:
    step = -(-len(features) // MAX_ROWS_FOR_AXES)
    sample = np.asarray(features.values[::step], dtype=np.float64)
    mean = sample.mean(axis=0)
    sample -= mean
    variance, axes = _main_axes(sample, max_components)
    scale = 1.0 / np.sqrt(variance.mean() or 1.0)
    projection = (axes * scale).astype(np.float32)
    offset = mean.astype(np.float32)
    values = np.empty((len(features), len(variance)), np.float32)
    for start, block in features.blocks():
        values[start : start + len(block)] = (block - offset) @ projection
    return Reduced(values, variance * scale**2)


def _main_axes(centred: FloatArray, max_components: int) -> tuple[FloatArray, FloatArray]:
    """(d,) variances, largest first, and (D, d) orthonormal axes; from the smaller of the two Gram matrices."""
    n, D = centred.shape
    if n < D:
        variance, left = np.linalg.eigh(centred @ centred.T / n)
        is_kept = _are_kept(variance, max_components)
        variance, left = variance[is_kept][::-1], left[:, is_kept][:, ::-1]
        return variance, centred.T @ left / np.sqrt(np.where(variance > 0, variance, 1.0) * n)
    variance, axes = np.linalg.eigh(centred.T @ centred / n)
    is_kept = _are_kept(variance, max_components)
    return variance[is_kept][::-1], axes[:, is_kept][:, ::-1]


def _are_kept(variance: FloatArray, max_components: int) -> slice:
    """The last ones of variances in rising order; at least one."""
    n = int((variance > MIN_SHARE * variance[-1]).sum())
    return slice(len(variance) - max(1, min(n, max_components)), None)
