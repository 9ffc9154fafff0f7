"""When it pays to audit, and when to give an audit up."""

import numpy as np
import pytest

from askless.core.audit import (
    MIN_THRESHOLD,
    PROGRESS,
    Verdict,
    begins,
    judge,
    lower_threshold,
    trust,
)
from askless.core.bets import Draws, Stratum
from askless.core.promise import Terms, bound_accuracy


def make_terms(risk: float) -> Terms:
    return Terms(2000, 0.95, (Stratum(2000, risk, 1.0),), 1.0, 0.025, 1000)


def make_draws(n: int, n_wrong: int) -> Draws:
    """Wrong ones come evenly."""
    return Draws(np.zeros(n, np.int64), np.diff(np.arange(n + 1) * n_wrong // max(n, 1)).astype(bool))


TERMS = make_terms(0.01)
STILL = [(100 * k, 0.01) for k in range(6)]
FALLING = [(100 * k, 0.01 * 2.0 ** (5 - k)) for k in range(6)]


def test_it_begins_when_more_answers_would_not_spare_it_anything() -> None:
    assert begins(TERMS, STILL, 100, None, can_improve=True)
    rising = [(n, risk * (1 + n / 1000)) for n, risk in STILL]
    assert begins(TERMS, rising, 100, None, can_improve=True)


def test_it_waits_while_the_risk_falls_fast() -> None:
    terms = make_terms(0.02)
    assert begins(terms, STILL, 20, None, can_improve=True)
    assert not begins(terms, FALLING, 20, None, can_improve=True)
    assert begins(terms, FALLING, 2000, None, can_improve=True)  # a round is dearer than the audit


def test_it_waits_for_labels_that_can_be_shown_to_be_right() -> None:
    assert not begins(make_terms(0.049), STILL, 100, None, can_improve=True)
    assert not begins(make_terms(0.1), STILL, 100, None, can_improve=True)
    assert begins(make_terms(0.1), STILL, 100, None, can_improve=False)


def test_after_one_that_failed_it_waits_for_better_labels() -> None:
    assert not begins(TERMS, STILL, 100, 0.01, can_improve=True)
    assert begins(TERMS, STILL, 100, 0.0101 / PROGRESS, can_improve=True)
    assert begins(TERMS, STILL, 100, 0.01, can_improve=False)


def test_the_first_refresh_may_be_followed_by_an_audit() -> None:
    assert begins(make_terms(0.0), [(0, 0.0)], 100, None, can_improve=True)


def verdict(draws: Draws, n_unsettled: int = 0, *, can_improve: bool) -> Verdict:
    return judge(TERMS, draws, n_unsettled, bound_accuracy(TERMS, draws, n_unsettled)[0], can_improve=can_improve)


def test_verdicts() -> None:
    needed = 260  # more than expected
    assert verdict(make_draws(needed, round(0.01 * needed)), can_improve=True) == Verdict.KEPT
    assert verdict(make_draws(0, 0), can_improve=True) == Verdict.OPEN
    assert verdict(make_draws(10, 1), can_improve=True) == Verdict.OPEN  # one mistake is no evidence
    assert verdict(make_draws(100, 12), can_improve=True) == Verdict.FAILED
    assert verdict(make_draws(100, 40), can_improve=False) == Verdict.HOPELESS
    assert verdict(make_draws(100, 4), can_improve=False) == Verdict.OPEN
    assert verdict(make_draws(needed, 3), 200, can_improve=True) == Verdict.FAILED  # what nobody can label stays wrong


def test_no_verdict_but_kept_follows_from_bounds_that_reach_the_target() -> None:
    for n_audited in range(0, 600, 120):
        for n_wrong in range(0, min(n_audited + 1, 12), 2):
            is_shown = bound_accuracy(TERMS, make_draws(n_audited, n_wrong))[0] >= 0.95
            for can_improve in (True, False):
                assert (verdict(make_draws(n_audited, n_wrong), can_improve=can_improve) == Verdict.KEPT) == is_shown


def test_trust_moves_from_a_guess_to_what_was_found() -> None:
    assert trust(0, 0) == 1
    assert trust(200, 100) == pytest.approx(2, abs=0.05)
    assert trust(0, 50) < 0.1


def test_the_threshold_falls_until_there_is_enough_to_ask() -> None:
    risk = np.array([0.3, 0.2, 0.06, 0.03, 0.0001, 0.9])
    may_ask = np.array([True] * 5 + [False])
    assert lower_threshold(risk, may_ask, 0.1, 2) == 0.1
    assert lower_threshold(risk, may_ask, 0.1, 3) == 0.05
    assert lower_threshold(risk, may_ask, 0.1, 4) == 0.025
    assert MIN_THRESHOLD / 2 < lower_threshold(risk, may_ask, 0.1, 5) <= MIN_THRESHOLD
    assert lower_threshold(risk, may_ask, 0.0, 9) == 0.0
