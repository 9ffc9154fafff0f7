"""Which items for which annotator: at random, each batch to whom is believed to know it best, or what an answer is
worth most for.

An item may be asked about if it is free (below its cap, promised to nobody) and risky. Nobody is asked twice about
one item, nobody beyond their capacity or about what they cannot judge. A batch may be short, and a plan may hold
fewer batches than were wished for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from askless.core import worth
from askless.core.active_lab import active_lab
from askless.settings import SamplerSettings
from askless.types import Annotations, BoolArray, Confusion, Float32Array, FloatArray, IntArray

THRESHOLD_STEP = 0.01
DIVERSITY = 0.3
"""Times Gumbel noise on the logarithm of worth: batches that are not all of one kind (Kirsch et al. 2021). ActiveLab,
as published, has none."""

MAX_LOOKED_AT = 10_000
"""So many risky items, drawn at random, are looked at, at most, before a batch is made."""

SKILL_STRENGTH = 15.0
"""How many answers what is believed of a new annotator's skill is worth."""

CERTAINTY = 4.0
"""A skill is drawn as if so many times more were known, half as far from what is expected: people are many and batches
few, so that to try everyone would cost more than it finds (Bayati et al. 2020)."""

MAX_LOAD = 4.0
MAX_AHEAD = 2
"""Whoever has had so many batches more than so many times the mean number of items comes last."""

TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Workload:
    """One annotator who is there: index, the items already asked about (any order), how many more are allowed, the
    only items that they can be asked about, if not all, and what an answer costs."""

    annotator: int
    asked: IntArray
    capacity: int
    askable: IntArray | None = None
    price: float = 1.0


@dataclass(frozen=True, eq=False)
class Assignment:
    """Items for one annotator, with the score of each: the risk of the item (`random`), the chance that this
    annotator is right about it (`greedy_task_assignment`), or what an answer is worth (all others; `worth.py`,
    `active_lab.py`)."""

    annotator: int
    items: IntArray
    scores: FloatArray


def plan(
    posterior: FloatArray,
    risk: FloatArray,
    confusion: Confusion,
    is_free: BoolArray,
    workloads: Sequence[Workload],
    n_batches: int,
    batch_size: int,
    budget: int | None,
    max_risk: float,
    settings: SamplerSettings,
    *,
    rng: np.random.Generator,
    answer_power: float = 1.0,
    annotations: Annotations | None = None,
    machine: Float32Array | None = None,
) -> list[Assignment]:
    """Up to `n_batches` batches of up to `batch_size` items, each for another annotator, no item twice.

    Args:
        posterior: (N, K).
        risk: (N,) 1 - max posterior.
        confusion: what is believed of the annotators; the greedy sampler looks at each, `value` at the crowd.
        is_free: (N,) items below their cap that nobody holds.
        workloads: the annotators who are there.
        budget: most items in all, or none.
        max_risk: items below this risk are finished.
        settings: which sampler.
        rng: which items, ties, and for all but the greedy sampler which annotators.
        answer_power: with which the likelihood of a label enters the posterior.
        annotations: what people have said, for `active_lab`; none if nobody has said anything.
        machine: (N, K) what the machine alone says, for `active_lab`.
    """
    is_free = is_free.copy()
    left = budget if budget is not None else int(is_free.sum())
    waiting = [workloads[position] for position in rng.permutation(len(workloads)) if workloads[position].capacity > 0]
    if not waiting:
        return []
    if settings.whom == "thompson":
        waiting = _by_drawn_skill(waiting, confusion, batch_size, rng)
    is_greedy = settings.algo == "greedy_task_assignment"
    score, urgency = risk, None
    if settings.algo == "active_lab":
        if annotations is None:
            nothing = np.empty(0, np.int64)
            annotations = Annotations(nothing, nothing, nothing, len(posterior), 0, posterior.shape[1])
        score = active_lab(annotations, machine)
        urgency = score + TINY * rng.random(len(score))
    elif settings.algo not in ("random", "greedy_task_assignment"):
        score = _worth(posterior, confusion, np.flatnonzero(is_free & (risk >= max_risk)), settings, answer_power, rng)
        urgency = np.log(score + TINY) + DIVERSITY * rng.gumbel(size=len(score))
    chosen: list[Assignment] = []
    while waiting and len(chosen) < n_batches and left > 0:
        drawn = np.empty(0, np.int64)
        if is_greedy:
            drawn = _draw(_eligible(is_free, risk, max_risk, batch_size, settings), batch_size, rng)
            waiting = _best_first(waiting, posterior[drawn], confusion, rng)
        workload = waiting.pop(0)
        size = min(batch_size, workload.capacity, left)
        may_ask = _may_ask(workload, is_free)
        items = drawn[may_ask[drawn]][:size]
        may_ask[items] = False
        others = _eligible(may_ask, risk, max_risk, size - len(items), settings)
        items = np.concatenate([items, _draw(others, size - len(items), rng, urgency)])
        if len(items):
            is_free[items] = False
            left -= len(items)
            scores = posterior[items] @ confusion.diagonal[workload.annotator] if is_greedy else score[items]
            chosen.append(Assignment(workload.annotator, items, scores))
    return chosen


