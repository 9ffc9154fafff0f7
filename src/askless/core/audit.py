"""When it pays to audit the labels, and when an audit should be given up. Nothing here touches what a promise is worth:
that is `promise.py`, whatever is decided here."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from askless.core.bets import Draws
from askless.core.promise import Terms, expect_audits
from askless.types import BoolArray, FloatArray

ROUNDS_AHEAD = (1, 2, 4, 8, 16)

N_TREND = 5
"""So many refreshes tell how fast the risk falls."""

PSEUDO_WRONG = 2.0
"""A believed share of wrong labels counts as much as an audit that found so many wrong ones."""

PATIENCE = 2.0
"""An audit that will take so many times what was expected of it is given up, if answers are still to be had."""

MAX_SHARE, MIN_AUDITS = 0.25, 50
"""An audit that would take more of the items waits for better labels, while such are to be had."""

PROGRESS = 0.7
"""After an audit has failed, the believed risk must fall to this share of what it was before another one begins."""

MIN_THRESHOLD = 1e-3


class Verdict(StrEnum):
    """What an audit has shown: the target is reached; it goes on; the labels must be better for it; or they cannot get
    better, and it would ask more than may be audited."""

    KEPT = "kept"
    OPEN = "open"
    FAILED = "failed"
    HOPELESS = "hopeless"


def trust(n_wrong: int, n_expected: float) -> float:
    """By what factor more labels are wrong than is believed, after audits that found `n_wrong`, where the belief was
    `n_expected`. Before any it is 1."""
    return (n_wrong + PSEUDO_WRONG) / (n_expected + PSEUDO_WRONG)


def begins(
    terms: Terms,
    history: Sequence[tuple[int, float]],
    n_per_round: int,
    failed_at: float | None,
    *,
    can_improve: bool,
) -> bool:
    """Whether to audit now: some more rounds of answers would cost more than they would spare the audit.

    Args:
        terms: of the audit that would begin.
        history: answers so far and believed risk, after each refresh.
        n_per_round: answers of a round.
        failed_at: the believed risk at which the last audit failed; none if there was none.
        can_improve: whether there is anything left to ask of others.
    """
    if not can_improve:
        return True
    if failed_at is not None and history[-1][1] > PROGRESS * failed_at:
        return False
    needed = expect_audits(terms)
    if needed > max(MAX_SHARE * terms.n_items, MIN_AUDITS):
        return False
    fall = _fall(history[-N_TREND:], n_per_round)
    return all(needed <= n * n_per_round + expect_audits(terms, fall**n) for n in ROUNDS_AHEAD)


def judge(terms: Terms, draws: Draws, n_unsettled: int, low: float, *, can_improve: bool) -> Verdict:
    """What to make of an audit so far.

    Args:
        terms, draws, n_unsettled: see `promise.bound_accuracy`.
        low: the lowest accuracy, from there.
        can_improve: whether there is anything left to ask of others.

    An audit is given up if it would take too long even if the share of wrong labels were two standard errors lower than
    it looks: what it has shown so far is lost then, and the next one may spend less.
    """
    if low >= terms.target_accuracy:
        return Verdict.KEPT
    n_seen = draws.n_wrong + PSEUDO_WRONG
    n_expected = expected_wrong(terms, draws) * terms.trust + PSEUDO_WRONG
    needed = expect_audits(terms, max(0.0, 1 - 2 * n_seen**-0.5) * n_seen / n_expected, draws, n_unsettled)
    if not can_improve:
        return Verdict.OPEN if np.isfinite(needed) else Verdict.HOPELESS
    return Verdict.OPEN if needed - len(draws) <= PATIENCE * expect_audits(terms) else Verdict.FAILED


def expected_wrong(terms: Terms, draws: Draws) -> float:
    """How many of those drawn the machine believes to be wrong."""
    risk = np.array([stratum.risk for stratum in terms.strata])
    return float(risk[draws.stratum].sum())


def lower_threshold(risk: FloatArray, may_ask: BoolArray, max_risk: float, n_wanted: int) -> float:
    """The risk from which on items are asked about, so that there are `n_wanted`: half of `max_risk`, a quarter, and so
    on, not below `MIN_THRESHOLD`.

    Args:
        risk: (N,).
        may_ask: (N,) whether anybody may be asked about it.
    """
    threshold = max_risk
    while threshold > MIN_THRESHOLD and (may_ask & (risk >= threshold)).sum() < n_wanted:
        threshold /= 2
    return threshold


def _fall(history: Sequence[tuple[int, float]], n_per_round: int) -> float:
    """The factor, at most 1, by which a round has lowered the risk of late."""
    if len(history) < 2:
        return 0.5
    n_answers, risk = np.array(history, dtype=np.float64).T
    log_risk = np.log(np.maximum(risk, 1e-9))
    spread = n_answers - n_answers.mean()
    slope = (spread @ log_risk) / max(spread @ spread, 1.0)
    return float(min(1.0, np.exp(slope * n_per_round)))
