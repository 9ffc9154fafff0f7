"""Confidence held against truth, bin by bin."""

from dataclasses import dataclass

import numpy as np

from askless.types import Float32Array, FloatArray, IntArray

N_BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often labels of about equal confidence are right, in `N_BINS` bins (low, high].

    Args:
        count: (N_BINS,) items in each bin.
        confidence: (N_BINS,) mean confidence, NaN in an empty bin.
        accuracy: (N_BINS,) share that is right, NaN in an empty bin.
    """

    count: IntArray
    confidence: FloatArray
    accuracy: FloatArray

    @property
    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Between which bounds, each (N_BINS,), the share that is right lies at 95 % (Wilson)."""
        z, n = 1.96, np.maximum(self.count, 1)
        middle = (self.accuracy + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(self.accuracy * (1 - self.accuracy) / n + z**2 / (4 * n**2))
        return middle - half, middle + half

    @property
    def ece(self) -> float:
        """Expected calibration error: the distance of confidence and accuracy, averaged over items."""
        gap = np.nan_to_num(np.abs(self.confidence - self.accuracy))
        return float(gap @ self.count / max(int(self.count.sum()), 1))


def measure_reliability(probabilities: Float32Array, truth: IntArray) -> Reliability:
    """Bins the most likely class of each row of `probabilities` (E, K) by its probability; `truth`: (E,)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    edges = np.linspace(0, 1, N_BINS + 1).astype(np.float32)
    bins = np.clip(np.searchsorted(edges, confidence.astype(np.float32)) - 1, 0, N_BINS - 1)
    count = np.bincount(bins, minlength=N_BINS)
    share = np.where(count > 0, 1 / np.maximum(count, 1), np.nan)
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    return Reliability(
        count=count,
        confidence=share * np.bincount(bins, weights=confidence, minlength=N_BINS).astype(np.float64),
        accuracy=share * np.bincount(bins, weights=right, minlength=N_BINS).astype(np.float64),
    )