def _may_ask(workload: Workload, is_free: BoolArray) -> BoolArray:
    may_ask = is_free.copy()
    if workload.askable is not None:
        is_askable = np.zeros_like(is_free)
        is_askable[workload.askable] = True
        may_ask &= is_askable
    may_ask[workload.asked] = False
    return may_ask


def _eligible(
    may_ask: BoolArray, risk: FloatArray, max_risk: float, n_wanted: int, settings: SamplerSettings
) -> IntArray:
    """Items to choose from. With `fill_batches`, the paper's rule for a batch that would be short:
    the threshold goes down in steps of 0.01 until there are enough or no more."""
    eligible = np.flatnonzero(may_ask & (risk >= max_risk))
    if settings.fill_batches:
        threshold = max_risk
        while len(eligible) < n_wanted and threshold >= 0:
            threshold -= THRESHOLD_STEP
            eligible = np.flatnonzero(may_ask & (risk > threshold))
    return eligible


def _draw(items: IntArray, size: int, rng: np.random.Generator, urgency: FloatArray | None = None) -> IntArray:
    """At random, or the most urgent ones."""
    if urgency is None:
        return rng.choice(items, min(size, len(items)), replace=False)
    return items[np.argsort(-urgency[items], kind="stable")[:size]]


def _worth(
    posterior: FloatArray,
    confusion: Confusion,
    risky: IntArray,
    settings: SamplerSettings,
    answer_power: float,
    rng: np.random.Generator,
) -> FloatArray:
    """(N,) what an answer is worth; 0 for items that are not risky, or too many to be looked at."""
    score = np.zeros(len(posterior))
    looked_at = _draw(risky, MAX_LOOKED_AT, rng)
    q = posterior[looked_at]
    match settings.algo:
        case "value":
            score[looked_at] = worth.value(q, confusion.crowd, answer_power, rng)
        case "entropy":
            score[looked_at] = worth.entropy(q)
        case _:
            score[looked_at] = worth.margin(q)
    return score


def _by_drawn_skill(
    workloads: list[Workload], confusion: Confusion, batch_size: int, rng: np.random.Generator
) -> list[Workload]:
    """Thompson sampling: a skill is drawn from what is believed of each, so that those of whom little is known get
    their chance; whose answer tells most for its price comes first; nobody is given far more than others."""
    load = np.array([len(workload.asked) for workload in workloads])
    skill = confusion.diagonal[[workload.annotator for workload in workloads]].mean(axis=1)
    n = CERTAINTY * (load + SKILL_STRENGTH)
    drawn = rng.beta(skill * n, (1 - skill) * n)
    told = worth.information(drawn, confusion.n_classes) / np.array([workload.price for workload in workloads])
    is_ahead = load > MAX_LOAD * load.mean() + MAX_AHEAD * batch_size
    return [workloads[position] for position in np.lexsort((-drawn, -told, is_ahead))]


def _best_first(
    workloads: list[Workload], posterior: FloatArray, confusion: Confusion, rng: np.random.Generator
) -> list[Workload]:
    """By the mean chance of being right about items with this posterior (n, K); near-ties (1e-8) at random."""
    if not len(posterior):
        return workloads
    annotators = [workload.annotator for workload in workloads]
    skill = confusion.diagonal[annotators] @ posterior.mean(axis=0) + rng.random(len(workloads)) * 1e-8
    return [workloads[position] for position in np.argsort(-skill)]
