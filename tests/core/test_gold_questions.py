"""Gold: who qualifies, and how it is slipped in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core.gold import Standing, n_left_to_qualify, slip_in, standing
from askless.settings import AnnotatorSettings
from askless.types import SkipReason

GOLD = {10: 0, 11: 1, 12: 2, 13: 0}
TRIAL = AnnotatorSettings(n_qualification=3, qualification_share=0.6)


@pytest.mark.parametrize(
    ("said", "expected", "n_left"),
    [
        ({}, "new", 3),
        ({5: 1}, "qualifying", 3),
        ({10: 0, 5: 1}, "qualifying", 2),
        ({10: 0, 11: 1, 12: 0}, "working", 0),
        ({10: 0, 11: 0, 12: 0}, "unqualified", 0),
        ({10: 0, 11: 0, 12: 0, 13: 0}, "unqualified", 0),
        ({10: 0, 11: SkipReason.UNSURE, 12: 2}, "working", 0),
        ({10: SkipReason.SKIP, 11: SkipReason.SKIP, 12: 2}, "unqualified", 0),
        ({13: 0, 12: 2, 5: 0, 10: 1, 11: 0}, "working", 0),
    ],
)
def test_the_first_gold_answers_decide(said: dict[int, int | SkipReason], expected: str, n_left: int) -> None:
    assert standing(said, GOLD, TRIAL) == expected
    assert n_left_to_qualify(said, GOLD, TRIAL) == n_left


def test_without_a_qualification_everybody_works() -> None:
    assert standing({10: 2, 11: 2}, GOLD, AnnotatorSettings()) == Standing.WORKING
    assert standing({1: 2}, {}, TRIAL) == Standing.WORKING
    assert standing({}, {}, AnnotatorSettings()) == Standing.NEW


def test_with_little_gold_all_of_it_decides() -> None:
    gold = {10: 0, 11: 1}
    assert standing({10: 0}, gold, TRIAL) == Standing.QUALIFYING
    assert standing({10: 0, 11: 1}, gold, TRIAL) == Standing.WORKING


@given(n=st.integers(0, 30), n_gold=st.integers(0, 10), rate=st.floats(0, 0.99), seed=st.integers(0, 2**32))
def test_slipped_in(n: int, n_gold: int, rate: float, seed: int) -> None:
    items, gold = np.arange(100, 100 + n), np.arange(n_gold)
    mixed = slip_in(items, gold, rate, np.random.default_rng(seed))
    assert len(mixed) == n == len(set(mixed.tolist()))
    others = mixed[mixed >= 100]
    assert others.tolist() == items[: len(others)].tolist()
    if rate == 0 or n_gold == 0:
        assert mixed.tolist() == items.tolist()


def test_the_rate_is_what_it_says_and_every_place_is_as_likely() -> None:
    rng = np.random.default_rng(0)
    is_gold = np.array([slip_in(np.arange(100, 110), np.arange(50), 0.2, rng) < 100 for _ in range(4000)])
    np.testing.assert_allclose(is_gold.mean(axis=0), 0.2, atol=0.03)
