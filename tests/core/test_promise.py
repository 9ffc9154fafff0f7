"""Bounds on the accuracy of a set, what may be spent on them, and auditors who err."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askless.core import promise
from askless.core.bets import Draws, Stratum
from askless.core.promise import (
    Terms,
    allowed_disagreements,
    allowed_wrong,
    alpha_of,
    bound_accuracy,
    bound_auditor_error,
    expect_audits,
)

ALPHA = 0.1
N_CAMPAIGNS = 40
N_OVERLOOKED = 4000


def make_terms(n_items: int, share: float = 0.05, auditor_error: float = 0.0, n_set: int | None = None) -> Terms:
    return Terms(
        n_set or n_items, 0.9, (Stratum(n_items, share, 1.0),), 1.0, ALPHA, n_items, auditor_error=auditor_error
    )


def make_draws(n: int, n_wrong: int) -> Draws:
    """Wrong ones come evenly."""
    return Draws(np.zeros(n, np.int64), np.diff(np.arange(n + 1) * n_wrong // max(n, 1)).astype(bool))


def false_promises(terms: Terms, n_wrong: int, auditor_error: float) -> int:
    """Of many audits, looked at time and again, those that promise 90 % while more labels are wrong."""
    n_items, kept_falsely = terms.n_items, 0
    for seed in range(N_CAMPAIGNS):
        rng = np.random.default_rng([seed, n_wrong])
        is_wrong = np.arange(n_items) < n_wrong
        order = rng.permutation(n_items)
        errs = rng.random(n_items) < auditor_error  # always to the harm of the promise: a wrong label is confirmed
        is_found = (is_wrong & ~errs)[order]
        for n in range(40, n_items + 1, 40):
            if bound_accuracy(terms, Draws(np.zeros(n, np.int64), is_found[:n]))[0] >= 0.9:
                n_wrong_left = n_wrong - int(is_found[:n].sum())
                kept_falsely += n_wrong_left > allowed_wrong(n_items, 0.9)
                break
    return kept_falsely


@pytest.mark.parametrize("n_wrong", [21, 28])
@pytest.mark.parametrize("auditor_error", [0.0, 0.1])
def test_promises_are_kept(n_wrong: int, auditor_error: float) -> None:
    terms = make_terms(200, auditor_error=auditor_error)
    assert false_promises(terms, n_wrong, auditor_error) <= N_CAMPAIGNS * ALPHA


def test_what_auditors_overlook_is_bounded_at_all_looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bets that know the number of disagreements leave nothing to err but the bound on the wrong labels overlooked."""
    n_items, n_wrong, n_audits, error = 1000, 50, 500, 0.1
    terms = replace(make_terms(n_items, auditor_error=error), alpha=0.2, max_audits=0)  # the audited ones are not meant

    @cache
    def most(n_seen: int, n_found: int) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(promise, "bound_wrong", lambda *_: (n_seen, n_seen))
            return round(n_items * (1 - bound_accuracy(terms, make_draws(n_found, n_found))[0]))

    rng = np.random.default_rng(5)
    n_broken = 0
    for _ in range(N_OVERLOOKED):
        is_seen = rng.random(n_wrong) < 1 - error
        n_drawn = np.count_nonzero(rng.random(n_wrong) < n_audits / n_items)
        n_seen = int(is_seen.sum())
        found = np.append(0, np.cumsum(is_seen[:n_drawn]))
        left = n_wrong - np.arange(n_drawn + 1)
        n_broken += any(n > most(n_seen, int(x)) for n, x in zip(left, found, strict=True))
    assert 0 < n_broken <= promise.AUDITOR_SHARE * terms.alpha * N_OVERLOOKED


def test_promises_that_forget_that_auditors_err_are_not_kept() -> None:
    assert false_promises(make_terms(200), 28, 0.3) > N_CAMPAIGNS * ALPHA


