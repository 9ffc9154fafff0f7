"""Confusion matrices of simulated people, made by a recipe.

J annotators, K classes, D dimensions. Confusion matrices are (J, K, K) float64; row = truth, rows sum to 1.
"""

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist

from askless.errors import ConfigError
from askless.randomness import generator
from askless.types import Features, FloatArray, IntArray

CLASS_VARIATION = (
    0.25  # how far a class's right-rate strays from the annotator's skill, relative to min(skill, 1 - skill)
)
HABIT_STRENGTH = 20.0  # Dirichlet counts behind an annotator's own wrong labels: the fewer, the more people differ


def perfect(n_annotators: int, n_classes: int) -> FloatArray:
    """(J, K, K): everyone is always right."""
    return np.tile(np.eye(n_classes), (n_annotators, 1, 1))


def uniform(n_annotators: int, n_classes: int, skill: float, spread: float, seed: int) -> FloatArray:
    """(J, K, K) without structure, as the paper's UniformWorker.

    The right-rate of each annotator and class is drawn from normal(skill, spread), cut to 0..1. The rest of a
    row goes to the wrong labels by random weights: K uniform numbers, divided by their sum, of which the
    right label's own share is spread evenly over the others.
    """
    confusion = np.empty((n_annotators, n_classes, n_classes))
    for j in range(n_annotators):
        rng = generator(seed, "confusion", j)
        right = rng.normal(skill, spread, n_classes).clip(0, 1)
        weights = rng.random((n_classes, n_classes))
        weights /= weights.sum(axis=1, keepdims=True)
        weights += np.diagonal(weights)[:, None] / (n_classes - 1)
        fill_rows(confusion[j], right, weights)
    return confusion


def structured_noise(n_annotators: int, class_means: FloatArray, skill: float, spread: float, seed: int) -> FloatArray:
    """(J, K, K) where classes that look alike are confused more often, each person in their own way.

    For annotator j, true class y and a wrong label z:

        s_j ~ Beta with mean `skill` and standard deviation `spread`
        P(y | y) = s_j + CLASS_VARIATION * min(s_j, 1 - s_j) * u,           u ~ uniform(-1, 1)
        P(z | y) = (1 - P(y | y)) * h_z,         h ~ Dirichlet(HABIT_STRENGTH * w_y)
        w_y(z) ~ exp(-(d(y, z) / d(y))^2), scaled to sum to 1

    d(y, z) is the Euclidean distance of the class means, d(y) that of y to its nearest class. (The Beta's two
    counts are `skill * n` and `(1 - skill) * n` with n = skill * (1 - skill) / spread^2 - 1.) An expected
    skill of 0 or 1 leaves no room to vary, so everyone has it. A smaller crowd is the start of a larger one.

    Args:
        n_annotators: J.
        class_means: (K, D).
        skill: expected mean of the diagonal.
        spread: standard deviation of skill between annotators.
        seed: of the crowd.

    Raises:
        ConfigError: no Beta distribution has this mean and standard deviation.
    """
    n_classes = len(class_means)
    counts = beta_counts(skill, spread)
    likeness = HABIT_STRENGTH * _likeness(class_means)
    confusion = np.empty((n_annotators, n_classes, n_classes))
    for j in range(n_annotators):
        rng = generator(seed, "confusion", j)
        own = rng.beta(*counts) if counts else skill
        right = own + CLASS_VARIATION * min(own, 1 - own) * rng.uniform(-1, 1, n_classes)
        habits = rng.standard_gamma(likeness)
        habits /= habits.sum(axis=1, keepdims=True)
        fill_rows(confusion[j], right, habits)
    return confusion


def class_means(features: Features, truth: IntArray, n_classes: int) -> FloatArray:
    """(K, D) mean features of each class, read in blocks; a class without items gets the overall mean."""
    totals = np.zeros((n_classes, features.values.shape[1]))
    for start, block in features.blocks():
        y = truth[start : start + len(block)]
        member = sparse.csr_array((np.ones(len(y)), (y, np.arange(len(y)))), shape=(n_classes, len(y)))
        totals += member @ block.astype(np.float64)
    n_items = np.bincount(truth, minlength=n_classes)[:, None]
    return np.where(n_items > 0, totals / np.maximum(n_items, 1), totals.sum(axis=0) / len(truth))


def beta_counts(skill: float, spread: float) -> tuple[float, float] | None:
    """Counts of the Beta distribution with this mean and standard deviation; none if it cannot vary."""
    widest = float(np.sqrt(skill * (1 - skill)))
    if spread == 0 or widest == 0:
        return None
    n = min(widest / float(spread), 1e6) ** 2 - 1
    if n <= 0:
        raise ConfigError(
            f"No Beta distribution has mean crowd.skill={skill:g} and standard deviation crowd.spread={spread:g}; "
            f"set crowd.spread below {widest:.3g}."
        )
    return skill * n, (1 - skill) * n


def _likeness(class_means: FloatArray) -> FloatArray:
    """(K, K) weights of the wrong labels, rows sum to 1, diagonal 0; see `structured_noise`."""
    distance = cdist(class_means, class_means)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1, keepdims=True)
    scale = np.where(nearest > 0, nearest, nearest.mean())  # of identical means, the usual distance
    relative = np.minimum(distance / np.where(scale > 0, scale, 1), 100)  # exp(-100^2) is 0 already
    weights: FloatArray = np.exp(-(relative**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def fill_rows(confusion: FloatArray, right: FloatArray, weights: FloatArray) -> None:
    """Writes (K, K) rows: `right` (K,) on the diagonal, the rest by `weights`, which sum to 1 off it."""
    np.multiply(weights, (1 - right)[:, None], out=confusion)
    np.fill_diagonal(confusion, right)
