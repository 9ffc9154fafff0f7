"""Bounds on the accuracy of a set: exact chances by enumeration of all audits that there can be."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from askless.core import promise
from askless.core.promise import (
    Terms,
    allowed_wrong,
    alpha_of,
    bound_accuracy,
    bound_auditor_error,
    bound_wrong,
    expect_audits,
)

ALPHA = 0.1
N_CAMPAIGNS = 150
Bounds = Callable[[int, int, int], tuple[float, float]]


@cache
def by_mixture(n_items: int, n_audited: int, n_wrong: int) -> tuple[float, float]:
    return bound_wrong(n_items, n_audited, n_wrong, ALPHA, 0.1)


def by_clopper_pearson(n_items: int, n_audited: int, n_wrong: int) -> tuple[float, float]:
    """What is right for one look, and wrong for many."""
    low = beta.ppf(ALPHA / 2, n_wrong, n_audited - n_wrong + 1) if n_wrong else 0.0
    high = beta.ppf(1 - ALPHA / 2, n_wrong + 1, n_audited - n_wrong) if n_wrong < n_audited else 1.0
    return n_items * low, n_items * high


def chance_of_a_miss(bounds: Bounds, n_items: int, n_wrong: int) -> float:
    """That the bounds after any of the draws leave out the true number, by the chances of all orders of drawing."""
    chances, missed = {0: 1.0}, 0.0
    for n_audited in range(1, n_items + 1):
        after: dict[int, float] = {}
        for found, chance in chances.items():
            next_wrong = (n_wrong - found) / (n_items - n_audited + 1)
            for more, share in ((1, next_wrong), (0, 1 - next_wrong)):
                after[found + more] = after.get(found + more, 0.0) + chance * share
        chances = {}
        for found, chance in after.items():
            if chance == 0:
                continue
            low, high = bounds(n_items, n_audited, found)
            if low <= n_wrong <= high:
                chances[found] = chance
            else:
                missed += chance
    return missed


@pytest.mark.parametrize("n_items", [1, 2, 7, 40])
def test_bounds_hold_at_all_looks_at_once(n_items: int) -> None:
    misses = [chance_of_a_miss(by_mixture, n_items, n_wrong) for n_wrong in range(n_items + 1)]
    assert max(misses) <= ALPHA
    assert n_items < 40 or max(misses) > ALPHA / 5  # and they are not idle


def test_clopper_pearson_at_every_look_does_not_hold() -> None:
    assert max(chance_of_a_miss(by_clopper_pearson, 40, n_wrong) for n_wrong in range(0, 41, 5)) > ALPHA


def false_promises(bounds: Callable[[Terms, int, int], tuple[float, float]], n_wrong: int, auditor_error: float) -> int:
    """Of many audits, looked at after every answer, those that promise 90 % while more labels are wrong."""
    n_items, kept_falsely = 200, 0
    terms = Terms(n_items, n_items, ALPHA, 0.05, n_items, auditor_error)
    for seed in range(N_CAMPAIGNS):
        rng = np.random.default_rng([seed, n_wrong])
        is_wrong = np.arange(n_items) < n_wrong
        order = rng.permutation(n_items)
        errs = rng.random(n_items) < auditor_error  # always to the harm of the promise: a wrong label is confirmed
        is_found = is_wrong & ~errs
        for n_audited in range(10, n_items + 1, 10):
            audited = order[:n_audited]
            if bounds(terms, n_audited, int(is_found[audited].sum()))[0] >= 0.9:
                n_wrong_left = n_wrong - int(is_found[audited].sum())
                kept_falsely += n_wrong_left > allowed_wrong(n_items, 0.9)
                break
    return kept_falsely


@pytest.mark.parametrize("n_wrong", [21, 28])
@pytest.mark.parametrize("auditor_error", [0.0, 0.1])
def test_promises_are_kept(n_wrong: int, auditor_error: float) -> None:
    assert false_promises(bound_accuracy, n_wrong, auditor_error) <= N_CAMPAIGNS * ALPHA


def test_promises_that_forget_that_auditors_err_are_not_kept() -> None:
    def forgetful(terms: Terms, n_audited: int, n_wrong: int) -> tuple[float, float]:
        return bound_accuracy(replace(terms, auditor_error=0), n_audited, n_wrong)

    assert false_promises(forgetful, 28, 0.3) > N_CAMPAIGNS * ALPHA


def test_bounds_do_not_depend_on_how_many_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(3000, n_audited, n_wrong) for n_audited in (0, 1, 40, 900) for n_wrong in (0, 1, 15, 300)]
    cases = [case for case in cases if case[2] <= case[1]]
    found = [bound_wrong(*case, ALPHA, 0.02) for case in cases]
    monkeypatch.setattr(promise, "MIN_WINDOW", 3000)
    assert found == [bound_wrong(*case, ALPHA, 0.02) for case in cases]


def test_bounds_at_the_ends() -> None:
    assert bound_wrong(10, 0, 0, ALPHA, 0.1) == (0, 10)
    assert bound_wrong(10, 10, 3, ALPHA, 0.1) == (3, 3)
    assert bound_accuracy(Terms(20, 10, ALPHA, 0.1, 10), 10, 3) == (1, 1)  # all audited: all right
    assert bound_accuracy(Terms(20, 10, ALPHA, 0.1, 10), 0, 0) == (0.5, 1)


@given(
    n_items=st.integers(1, 300),
    share=st.floats(0, 1),
    audited=st.floats(0, 1),
    expected=st.floats(0, 1),
    error=st.sampled_from([0.0, 0.05, 0.4]),
)
def test_more_wrong_labels_mean_lower_bounds(
    n_items: int, share: float, audited: float, expected: float, error: float
) -> None:
    n_audited = round(audited * n_items)
    n_wrong = round(share * n_audited)
    terms = Terms(2 * n_items, n_items, ALPHA, expected, n_items, error)
    low, high = bound_accuracy(terms, n_audited, n_wrong)
    assert 0 <= low <= high <= 1
    of_wrong = bound_wrong(n_items, n_audited, n_wrong, ALPHA, expected)
    assert n_wrong <= of_wrong[0] <= of_wrong[1] <= n_items - n_audited + n_wrong
    if n_wrong:
        fewer = bound_wrong(n_items, n_audited, n_wrong - 1, ALPHA, expected)
        assert fewer[0] <= of_wrong[0]
        assert fewer[1] <= of_wrong[1]
    sure = bound_accuracy(replace(terms, alpha=ALPHA / 10), n_audited, n_wrong)
    assert sure[0] <= low
    assert sure[1] >= high
    perfect = bound_accuracy(replace(terms, auditor_error=0.0), n_audited, n_wrong)
    assert perfect[0] >= low
    assert perfect[1] <= high


def test_expected_audits_are_what_it_takes() -> None:
    terms = Terms(2000, 2000, 0.025, 0.02, 2000)
    needed = [expect_audits(terms, 0.95, share) for share in (0.0, 0.01, 0.02, 0.03, 0.04)]
    assert needed == sorted(needed)
    n = int(needed[2])
    assert bound_accuracy(terms, n, round(0.02 * n))[0] >= 0.95
    assert bound_accuracy(terms, n - 1, round(0.02 * (n - 1)))[0] < 0.95
    assert expect_audits(replace(terms, max_audits=n // 2), 0.95, 0.02) == float("inf")


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
