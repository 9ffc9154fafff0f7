"""The nouns of askless: frozen, validated once when they are made, trusted afterwards.

Axes: N items, J annotators, K classes, M annotations, P prototypes, D feature dimensions, Q pairs
(one annotator and one label that this annotator has given).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from askless.errors import AnswerError, ConfigError, DataError

FloatArray: TypeAlias = npt.NDArray[np.float64]
Float32Array: TypeAlias = npt.NDArray[np.float32]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Role: TypeAlias = Literal["annotator", "viewer", "admin"]

ROWS_PER_BLOCK = 8192


@dataclass(frozen=True)
class Dataset:
    """What is to be labelled: item ids in a fixed order, class names, where each image is.

    Args:
        items: N different ids.
        classes: K >= 2 different names; a label is an index into them.
        images: for each item a path or a `data:` URI; none if there is nothing to look at.

    Raises:
        DataError: no items, an id or a class twice, fewer than two classes, images not one per item.
    """

    items: tuple[str, ...]
    classes: tuple[str, ...]
    images: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("items", "classes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.items:
            raise DataError("There are no items; give at least one.")
        _refuse_repeats("item id", self.items)
        _refuse_repeats("class", self.classes)
        if len(self.classes) < 2:
            came = f"only {self.classes[0]!r}" if self.classes else "none"
            raise DataError(f"Labelling needs at least two classes, but there is {came}; name the others too.")
        if self.images is not None:
            object.__setattr__(self, "images", tuple(self.images))
            if len(self.images) != len(self.items):
                raise DataError(
                    f"There are {len(self.images)} images for {len(self.items)} items; give one per item or none."
                )

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def n_classes(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, eq=False)
class Features:
    """What the machine sees of each item: `values` (N, D) in float16 or float32; row i is item i.

    `values` may be memory-mapped; it is read in blocks. `prior` (N, K) float32, if there is one, is a belief about each
    item from elsewhere, such as the names of the classes; rows sum to 1. `fingerprint` is a hash of shape and content,
    by which a campaign knows its features again.

    Raises:
        DataError: not a two-dimensional array of real numbers, no rows or columns, NaN or infinity; a prior of other
            items, or what are no chances.
    """

    values: npt.NDArray[Any]
    prior: Float32Array | None = None

    def __post_init__(self) -> None:
        values = self.values
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
            came = values.dtype.name if isinstance(values, np.ndarray) else type(values).__name__
            raise DataError(f"Features must be an array of real numbers, not {came}; save them as float16 or float32.")
        if values.ndim != 2 or 0 in values.shape:
            raise DataError(
                f"Features must have shape (items, dimensions), not {values.shape}; flatten each item to one row."
            )
        if values.dtype not in (np.float16, np.float32):
            with np.errstate(over="ignore"):
                object.__setattr__(self, "values", values.astype(np.float32))

        for start, block in self.blocks():
            bad = ~np.isfinite(block).all(axis=1)
            if bad.any():
                row = start + int(np.argmax(bad))
                raise DataError(
                    f"Features hold NaN, infinity or what float32 cannot hold, first in row {row}; "
                    "correct or leave out that item's features."
                )
        if self.prior is not None:
            _check_chances(self.prior, len(self))

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def blocks(self) -> Iterator[tuple[int, Float32Array]]:
        """Rows in order as `(first row, float32 block)`, so that no second copy of all is ever made."""
        for start in range(0, len(self), ROWS_PER_BLOCK):
            yield start, np.asarray(self.values[start : start + ROWS_PER_BLOCK], dtype=np.float32)

    @cached_property
    def fingerprint(self) -> str:
        digest = blake2b(repr((self.values.shape, self.values.dtype.str)).encode(), digest_size=16)
        for start in range(0, len(self), ROWS_PER_BLOCK):
            digest.update(np.ascontiguousarray(self.values[start : start + ROWS_PER_BLOCK]).data)
        if self.prior is not None:
            digest.update(np.ascontiguousarray(self.prior).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Annotations:
    """What people said, as three columns of equal length M: who called which item what.

    Args:
        item: (M,) indices below `n_items`.
        annotator: (M,) indices below `n_annotators`.
        label: (M,) indices below `n_classes`.

    Raises:
        DataError: columns of unequal length, not whole numbers, or out of range.
    """

    item: IntArray
    annotator: IntArray
    label: IntArray
    n_items: int
    n_annotators: int
    n_classes: int

    def __post_init__(self) -> None:
        for name, upper in (
            ("item", self.n_items),
            ("annotator", self.n_annotators),
            ("label", self.n_classes),
        ):
            object.__setattr__(self, name, _indices(getattr(self, name), upper, name))
        if not len(self.item) == len(self.annotator) == len(self.label):
            raise DataError(
                f"Annotations need columns of equal length, not item {len(self.item)}, "
                f"annotator {len(self.annotator)}, label {len(self.label)}."
            )

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Items whose label is known in advance; nobody is asked about them.

    Args:
        item: (P,) different item indices.
        label: (P,) their classes.

    Raises:
        DataError: an item twice, negative or non-integer entries, unequal lengths.
    """

    item: IntArray
    label: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", _indices(self.item, None, "prototype item"))
        object.__setattr__(self, "label", _indices(self.label, None, "prototype label"))
        if len(self.item) != len(self.label):
            raise DataError(f"There are {len(self.item)} prototype items but {len(self.label)} labels for them.")
        _refuse_repeats("prototype item", self.item.tolist())

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def none(cls) -> "Prototypes":
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    def check_fit(self, dataset: Dataset) -> None:
        """Raises DataError if a prototype is no item of the dataset or its label no class."""
        _indices(self.item, dataset.n_items, "prototype item")
        _indices(self.label, dataset.n_classes, "prototype label")


