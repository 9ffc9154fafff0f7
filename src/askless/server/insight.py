"""What a manager wants to know of people and items, from arrays alone.

Axes: N items, J annotators, K classes, M annotations.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.special import betaincinv, xlogy

from askless.types import Annotations, Confusion, Estimate, FloatArray, IntArray

LEVEL = 0.95
"""Of every interval."""

FAST_MS = 250
"""A median response below this is no look at a picture."""

RARE = 1e-6
"""What honest answers would do by chance so seldom is flagged."""

MIN_ANSWERS = 30
"""Of so few answers nothing is flagged but a run of the same."""

MIN_RUN = 10

MAX_AGREEMENT = 0.98
"""However good two people are, by this much at most they should agree on one item."""

LEAST_AGREEMENT = 0.5
"""Where people agree on surely fewer images than this, they contradict each other."""


class Flag(StrEnum):
    """fast: median response under `FAST_MS`. run: the same answer so often in a row that chance would do it once in
    1 / `RARE`. chance: the interval of their skill holds what guessing gives. gold: even the upper end of their
    agreement with gold is below what is asked for. copy: somebody's answers are theirs, item by item, see `copies`."""

    FAST = "fast"
    RUN = "run"
    CHANCE = "chance"
    GOLD = "gold"
    COPY = "copy"


@dataclass(frozen=True)
class Interval:
    """A share and the ends of its interval of 95 %; all between 0 and 1."""

    share: float
    low: float
    high: float


def exact_interval(n_right: int, n: int) -> Interval | None:
    """The share of successes in n tries (Clopper and Pearson 1934), which covers at least as often as it says; none
    without tries."""
    if not n:
        return None
    tail = (1 - LEVEL) / 2
    low = float(betaincinv(n_right, n - n_right + 1, tail)) if n_right else 0.0
    high = float(betaincinv(n_right + 1, n - n_right, 1 - tail)) if n_right < n else 1.0
    return Interval(n_right / n, low, high)


def skills(confusion: Confusion) -> list[Interval | None]:
    """Of each annotator the share of answers that are right, as the estimate believes.

    The share is the expected number of right answers r over the number of answers n: of the expected counts of an
    annotator the part on the diagonal. The interval is Jeffreys', from Beta(r + 1/2, n - r + 1/2) (Brown, Cai and
    DasGupta 2001, section 3): what so few answers leave open. That the estimate itself may be wrong is not in it. None
    for who has no answer in the estimate.
    """
    J = confusion.n_annotators
    right = confusion.counts[np.arange(len(confusion.label)), confusion.label]
    n = np.bincount(confusion.annotator, weights=confusion.counts.sum(axis=1), minlength=J)
    r = np.minimum(np.bincount(confusion.annotator, weights=right, minlength=J), n)
    tail = (1 - LEVEL) / 2
    low, high = (betaincinv(r + 0.5, n - r + 0.5, end) for end in (tail, 1 - tail))
    share = np.divide(r, n, out=np.zeros(J), where=n > 0)
    return [
        Interval(float(share[j]), float(min(low[j], share[j])), float(max(high[j], share[j]))) if n[j] else None
        for j in range(J)
    ]


def chance_level(shares: FloatArray) -> float:
    """How often a guess is right that follows the shares (K,) of the classes."""
    return float((shares**2).sum())


def flags(
    *,
    n_answers: int,
    median_ms: float | None,
    longest_run: int,
    share_of_run: float,
    skill: Interval | None,
    chance: float,
    gold: Interval | None,
    least_gold: float,
    is_copy: bool,
) -> list[Flag]:
    """What should be looked at in one annotator. A flag is a reason to look, not a verdict.

    Args:
        n_answers: labels they gave.
        median_ms: of their last response times.
        longest_run: how often they gave the same label in a row.
        share_of_run: the share of that label among everybody's.
        skill, chance: see `skills` and `chance_level`.
        gold, least_gold: agreement with gold, and what is asked for.
        is_copy: see `copies`.
    """
    is_known = n_answers >= MIN_ANSWERS
    raised = {
        Flag.FAST: is_known and median_ms is not None and median_ms < FAST_MS,
        Flag.RUN: longest_run >= MIN_RUN and share_of_run**longest_run < RARE,
        Flag.CHANCE: is_known and skill is not None and skill.low <= chance,
        Flag.GOLD: gold is not None and gold.high < least_gold,
        Flag.COPY: is_copy,
    }
    return [flag for flag, is_raised in raised.items() if is_raised]


def agreement(annotations: Annotations) -> tuple[int, int]:
    """Of the items with at least two labels, how many have the same label first and second, and how many there are."""
    order = np.argsort(annotations.item, kind="stable")
    label = annotations.label[order]
    _, first, n = np.unique(annotations.item[order], return_index=True, return_counts=True)
    first = first[n > 1]
    return int((label[first] == label[first + 1]).sum()), len(first)


