"""What a campaign will have cost at its end, from how the believed risk has fallen so far.

The fourth root of the mean risk falls about evenly with the answers: slower than the risk itself, since the easy images
are done first, and faster than its logarithm, since it ends with the last image. So a line through it says when the
risk is low enough to stop; with a promise, when answers and the audit they leave to do are together the fewest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np

from askless.core.promise import Terms, expect_audits
from askless.types import FloatArray

MIN_REFRESHES = 3
POWER = 0.25
"""Of the risk, for it to fall evenly (measured: docs/explanation/promise.md)."""

MIN_FALL = 0.0025
"""In that power of the risk, as a share of it, since the first refresh."""

N_AHEAD, LEAST_RISK = 60, 1e-4
"""Points between now and so low a risk at which the rest is looked at."""

SLOWER, FASTER = 0.75, 1.35
"""By such factors the fall of the risk may differ from what it was (benchmarks/efficiency/promise.py)."""

REST_SPREAD = 1.7
"""By such a factor, up or down, what an audit takes may differ."""

FINISHED_RISK = 0.2
"""Mean risk when every item is finished, as a share of `max_risk` (measured likewise)."""


@dataclass(frozen=True)
class Forecast:
    """Labels in all at the end of the campaign, those of auditors included: the likely number, and bounds of 80 %."""

    n_answers: int
    low: int
    high: int


def forecast(history: Sequence[tuple[int, float]], rest: Callable[[float], float]) -> Forecast | None:
    """None while there are too few refreshes, no answers between them, or the risk does not fall.

    Args:
        history: labels so far and mean risk, after each refresh.
        rest: what is to be paid after the last label of the crowd, if the mean risk is such then; infinite if that is
            not low enough to end.
    """
    if len(history) < MIN_REFRESHES:
        return None
    n_answers, risk = np.array(history, dtype=np.float64).T
    if n_answers[-1] == n_answers[0]:
        return None
    level = risk**POWER
    slope = np.polynomial.Polynomial.fit(n_answers, level, 1, domain=[]).coef[1]
    if slope * (n_answers[-1] - n_answers[0]) >= -MIN_FALL * level[0]:
        return None
    totals = [
        _least_total(n_answers[-1], risk[-1], slope * factor, rest, share)
        for factor, share in ((1.0, 1.0), (FASTER, 1 / REST_SPREAD), (SLOWER, REST_SPREAD))
    ]
    if not np.isfinite(totals).all():
        return None
    likely, low, high = (round(total) for total in totals)
    return Forecast(likely, low, high)


def until_finished(max_risk: float) -> Callable[[float], float]:
    """The `rest` of a campaign that ends when every item is finished."""
    return lambda risk: 0.0 if risk <= FINISHED_RISK * max_risk else np.inf


def until_promised(terms: Terms) -> Callable[[float], float]:
    """The `rest` of a campaign that ends with an audit on these terms, of labels with another mean risk."""

    @cache
    def audits(hundredths: int) -> float:
        return expect_audits(terms, hundredths / 100)

    return lambda risk: audits(ceil(100 * risk / max(terms.risk, 1e-9)))


def _least_total(n_answers: float, risk: float, slope: float, rest: Callable[[float], float], share: float) -> float:
    """The fewest labels in all, over the times when the crowd could be stopped; `share` is a factor on the rest."""
    levels: FloatArray = np.linspace(risk**POWER, min(LEAST_RISK, risk) ** POWER, N_AHEAD)
    return float(min(n_answers + (level - levels[0]) / slope + share * rest(level ** (1 / POWER)) for level in levels))
