"""A head that takes every class for a cloud of one common shape: Gaussian, shared covariance, soft targets.

It needs few examples, for the shape is that of all items, whether anyone has labelled them or not, until enough are
labelled to see the shape within a class. How far the shape is shrunk to a ball is left to whoever compares.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

import numpy as np

from askless.core.linear import LinearHead
from askless.types import FloatArray

PRIOR_MEAN_COUNT = 1.0
PRIOR_CLASS_COUNT = 2.0
BETWEEN_SHARE = 0.9
"""How much of the spread between the class means is taken out of the shape of all items."""

MIN_VARIANCE = 0.01
"""Smallest variance of an axis, as a share of their mean."""


@dataclass(frozen=True, eq=False)
class Moments:
    """All that the head needs of its examples; those of two sets add up.

    Args:
        n: (K,) how many of each class, by expectation.
        first: (d, K) their sums.
        second: (d, d) sum of x x' over all.
    """

    n: FloatArray
    first: FloatArray
    second: FloatArray

    @classmethod
    def of(cls, X: FloatArray, targets: FloatArray) -> Self:
        """Of examples (n, d) with targets (n, K), rows summing to 1."""
        return cls(targets.sum(axis=0), X.T @ targets, X.T @ X)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.n + other.n, self.first + other.first, self.second + other.second)


def total(moments: list[Moments]) -> Moments:
    return reduce(add, moments)


def fit(seen: Moments, variance: FloatArray, shrinkages: tuple[float, ...]) -> list[LinearHead]:
    """One head for each shrinkage; one decomposition of the covariance serves all.

    Args:
        seen: moments of the examples, of features with mean 0.
        variance: (d,) of the features of all items, which do not covary.
        shrinkages: between 0, the covariance as it is, and 1, a ball.
    """
    n, d = seen.n.sum(), len(variance)
    means = seen.first / (seen.n + PRIOR_MEAN_COUNT)
    share = (seen.n + PRIOR_CLASS_COUNT) / (seen.n + PRIOR_CLASS_COUNT).sum()
    middle = means @ share
    between = (means * share) @ means.T - np.outer(middle, middle)
    covariance = np.diag(variance) - BETWEEN_SHARE * between
    if n > 0:
        across = seen.first @ means.T
        within = (seen.second - across - across.T + (means * seen.n) @ means.T) / n
        trust = n / (n + 2 * d)
        covariance = trust * within + (1 - trust) * covariance
    spread, axes = np.linalg.eigh(covariance)
    floor = MIN_VARIANCE * max(spread.mean(), np.finfo(np.float64).tiny)
    spread = np.maximum(spread, floor)
    along = axes.T @ means
    heads = []
    for shrinkage in shrinkages:
        shrunk = (1 - shrinkage) * spread + shrinkage * spread.mean()
        weights = along / shrunk[:, None]
        bias = np.log(share) - (along * weights).sum(axis=0) / 2
        heads.append(LinearHead(axes @ weights, bias))
    return heads