def copies(annotations: Annotations, skill: FloatArray) -> list[tuple[int, int, int]]:
    """Pairs of annotators who said the same of every item that both were asked about, and how many items these are.

    Only so many that people of their skill (J,), who err apart from each other, would agree on all of them with a
    chance below `RARE`: they agree on one item with a chance of at most s t + (1 - s)(1 - t).
    """
    N, J, K = annotations.n_items, annotations.n_annotators, annotations.n_classes
    ones = np.ones(len(annotations), np.int64)
    cells, cell = np.unique(annotations.item * K + annotations.label, return_inverse=True)
    seen = csr_array((ones, (annotations.annotator, annotations.item)), shape=(J, N))
    said = csr_array((ones, (annotations.annotator, cell)), shape=(J, len(cells)))
    n_shared, n_same = (seen @ seen.T).tocoo(), (said @ said.T).tocsr()
    a, b, shared = n_shared.row, n_shared.col, n_shared.data
    is_pair = (a < b) & (shared >= MIN_ANSWERS)
    a, b, shared = a[is_pair], b[is_pair], shared[is_pair]
    if not len(a):
        return []
    agreement = np.minimum(skill[a] * skill[b] + (1 - skill[a]) * (1 - skill[b]), MAX_AGREEMENT)
    is_copy = (n_same[a, b] == shared) & (shared * np.log(agreement) < np.log(RARE))
    return [(int(i), int(j), int(n)) for i, j, n in zip(a[is_copy], b[is_copy], shared[is_copy], strict=True)]


def dispute(annotations: Annotations, skill: FloatArray) -> FloatArray:
    """(N,) in bits: how much people disagree about each item.

    The entropy of its votes, each with the weight of who gave it, their skill (J,); times n / (n + 1) for n votes, as
    three against three is more of a dispute than one against one.
    """
    N, K = annotations.n_items, annotations.n_classes
    cell, at = np.unique(annotations.item * K + annotations.label, return_inverse=True)
    weight = np.bincount(at, weights=skill[annotations.annotator], minlength=len(cell))
    item = cell // K
    total = np.bincount(item, weights=weight, minlength=N)
    share = np.divide(weight, total[item], out=np.zeros(len(cell)), where=total[item] > 0)
    entropy = np.bincount(item, weights=-xlogy(share, share) / np.log(2), minlength=N)
    n = np.bincount(annotations.item, minlength=N)
    return np.asarray(entropy * n / (n + 1))


def pooled_confusion(confusion: Confusion) -> FloatArray:
    """(K, K): how often, by expectation, people said the column of an item that is of the row's class."""
    K = confusion.n_classes
    pooled = np.zeros((K, K))
    np.add.at(pooled.T, confusion.label, confusion.counts)
    return pooled


def top_confusions(pooled: FloatArray, n: int) -> list[tuple[int, int]]:
    """The (truth, label) off the diagonal that were most often confused, by expected number of answers."""
    wrong = pooled.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    return [(int(cell) // len(wrong), int(cell) % len(wrong)) for cell in order if wrong.flat[cell] > 0]


def forecast(n_answers: int, n_finished: int, n_open: int, n_left: int | None) -> int | None:
    """How many answers are still to come, if the images that are open cost as much as those that are finished did.

    Args:
        n_left: what is left of the budget, which is the most; none without one.

    Returns:
        None before there is anything to go by: an answer and a finished image.
    """
    if not n_open:
        return 0
    if not (n_answers and n_finished):
        return n_left
    n_to_come = round(n_answers / n_finished * n_open)
    return n_to_come if n_left is None else min(n_to_come, n_left)


def highest(scores: FloatArray, start: int, n: int) -> IntArray:
    """The indices of the scores above 0 from the `start`-th highest on, `n` at most; ties in order of the index."""
    order = np.argsort(-scores, kind="stable")[start : start + n]
    return np.asarray(order[scores[order] > 0], dtype=np.int64)


@dataclass(frozen=True)
class CloseLook:
    """What takes a while to find: once for an estimate and the annotations at that time."""

    estimate: Estimate
    annotations: Annotations

    @cached_property
    def skills(self) -> list[Interval | None]:
        return skills(self.estimate.confusion)

    @cached_property
    def weight(self) -> FloatArray:
        """(J,): the skill of each annotator; of who is not in the estimate yet, the mean of all others."""
        known = [skill.share for skill in self.skills if skill]
        mean = float(np.mean(known)) if known else 1.0
        of_new = [None] * (self.annotations.n_annotators - len(self.skills))
        return np.array([skill.share if skill else mean for skill in [*self.skills, *of_new]])

    @cached_property
    def dispute(self) -> FloatArray:
        return dispute(self.annotations, self.weight)

    @cached_property
    def copies(self) -> list[tuple[int, int, int]]:
        return copies(self.annotations, self.weight)

    @cached_property
    def agreement(self) -> tuple[int, int]:
        return agreement(self.annotations)

    @cached_property
    def pooled(self) -> FloatArray:
        return pooled_confusion(self.estimate.confusion)
