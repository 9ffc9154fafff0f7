"""Runs that differ in nothing but the seed, told as one: means, and how far the seeds lie apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from askless.report.run import Run, name_apart
from askless.types import FloatArray

MOST_SEEDS_NAMED = 5


@dataclass(frozen=True)
class Spread:
    """One number of several runs.

    Args:
        mean: over all runs; none if any of them lacks the number, for the mean of the others would flatter.
        low, high: the lowest and the highest there is, or none.
        n_known: how many of the runs have the number.
        n: how many runs there are.
    """

    mean: float | None
    low: float | None
    high: float | None
    n_known: int
    n: int


@dataclass(frozen=True, eq=False)
class Band:
    """A curve of several runs over annotations per item.

    Args:
        cost: (P,) every cost at which any of the runs was measured, from where all are known.
        mean, low, high: (P,) over the runs. Between its rounds a run is interpolated; after its end it keeps its last
            value, as its labels cost nothing more.
        end_cost, end_value: where each of the runs ended.
    """

    cost: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    end_cost: FloatArray
    end_value: FloatArray


@dataclass(frozen=True, eq=False)
class Group:
    """One run, or several with different seeds and equal settings beside."""

    name: str
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> str:
        if len(self.runs) > MOST_SEEDS_NAMED:
            return f"{len(self.runs)} seeds"
        return ", ".join(run.text("seed") for run in self.runs)

    def spread(self, key: str) -> Spread:
        """Of a number of the summaries."""
        return _spread([run.number(key) for run in self.runs])

    def spread_to_reach(self, level: str) -> Spread:
        """Of the annotations per item at which an accuracy was first reached."""
        return _spread([run.reached.get(level) for run in self.runs])

    def band(self, column: str) -> Band:
        """Of a column of the curves."""
        curves = [_known(run.curves["annotations_per_item"], run.curves[column]) for run in self.runs]
        curves = [(cost, value) for cost, value in curves if len(cost)]
        if not curves:
            return Band(*[np.empty(0)] * 6)
        cost = np.unique(np.concatenate([cost for cost, _ in curves]))
        cost = cost[cost >= max(cost[0] for cost, _ in curves)]
        values = np.array([np.interp(cost, *curve) for curve in curves])
        ends = np.array([(cost[-1], value[-1]) for cost, value in curves])
        return Band(cost, values.mean(axis=0), values.min(axis=0), values.max(axis=0), *ends.T)


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """Groups in the order of their first runs, named by what differs between them.

    The same run given twice is no further seed, so it makes a group of its own.
    """
    count: Counter[frozenset[tuple[str, str]]] = Counter()
    members: dict[tuple[frozenset[tuple[str, str]], int], list[Run]] = {}
    for run in runs:
        settings = frozenset(run.settings.items())
        without_seed = frozenset((key, value) for key, value in settings if key != "seed")
        members.setdefault((without_seed, count[settings]), []).append(run)
        count[settings] += 1
    if len(members) == len(runs):
        return [Group(run.name, (run,)) for run in runs]
    names = name_apart([group[0] for group in members.values()], is_seed_told=False)
    return [Group(name, tuple(group)) for name, group in zip(names, members.values(), strict=True)]


def _spread(values: Sequence[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None, None, 0, len(values))
    mean = float(np.mean(known)) if len(known) == len(values) else None
    return Spread(mean, min(known), max(known), len(known), len(values))


def _known(cost: FloatArray, value: FloatArray) -> tuple[FloatArray, FloatArray]:
    is_known = np.isfinite(cost) & np.isfinite(value)
    return cost[is_known], value[is_known]