@dataclass(frozen=True, eq=False)
class Confusion:
    """P(annotator j says z | truth y) for all annotators: prior counts plus what each has been seen to do.

    Only pairs (annotator, label) that occur are held: never more than annotations x K numbers. Row = truth, rows
    sum to 1.

    Args:
        prior_counts: Dirichlet counts, row = truth: (K, K) for everyone, or (J, K, K); of more matrices than J
            the last ones are for people who have not joined yet.
        annotator: (Q,) sorted; with `label` the pairs that occur.
        label: (Q,) sorted within an annotator.
        counts: (Q, K): how often, by expectation, this annotator gave this label to an item of class y.
        n_annotators: J.
        odds: (J or fewer,) of each annotator: by what factor the odds of a right label differ from those of the
            prior (K, K); the rest of a row keeps its proportions. Who is not in it has the prior as it is; none means
            that for everyone.
    """

    prior_counts: FloatArray
    annotator: IntArray
    label: IntArray
    counts: FloatArray
    n_annotators: int
    odds: FloatArray | None = None

    @property
    def n_classes(self) -> int:
        return int(self.prior_counts.shape[-1])

    @cached_property
    def crowd(self) -> FloatArray:
        """(K, K): the confusion of an annotator of whom nothing is known: the prior, on average over annotators."""
        probabilities = self.prior_counts / self.prior_counts.sum(-1, keepdims=True)
        return probabilities if probabilities.ndim == 2 else np.asarray(probabilities.mean(axis=0))

    def with_counts(self, counts: FloatArray) -> "Confusion":
        """The same people and prior with other counts (Q, K); what depends on the prior alone is not computed again."""
        changed = replace(self, counts=counts)
        of_prior = ("prior_totals", "prior_diagonal", "pair_prior", "_pairs_of_annotators")
        changed.__dict__.update({name: self.__dict__[name] for name in of_prior if name in self.__dict__})
        return changed

    @cached_property
    def prior_totals(self) -> FloatArray:
        """(J, K): prior counts of each annotator for each true class."""
        return self._for_each_annotator(self.prior_counts.sum(-1))

    @cached_property
    def prior_diagonal(self) -> FloatArray:
        """(J, K): prior counts of each annotator for right labels."""
        right = self._for_each_annotator(np.diagonal(self.prior_counts, axis1=-2, axis2=-1))
        if self.odds is None:
            return right
        factor = np.ones((self.n_annotators, 1))
        factor[: len(self.odds), 0] = self.odds[: self.n_annotators]
        wrong = self.prior_totals - right
        return self.prior_totals * right * factor / (right * factor + wrong)

    @cached_property
    def row_totals(self) -> FloatArray:
        """(J, K): prior and seen counts of each annotator for each true class."""
        return self.prior_totals + np.asarray(self._pairs_of_annotators @ self.counts, np.float64)

    @cached_property
    def pair_probabilities(self) -> FloatArray:
        """(Q, K): for each pair, P(the annotator says this label | truth y)."""
        probabilities = self.pair_prior + self.counts
        probabilities /= self.row_totals.take(self.annotator, axis=0)
        return probabilities

    @cached_property
    def pair_prior(self) -> FloatArray:
        """(Q, K): the prior counts that belong to each pair."""
        if self.prior_counts.ndim == 3:
            return self.prior_counts[self.annotator, :, self.label]
        counts = self.prior_counts.T[self.label]
        if self.odds is not None:
            counts = counts * self._wrong_scale[self.annotator]
            counts[np.arange(len(self.label)), self.label] = self.prior_diagonal[self.annotator, self.label]
        return counts

    @cached_property
    def _wrong_scale(self) -> FloatArray:
        """(J, K): by what factor the prior counts of wrong labels differ from those of the crowd."""
        wrong = self.prior_totals - np.diagonal(self.prior_counts)
        return np.asarray((self.prior_totals - self.prior_diagonal) / wrong)

    @cached_property
    def _pairs_of_annotators(self) -> sparse.csr_array[np.float64]:
        """(J, Q): 1 where a pair is of an annotator."""
        Q = len(self.annotator)
        ends = np.searchsorted(self.annotator, np.arange(self.n_annotators + 1))
        return sparse.csr_array((np.ones(Q), np.arange(Q), ends), shape=(self.n_annotators, Q))

    def matrices(self, annotator: Sequence[int] | IntArray) -> FloatArray:
        """(len(annotator), K, K): the confusion matrices of some annotators."""
        chosen = np.asarray(annotator, dtype=np.int64)
        K = self.n_classes
        prior = self.prior_counts if self.prior_counts.ndim == 2 else self.prior_counts[chosen]
        matrices = np.broadcast_to(prior, (len(chosen), K, K)).copy()
        if self.odds is not None:
            matrices *= self._wrong_scale[chosen][:, :, None]
            matrices[:, np.arange(K), np.arange(K)] = self.prior_diagonal[chosen]
        for position, j in enumerate(chosen):
            pairs = slice(*np.searchsorted(self.annotator, [j, j + 1]))
            matrices[position][:, self.label[pairs]] += self.counts[pairs].T
        return matrices / self.row_totals[chosen][:, :, None]

    @cached_property
    def diagonal(self) -> FloatArray:
        """(J, K): how often each annotator is right on items of each class."""
        right = self.prior_diagonal.copy()
        right[self.annotator, self.label] += self.counts[np.arange(len(self.label)), self.label]
        return right / self.row_totals

    def skill(self, class_prior: FloatArray) -> FloatArray:
        """(J,): the chance that each annotator is right, for classes as frequent as `class_prior` (K,)."""
        return self.diagonal @ class_prior

    def _for_each_annotator(self, of_prior: FloatArray) -> FloatArray:
        """(J, K) from what the prior says for everyone, (K,), or for each annotator, (J or more, K)."""
        J = self.n_annotators
        return np.broadcast_to(of_prior if of_prior.ndim == 1 else of_prior[:J], (J, self.n_classes))


