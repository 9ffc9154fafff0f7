"""Annotators whose labels are drawn, each at an address of its own: (seed, annotator, item).

So runs of different methods are paired, and a resumed run gets the same answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from askless.errors import DataError
from askless.randomness import generator
from askless.types import Answer, Batch, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ConfusionCrowd:
    """Annotators who answer by their true confusion matrices; a `Crowd`.

    Args:
        names: J annotators.
        confusion: (J, K, K), row = truth, rows sum to 1.
        truth: (N,) index of the class of each item.
        seed: of the answers.
        population_counts: (K, K), row = truth: what an oracle prior knows of the population; raw counts of
            real people where there are such, else the mean of `confusion`.

    Raises:
        DataError: shapes that do not fit, rows that are no distributions, truth outside the classes.
    """

    names: tuple[str, ...]
    confusion: FloatArray
    truth: IntArray
    seed: int
    population_counts: FloatArray

    def __post_init__(self) -> None:
        K = self.confusion.shape[-1]
        if self.confusion.shape != (len(self.names), K, K) or self.population_counts.shape != (K, K):
            raise DataError(
                f"{len(self.names)} annotators need confusions (J, K, K) and population counts (K, K), not "
                f"{self.confusion.shape} and {self.population_counts.shape}; give one square matrix each."
            )
        if (self.confusion < 0).any() or (abs(self.confusion.sum(axis=-1) - 1) > 1e-9).any():
            raise DataError("Each row of a confusion must be a distribution; give rows of 0 or more that sum to 1.")
        if self.truth.size and not 0 <= self.truth.min() <= self.truth.max() < K:
            raise DataError(f"The truth has a class outside 0 to {K - 1}; give indices of the {K} classes.")

    @property
    def askable(self) -> Mapping[str, IntArray] | None:
        return None

    @cached_property
    def skill(self) -> FloatArray:
        """(J,): the true chance that each annotator is right, for classes that are equally frequent."""
        return mean_diagonal(self.confusion)

    def available(self) -> tuple[str, ...]:
        """The annotators who can be asked now: all of them."""
        return self.names

    def answer(self, batch: Batch) -> list[Answer]:
        """What the batch's annotator says of each of its items, in their order.

        Raises:
            DataError: an annotator or an item that this crowd does not know.
        """
        j, items = locate(batch, self.names, len(self.truth))
        return draw_answers(self.seed, j, items, self.confusion[j, self.truth[items]], len(self.truth))


def mean_diagonal(confusion: FloatArray) -> FloatArray:
    """(J,) from (J, K, K): the chance to be right where classes are equally frequent."""
    return np.asarray(np.diagonal(confusion, axis1=1, axis2=2).mean(axis=1), dtype=np.float64)


def locate(batch: Batch, names: Sequence[str], n_items: int) -> tuple[int, IntArray]:
    """The index of a batch's annotator, and its items.

    Raises:
        DataError: an annotator or an item that is not there.
    """
    if batch.annotator not in names:
        raise DataError(f"There is no annotator {batch.annotator!r}; this crowd has {names[0]} to {names[-1]}.")
    items = np.asarray(batch.items, dtype=np.int64)
    if items.size and not 0 <= items.min() <= items.max() < n_items:
        raise DataError(
            f"Batch {batch.id} asks for items {items.min()} to {items.max()}; this crowd knows 0 to {n_items - 1}."
        )
    return names.index(batch.annotator), items


def draw_answers(seed: int, annotator: int, items: IntArray, probabilities: FloatArray, n_items: int) -> list[Answer]:
    """A label for each of `items` (n,), from its row of `probabilities` (n, K)."""
    position = generator(seed, "answer", annotator).random(n_items)[items]
    cumulative = probabilities.cumsum(axis=1)
    cumulative /= cumulative[:, -1:]  # ends at exactly 1, above every position
    labels = (cumulative > position[:, None]).argmax(axis=1)
    return [Answer(item, label) for item, label in zip(items.tolist(), labels.tolist(), strict=True)]
