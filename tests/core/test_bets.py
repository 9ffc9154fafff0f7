"""Bets on draws: exact chances by enumeration of everything that can be drawn."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askless.core import bets
from askless.core.bets import Draws, Stratum, bound_wrong, draw, expect_draws, stratify, weigh

ALPHA = 0.2

BELIEFS = {
    "about right": ((2, 0.5, 2.0), (4, 0.1, 1.0)),
    "the wrong way round": ((2, 0.01, 1.0), (4, 0.5, 3.0)),
    "far too sure": ((2, 0.0, 1.0), (4, 0.0, 0.2)),
    "one stratum": ((6, 0.2, 1.0),),
}


def make_strata(name: str) -> tuple[Stratum, ...]:
    return tuple(Stratum(*given) for given in BELIEFS[name])


def all_draws(strata: tuple[Stratum, ...], wrong: tuple[int, ...]) -> Iterator[tuple[float, list[tuple[int, bool]]]]:
    """Every order of (stratum, wrong or not) in which all items can be drawn, with its chance."""

    def go_on(left: dict[tuple[int, bool], int], chance: float, drawn: list[tuple[int, bool]]) -> Iterator[tuple]:  # type: ignore[type-arg]
        mass = sum(n * strata[g].weight for (g, _), n in left.items())
        if not mass:
            yield chance, drawn
        for (g, is_wrong), n in left.items():
            if n:
                yield from go_on(
                    left | {(g, is_wrong): n - 1},
                    chance * n * strata[g].weight / mass,
                    [*drawn, (g, is_wrong)],
                )

    counts = {(g, True): n for g, n in enumerate(wrong)}
    counts |= {(g, False): stratum.n_items - wrong[g] for g, stratum in enumerate(strata)}
    return go_on(counts, 1.0, [])


def as_draws(drawn: list[tuple[int, bool]]) -> Draws:
    return Draws(np.array([g for g, _ in drawn], np.int64), np.array([z for _, z in drawn], np.bool_))


@pytest.mark.parametrize("name", BELIEFS)
@pytest.mark.parametrize("n_allowed", [1, None])
def test_bets_are_fair_whatever_is_believed_and_whichever_items_are_wrong(name: str, n_allowed: int | None) -> None:
    strata = make_strata(name)
    for wrong in product(*(range(0, stratum.n_items + 1, 2) for stratum in strata)):
        mean = dict.fromkeys((-1, 0, 1), 0.0)
        for chance, drawn in all_draws(strata, wrong):
            made = bets._Bets.against(strata, as_draws(drawn[:4]), n_allowed)
            for more in mean:
                n_wrong = sum(wrong) + more
                n_found = sum(z for _, z in drawn[:4])
                if n_found <= n_wrong <= n_found + 2:  # others are ruled out anyway
                    mean[more] += chance * np.exp(made.last(n_wrong))
        assert mean[0] == pytest.approx(1.0, abs=1e-9)
        assert mean[-1 if n_allowed else 1] <= 1 + 1e-9  # a bound that is beaten by fewer, or by more


@pytest.mark.parametrize("name", BELIEFS)
def test_bounds_hold_at_all_looks_at_once(name: str) -> None:
    """The chance that they ever leave out the truth, over everything that can be drawn, for each set of wrong items."""
    strata, misses = make_strata(name), []
    known: dict[tuple[tuple[int, bool], ...], tuple[int, int]] = {}
    for wrong in product(*(range(0, stratum.n_items + 1, 2) for stratum in strata)):
        missed = 0.0
        for chance, drawn in all_draws(strata, wrong):
            for n in (2, 4, 5, 6):
                key = tuple(drawn[:n])
                if key not in known:
                    known[key] = bound_wrong(strata, as_draws(drawn[:n]), ALPHA, 1)
                low, high = known[key]
                if not low <= sum(wrong) <= high:
                    missed += chance
                    break
        misses.append(missed)
    assert max(misses) <= ALPHA


def is_false(
    strata: tuple[Stratum, ...], wrong: tuple[int, ...], n_allowed: int, seed: int, believed: tuple[Stratum, ...]
) -> bool:
    """Whether an audit of a larger set ever says falsely that few enough are wrong, if it takes these strata for the
    ones drawn from."""
    stratum = np.repeat(np.arange(len(strata)), [s.n_items for s in strata])
    is_wrong = np.concatenate([np.arange(s.n_items) < n for s, n in zip(strata, wrong, strict=True)])
    order = draw(np.random.default_rng(seed), np.array([s.weight for s in strata])[stratum])
    for n in range(20, 160, 20):
        draws = Draws(stratum[order[:n]], is_wrong[order[:n]])
        if bound_wrong(believed, draws, ALPHA, n_allowed)[1] - draws.n_wrong <= n_allowed:
            return sum(wrong) - draws.n_wrong > n_allowed
    return False


TWO = (Stratum(60, 0.1, 3.0), Stratum(140, 0.001, 0.5))


@pytest.mark.parametrize("wrong", [(26, 0), (0, 26), (2, 24)])
def test_few_promises_are_false_though_all_wrong_ones_are_where_nobody_looks(wrong: tuple[int, int]) -> None:
    assert sum(is_false(TWO, wrong, 20, seed, TWO) for seed in range(50)) <= 50 * ALPHA


def test_bounds_that_forget_the_weights_are_false() -> None:
    forgetful = tuple(replace(stratum, weight=1.0) for stratum in TWO)
    assert sum(is_false(TWO, (0, 26), 20, seed, forgetful) for seed in range(50)) > 50 * ALPHA


def test_bounds_at_the_ends() -> None:
    strata = make_strata("about right")
    assert bound_wrong(strata, Draws.none(), ALPHA, 1) == (0, 6)
    every = [(0, True), (0, False), (1, True), (1, False), (1, False), (1, True)]
    assert bound_wrong(strata, as_draws(every), ALPHA, 1) == (3, 3)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), n_items=st.integers(2, 300), share=st.floats(0, 1), audited=st.floats(0, 1))
def test_bounds_are_possible_and_a_smaller_alpha_widens_them(
    seed: int, n_items: int, share: float, audited: float
) -> None:
    rng = np.random.default_rng(seed)
    risk = rng.beta(0.3, 2.0, n_items)
    stratum = stratify(risk)
    strata = weigh(risk, stratum, n_items // 20, 0.05)
    order = draw(rng, np.array([s.weight for s in strata])[stratum])[: round(audited * n_items)]
    draws = Draws(stratum[order], rng.random(len(order)) < share)
    low, high = bound_wrong(strata, draws, 0.05, n_items // 20)
    assert draws.n_wrong <= low <= high <= n_items - len(draws) + draws.n_wrong
    wider = bound_wrong(strata, draws, 0.005, n_items // 20)
    assert wider[0] <= low
    assert wider[1] >= high


def test_strata_are_by_risk_and_all_their_items_are_there() -> None:
    risk = np.random.default_rng(0).beta(0.3, 5.0, 1000)
    stratum = stratify(risk)
    assert set(stratum) == set(range(stratum.max() + 1))
    assert all(risk[stratum == g].min() >= risk[stratum == g + 1].max() for g in range(stratum.max()))
    strata = weigh(risk, stratum, 50, 0.04)
    assert [s.n_items for s in strata] == np.bincount(stratum).tolist()
    assert [s.weight for s in strata] == sorted((s.weight for s in strata), reverse=True)
    assert [s.risk for s in strata] == pytest.approx([risk[stratum == g].mean() for g in range(len(strata))])
    assert set(stratify(np.zeros(50))) <= set(range(bets.N_STRATA))
    assert stratify(np.array([0.3])).tolist() == [0]


def test_heavy_items_are_drawn_sooner_and_in_proportion() -> None:
    weight = np.array([3.0, 1.0, 1.0, 1.0])
    first = [draw(np.random.default_rng(seed), weight)[0] for seed in range(2000)]
    assert np.mean(np.array(first) == 0) == pytest.approx(0.5, abs=0.04)
    assert sorted(draw(np.random.default_rng(0), weight)) == [0, 1, 2, 3]


def n_needed(risk: np.ndarray, is_wrong: np.ndarray, strata: tuple[Stratum, ...], stratum: np.ndarray) -> list[int]:  # type: ignore[type-arg]
    needed = []
    for seed in range(8):
        order = draw(np.random.default_rng(seed), np.array([s.weight for s in strata])[stratum])
        for n in range(20, 1000, 20):
            draws = Draws(stratum[order[:n]], is_wrong[order[:n]])
            if bound_wrong(strata, draws, 0.04, 50)[1] - draws.n_wrong <= 50:
                break
        needed.append(n - 10)
    return needed


def test_honest_risks_make_it_shorter_and_the_length_is_foreseen() -> None:
    rng = np.random.default_rng(1)
    risk = np.where(np.arange(1000) < 100, 0.2, 0.005)
    is_wrong = rng.random(1000) < risk
    stratum = stratify(risk)
    strata = weigh(risk, stratum, 50, 0.04)
    blind = (Stratum(1000, float(risk.mean()), 1.0),)
    with_risks = np.mean(n_needed(risk, is_wrong, strata, stratum))
    without = np.mean(n_needed(risk, is_wrong, blind, np.zeros(1000, np.int64)))
    assert with_risks < 0.85 * without
    assert expect_draws(strata, 50, 0.04) == pytest.approx(with_risks, rel=0.35)
    assert expect_draws(blind, 50, 0.04) == pytest.approx(without, rel=0.35)


def test_expected_draws() -> None:
    strata = (Stratum(2000, 0.02, 1.0),)
    lengths = [expect_draws(strata, 100, 0.04, factor) for factor in (0.1, 0.5, 1.0, 1.5)]
    assert lengths == sorted(lengths)
    assert 1000 < expect_draws(strata, 100, 0.04, 4.0) <= 2000  # what is found is put right
    assert expect_draws(strata, 0, 0.04) == 2000
    right = Draws(np.zeros(60, np.int64), np.zeros(60, np.bool_))
    wrong = Draws(np.zeros(60, np.int64), np.arange(60) < 4)
    assert 0 < expect_draws(strata, 100, 0.04, 1.0, right) < lengths[2] - 40
    assert expect_draws(strata, 100, 0.04, 1.0, wrong) > lengths[2] - 60
    assert expect_draws((Stratum(5, 0.0, 1.0),), 1, 1e-9) == 5


def test_bounds_are_the_same_in_whatever_blocks_bets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    risk = rng.beta(0.4, 6, size=900)
    stratum = stratify(risk)
    strata = weigh(risk, stratum, 45, ALPHA)
    order = draw(rng, np.array([s.weight for s in strata])[stratum])
    draws = Draws(stratum[order], rng.random(900) < risk[order])

    def bounds() -> list[tuple[int, int]]:
        return [bound_wrong(strata, Draws(draws.stratum[:n], draws.is_wrong[:n]), ALPHA, 45) for n in (1, 99, 100, 250)]

    kept = bounds()
    assert kept == bounds()
    n_computed = bets._offer.cache_info().misses
    bound_wrong(strata, Draws(draws.stratum[:251], draws.is_wrong[:251]), ALPHA, 45)
    assert bets._offer.cache_info().misses == n_computed + 2  # the last block of each side only
    monkeypatch.setattr(bets, "DRAWS_PER_BLOCK", 1000)
    assert kept == bounds()