@dataclass(frozen=True, eq=False)
class Estimate:
    """All that is believed after looking at the log up to one position.

    Args:
        posterior: (N, K), rows sum to 1: the chance of each class for each item; one-hot for prototypes.
        confusion: what is believed of every annotator.
        class_prior: (K,), sums to 1.
        machine: (N, K) float32, what the learner alone says; none without a learner.
        machine_loss: validation cross-entropy (nats) of the learner behind `machine`; infinite if nothing judged it.
        objective: log posterior density of the confusions (nats, up to a constant); 0 for majority vote.
        upto: log position; entries after it are not yet considered.
    """

    posterior: FloatArray
    confusion: Confusion
    class_prior: FloatArray
    machine: Float32Array | None
    machine_loss: float
    objective: float
    upto: int = 0

    @cached_property
    def label(self) -> IntArray:
        """(N,): the most likely class of each item; the lowest index wins a tie."""
        return np.asarray(self.posterior.argmax(axis=1), dtype=np.int64)

    @cached_property
    def risk(self) -> FloatArray:
        """(N,): 1 - the largest posterior: the chance, as believed, that `label` is wrong."""
        return np.asarray(1.0 - self.posterior[np.arange(len(self.label)), self.label])


@dataclass(frozen=True)
class Batch:
    """Items handed out together to one annotator, promised until `lease_end` (seconds, the campaign's clock)."""

    id: int
    annotator: str
    items: tuple[int, ...]
    lease_end: float


class SkipReason(StrEnum):
    """Why an annotator gave no label: did not want to; could not tell; it is no class; there is nothing to see."""

    SKIP = "skip"
    UNSURE = "unsure"
    NONE_OF_THESE = "none_of_these"
    BROKEN = "broken"