def test_bounds_at_the_ends() -> None:
    terms = make_terms(10, n_set=20)
    assert bound_accuracy(terms, make_draws(10, 3)) == (1, 1)  # all audited: all right
    assert bound_accuracy(terms, make_draws(10, 3), n_unsettled=2) == (0.9, 1)
    assert bound_accuracy(terms, Draws.none()) == (0.5, 1)


@settings(max_examples=40)
@given(
    n_items=st.integers(1, 300),
    share=st.floats(0, 1),
    audited=st.floats(0, 1),
    expected=st.floats(0, 1),
    error=st.sampled_from([0.0, 0.05, 0.4]),
)
def test_whoever_errs_or_may_spend_less_knows_less(
    n_items: int, share: float, audited: float, expected: float, error: float
) -> None:
    n_audited = round(audited * n_items)
    draws = make_draws(n_audited, round(share * n_audited))
    terms = make_terms(n_items, expected, error, n_set=2 * n_items)
    low, high = bound_accuracy(terms, draws)
    assert 0 <= low <= high <= 1
    sure = bound_accuracy(replace(terms, alpha=ALPHA / 10), draws)
    assert sure[1] >= high
    if error == 0:  # with another alpha, bets are made against another number of disagreements
        assert sure[0] <= low


def test_disagreements_that_auditors_who_err_may_have() -> None:
    perfect = make_terms(1000)
    assert allowed_disagreements(perfect) == 100
    assert allowed_disagreements(perfect, n_unsettled=7) == 93
    assert allowed_disagreements(perfect, n_unsettled=101) == -1
    few = replace(perfect, auditor_error=0.01, max_audits=200)
    assert 70 < allowed_disagreements(few) < 100
    assert allowed_disagreements(replace(few, auditor_error=0.02)) < allowed_disagreements(few)
    assert allowed_disagreements(replace(few, auditor_error=0.3, max_audits=1000)) == -1


def test_expected_audits() -> None:
    terms = replace(make_terms(2000, 0.02), target_accuracy=0.95)
    needed = [expect_audits(terms, factor) for factor in (0.1, 0.5, 1.0, 1.5)]
    assert needed == sorted(needed)
    assert expect_audits(replace(terms, trust=1.5)) == pytest.approx(needed[-1])
    assert expect_audits(replace(terms, max_audits=int(needed[2]) - 1)) == float("inf")
    assert expect_audits(terms, n_unsettled=101) == float("inf")
    assert expect_audits(replace(terms, auditor_error=0.01)) > needed[2]
    assert expect_audits(terms, draws=make_draws(50, 0)) < needed[2]


def test_what_is_believed_of_the_set() -> None:
    strata = (Stratum(100, 0.1, 2.0), Stratum(300, 0.02, 0.5))
    terms = replace(make_terms(400, n_set=500), strata=strata, trust=20.0)
    assert (terms.n_items, terms.n_audited_before) == (400, 100)
    assert terms.risk == pytest.approx(0.04)
    assert [stratum.risk for stratum in terms.expected(0.5)] == pytest.approx([1.0, 0.2])
    assert [stratum.weight for stratum in terms.expected()] == [2.0, 0.5]


def test_all_audits_together_spend_what_there_is() -> None:
    assert sum(alpha_of(audit, 0.95) for audit in range(60)) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("n_set", "target", "allowed"), [(100, 0.95, 5), (99, 0.95, 4), (1000, 0.9, 100), (7, 0.99, 0)]
)
def test_allowed_wrong(n_set: int, target: float, allowed: int) -> None:
    assert allowed_wrong(n_set, target) == allowed


def test_the_error_of_auditors_from_gold() -> None:
    assert bound_auditor_error(59, 0, 0.05) == pytest.approx(0.0495, abs=1e-4)
    assert bound_auditor_error(5, 5, 0.05) == 1
    assert bound_auditor_error(0, 0, 0.05) == 1
