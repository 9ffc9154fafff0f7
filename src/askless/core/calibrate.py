"""Making a classifier's probabilities honest: temperature scaling, and the error that it should lower."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from askless.types import BoolArray, FloatArray, IntArray

TEMPERATURE_LIMIT = 100.0
N_BINS = 15


def log_loss(log_probability: FloatArray, label: IntArray) -> float:
    """Mean cross-entropy in nats of `log_probability` (n, K), rows normalised, against `label` (n,)."""
    return float(-log_probability[np.arange(len(label)), label].mean())


def optimal_temperature(log_probability: FloatArray, label: IntArray) -> float:
    """The temperature in [1/100, 100] that minimises the cross-entropy of softmax(log_probability / T).

    The loss is convex in 1/T, so the bounded search finds the optimum itself (Guo et al. 2017, section 4.2).
    """

    def loss(log_temperature: float) -> float:
        return log_loss(log_softmax(log_probability / np.exp(log_temperature), axis=1), label)

    limit = np.log(TEMPERATURE_LIMIT)
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def safe_temperature(log_probability: FloatArray, label: IntArray) -> float:
    """The optimal temperature, or 1 where it would worsen the calibration error; the loss it never does."""
    temperature = optimal_temperature(log_probability, label)
    scaled = log_softmax(log_probability / temperature, axis=1)
    return temperature if _ece(scaled, label) <= _ece(log_probability, label) else 1.0


def calibration_error(confidence: npt.NDArray[np.floating], is_right: BoolArray, n_bins: int = N_BINS) -> float:
    """Expected calibration error: mean over items of |accuracy - confidence| of the item's bin.

    Args:
        confidence: (n,) largest probability of each item, n > 0.
        is_right: (n,) whether the most likely class is the right one.
        n_bins: equally wide bins (lo, hi].
    """
    position = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    gap = np.bincount(position, weights=is_right.astype(np.float64) - confidence, minlength=n_bins)
    return float(np.abs(gap).sum() / len(confidence))


def _ece(log_probability: FloatArray, label: IntArray) -> float:
    return calibration_error(np.exp(log_probability.max(axis=1)), log_probability.argmax(axis=1) == label)