@dataclass(frozen=True)
class Answer:
    """What an annotator did with one item of a batch.

    Args:
        item: index of the item.
        label: index of the class; none if the annotator skipped the item.
        response_ms: time from showing the item to the answer, in milliseconds.
        id: 16 bytes made by the client, so that a repeated delivery is known as such, and the answer can be undone.
        reason: of an answer without a label; none stands for `SkipReason.SKIP` there.

    Raises:
        AnswerError: a number that is not whole or has no place in a log, an id that is not 16 bytes, a reason that
            does not exist or stands beside a label.
    """

    item: int
    label: int | None
    response_ms: int | None = None
    id: bytes | None = None
    reason: SkipReason | None = None

    def __post_init__(self) -> None:
        for name in ("item", "label", "response_ms"):
            value = getattr(self, name)
            if type(value) is int and -(2**63) <= value < 2**63:
                continue
            if value is not None or name == "item":
                object.__setattr__(self, name, _whole_number(value, f"{name} of an answer"))
        if self.id is not None and not (isinstance(self.id, bytes) and len(self.id) == 16):
            raise AnswerError(f"The id of an answer must be 16 bytes, not {self.id!r}; take uuid.uuid4().bytes.")
        if self.label is None:
            object.__setattr__(self, "reason", _known_reason(self.reason or SkipReason.SKIP))
        elif self.reason is not None:
            raise AnswerError(f"An answer has a label or a reason, not label {self.label} and {self.reason!r}.")

    @property
    def said(self) -> int | SkipReason:
        """The label, or why there is none."""
        return self.label if self.reason is None else self.reason  # type: ignore[return-value]


@dataclass(frozen=True)
class Invitation:
    """Somebody's way in: who they are and what they may do.

    Args:
        id: log position of the invitation.
        name: of the annotator, or whoever looks on.
        role: annotator: answers; viewer: sees how things stand; admin: decides.
        ends: when, in seconds of the campaign's clock; none: never.
        is_revoked: taken back.
    """

    id: int
    name: str
    role: Role
    ends: float | None = None
    is_revoked: bool = False

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise ConfigError(f"role={self.role!r} is not known; allowed: {', '.join(get_args(Role))}.")
        if not self.name or not self.name.isprintable():
            raise ConfigError(f"{self.name!r} is no name; give one of letters that can be printed.")


def _check_chances(prior: npt.NDArray[Any], n_items: int) -> None:
    if prior.ndim != 2 or len(prior) != n_items or prior.shape[1] < 2:
        raise DataError(f"A prior of {n_items} items must have shape ({n_items}, classes), not {prior.shape}.")
    is_wrong = ~((prior >= 0).all(axis=1) & (np.abs(prior.sum(axis=1) - 1) < 1e-3))
    if is_wrong.any():
        raise DataError(
            f"Row {int(np.argmax(is_wrong))} of the prior holds no chances; each must be 0 or more, and a row must sum "
            "to 1."
        )


def _whole_number(value: Any, what: str) -> int:
    """The value as Python's own int, so that NumPy's integers get into a log as numbers too."""
    if not isinstance(value, int | np.integer) or not -(2**63) <= value < 2**63:
        raise AnswerError(f"The {what} must be a whole number, not {value!r}.")
    return int(value)


def _known_reason(reason: str) -> SkipReason:
    try:
        return SkipReason(reason)
    except ValueError:
        raise AnswerError(f"reason={reason!r} is not known; allowed: {', '.join(SkipReason)}.") from None


def _refuse_repeats(what: str, values: Sequence[Any]) -> None:
    if len(set(values)) == len(values):
        return
    repeated = [value for value, count in Counter(values).items() if count > 1]
    more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
    raise DataError(f"Every {what} must be different, but {repeated[0]!r}{more} occurs more than once.")


def _indices(values: npt.ArrayLike, upper: int | None, name: str) -> IntArray:
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"The column {name} must be a one-dimensional array of whole numbers, "
            f"not {array.dtype} of shape {array.shape}."
        )
    bad = array < 0 if upper is None else (array < 0) | (array >= upper)
    if bad.any():
        first = int(np.argmax(bad))
        allowed = "0 or more" if upper is None else f"0 to {upper - 1}"
        raise DataError(f"The column {name} holds {array[first]} in row {first}; allowed is {allowed}.")
    return array.astype(np.int64, copy=False)
