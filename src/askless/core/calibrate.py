"""Making a classifier's probabilities honest: temperature scaling, and the error that it should lower."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
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

    peak = log_probability.max(axis=1)
    below_peak = log_probability - peak[:, None]
    right = below_peak[np.arange(len(label)), label].mean()
    scaled = np.empty_like(below_peak)

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        np.exp(np.multiply(below_peak, sharpness, out=scaled), out=scaled)
        return float(np.log(scaled.sum(axis=1)).mean() - sharpness * right)

    limit = np.log(TEMPERATURE_LIMIT)
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def safe_temperature(log_probability: FloatArray, label: IntArray) -> float:
    """The optimal temperature, or 1 where it would worsen the calibration error; the loss it never does."""
    temperature = optimal_temperature(log_probability, label)
    scaled = log_softmax(log_probability / temperature, axis=1)
    return temperature if _ece(scaled, label) <= _ece(log_probability, label) else 1.0


def pool_weights(log_machine: FloatArray, log_prior: FloatArray, label: IntArray) -> tuple[float, float]:
    """(a, b) such that a * log_machine + b * log_prior, normalised, says most of the labels: a log-linear pool.

    Both are trusted as far as they earn it: b begins at 0, and costs b^2 / 2 nats of all the evidence there is. The
    loss is convex (that of a logistic regression with two weights), so the search finds the optimum.

    Args:
        log_machine: (n, K) what the learner says.
        log_prior: (n, K) what was believed beforehand.
        label: (n,) classes, n > 0.
    """
    right = np.arange(len(label)), label

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        a, b = weights
        log_pool = log_softmax(a * log_machine + b * log_prior, axis=1)
        pool = np.exp(log_pool)
        slope = [(pool * part).sum() - part[right].sum() for part in (log_machine, log_prior)]
        return -log_pool[right].sum() + b * b / 2, np.array([slope[0], slope[1] + b])

    bounds = [(1 / TEMPERATURE_LIMIT, TEMPERATURE_LIMIT), (0.0, TEMPERATURE_LIMIT)]
    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


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
