"""Crowds that say what real people once said; see `recorded`.

J annotators, K classes, N items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from askless.errors import DataError
from askless.randomness import generator
from askless.simulate.drawn import draw_answers, locate, mean_diagonal
from askless.simulate.noise import beta_counts
from askless.simulate.recorded import Counts, Records
from askless.types import Answer, Batch, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class RecordedCrowd:
    """Annotators who can be asked only about items of which they have a label on record. A `Crowd`.

    Args:
        names: J annotators, each with a label at least.
        item: (R,) indices of items.
        annotator: (R,) indices of `names`; no pair of item and annotator is there twice.
        label: (R,)
        response_ms: (R,), -1 where it is not known.
        truth: (N,) index of the class of each item.
        n_classes: K.
    """

    names: tuple[str, ...]
    item: IntArray
    annotator: IntArray
    label: IntArray
    response_ms: IntArray
    truth: IntArray
    n_classes: int

    @cached_property
    def askable(self) -> Mapping[str, IntArray]:
        """By name, the items with a label on record, sorted."""
        order = np.lexsort((self.item, self.annotator))
        ends = np.cumsum(np.bincount(self.annotator, minlength=len(self.names)))
        return dict(zip(self.names, np.split(self.item[order], ends[:-1]), strict=True))

    @cached_property
    def confusion(self) -> FloatArray:
        """(J, K, K): the labels of each on record, and for each class one more, spread as those of all people.

        So the row of a class that somebody never saw is that of all people; uniform, if nobody saw it.
        """
        counts = np.zeros((len(self.names), self.n_classes, self.n_classes))
        np.add.at(counts, (self.annotator, self.truth[self.item], self.label), 1)
        counts += self.population_counts
        return np.asarray(counts / counts.sum(axis=2, keepdims=True))

    @cached_property
    def population_counts(self) -> FloatArray:
        """(K, K): the labels of all on record as shares, so that a prior made of them weighs what others do."""
        counts = np.zeros((self.n_classes, self.n_classes))
        np.add.at(counts, (self.truth[self.item], self.label), 1)
        return _shares(counts)

    @cached_property
    def skill(self) -> FloatArray:
        """(J,): the share of each one's labels on record that are right."""
        n_right = np.bincount(self.annotator, self.label == self.truth[self.item], minlength=len(self.names))
        return np.asarray(n_right / np.bincount(self.annotator, minlength=len(self.names)))

    def available(self) -> tuple[str, ...]:
        """The annotators who can be asked now: all of them."""
        return self.names

    def answer(self, batch: Batch) -> list[Answer]:
        """The labels on record of the batch's annotator for each of its items, in their order.

        Raises:
            DataError: an annotator or an item that this crowd does not know, or no label on record.
        """
        j, items = locate(batch, self.names, len(self.truth))
        said = self._said[j]
        for item in items.tolist():
            if item not in said:
                raise DataError(f"{batch.annotator!r} has no label of item {item} on record; ask about `askable` only.")
        return [Answer(item, *said[item]) for item in items.tolist()]

    @cached_property
    def _said(self) -> list[dict[int, tuple[int, int | None]]]:
        said: list[dict[int, tuple[int, int | None]]] = [{} for _ in self.names]
        columns = (column.tolist() for column in (self.item, self.annotator, self.label, self.response_ms))
        for item, j, label, response_ms in zip(*columns, strict=True):
            said[j][item] = (label, None if response_ms < 0 else response_ms)
        return said


def replay_records(
    records: Records, truth: IntArray, n_classes: int, strangers: Sequence[str], seed: int
) -> RecordedCrowd:
    """The people of the records; if they are unknown, the labels are dealt out to strangers.

    Each item's labels go to as many different strangers, drawn at random, in random order; where there are fewer
    strangers than labels, some of the labels are left out. Who said two of these labels is made up, so a
    stranger's skill is that of everybody.

    Args:
        records: labels below `n_classes`.
        truth: (N,).
        n_classes: K.
        strangers: names to use if the records have none.
        seed: of the dealing.
    """
    if records.annotator is None:
        records = _deal(records, strangers, seed)
    assert records.annotator is not None
    present, annotator = np.unique(records.annotator, return_inverse=True)
    names = tuple(records.names[j] for j in present)
    return RecordedCrowd(names, records.item, annotator, records.label, records.response_ms, truth, n_classes)


def _deal(records: Records, strangers: Sequence[str], seed: int) -> Records:
    rng = generator(seed, "deal")
    order = np.argsort(records.item, kind="stable")
    ends = np.cumsum(records.n_labels)
    annotator = np.empty(len(order), dtype=np.int64)
    for rows in np.split(order, ends[:-1]):
        annotator[rows] = rng.permutation(max(len(rows), len(strangers)))[: len(rows)]
    return replace(records, annotator=annotator, names=tuple(strangers)).where(annotator < len(strangers))


@dataclass(frozen=True, eq=False)
class CountsCrowd:
    """Annotators who answer each item as many people did, but some of them with less care. A `Crowd`.

        P(z | annotator j, item i) = c_j * n_i(z) / n_i + (1 - c_j) / K

    n_i(z) of n_i people chose z; c_j is the share of items that j looks at, the rest is labelled blindly.

    Args:
        names: J annotators.
        care: (J,) c_j, from 0 to 1.
        shares: (N, K) n_i(z) / n_i; zeros for an item that nobody looked at.
        truth: (N,) index of the class of each item.
        seed: of the answers.
    """

    names: tuple[str, ...]
    care: FloatArray
    shares: FloatArray
    truth: IntArray
    seed: int

    @cached_property
    def askable(self) -> Mapping[str, IntArray] | None:
        """Items that somebody looked at, for everyone; none if these are all."""
        has_count = self.shares.any(axis=1)
        return None if has_count.all() else dict.fromkeys(self.names, np.flatnonzero(has_count))

    @cached_property
    def confusion(self) -> FloatArray:
        """(J, K, K): the mean over the items of a class; uniform if it has none."""
        K = self.shares.shape[1]
        care = self.care[:, None, None]
        return np.asarray(care * self._mean_shares + (1 - care) / K)

    @cached_property
    def population_counts(self) -> FloatArray:
        """(K, K): the mean of `confusion`."""
        return np.asarray(self.confusion.mean(axis=0))

    @cached_property
    def skill(self) -> FloatArray:
        """(J,): the chance that each annotator is right, for classes that are equally frequent."""
        return mean_diagonal(self.confusion)

    @property
    def _mean_shares(self) -> FloatArray:
        K = self.shares.shape[1]
        totals = np.zeros((K, K))
        np.add.at(totals, self.truth, self.shares)
        return _shares(totals)

    def available(self) -> tuple[str, ...]:
        """The annotators who can be asked now: all of them."""
        return self.names

    def answer(self, batch: Batch) -> list[Answer]:
        """What the batch's annotator says of each of its items, in their order.

        Raises:
            DataError: an annotator or an item that this crowd does not know.
        """
        j, items = locate(batch, self.names, len(self.truth))
        rows = self.care[j] * self.shares[items] + (1 - self.care[j]) / self.shares.shape[1]
        return draw_answers(self.seed, j, items, rows, len(self.truth))


def replay_counts(
    counts: Counts, truth: IntArray, names: Sequence[str], care: float, spread: float, seed: int
) -> CountsCrowd:
    """Annotators whose c_j has the mean `care` and, by a Beta distribution, the standard deviation `spread`.

    Raises:
        ConfigError: no Beta distribution has this mean and standard deviation.
    """
    beta = beta_counts(care, spread)
    own = [generator(seed, "care", j).beta(*beta) if beta else care for j in range(len(names))]
    return CountsCrowd(tuple(names), np.array(own), _shares(counts.values, empty=0.0), truth, seed)


def _shares(counts: FloatArray | IntArray, empty: float | None = None) -> FloatArray:
    """Rows scaled to sum to 1; a row without counts becomes `empty`, or uniform."""
    totals = counts.sum(axis=1, keepdims=True)
    fallback = 1 / counts.shape[1] if empty is None else empty
    return np.where(totals > 0, counts / np.maximum(totals, 1e-300), fallback)
