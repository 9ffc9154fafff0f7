"""How many labels are wrong, by bets on draws without replacement in which risky items come first more often.

Items are put into strata by the machine's risk. An item of stratum g is drawn next with a chance in proportion to its
weight u_g; drawn, it is found wrong (z = 1) or right (z = 0). Let p_g be the share of wrong labels that is believed,
and q_g another belief, in which more are wrong, so that

    (q_g - p_g) / (q_g (1 - q_g)) = kappa / u_g        for every stratum, with the same kappa > 0.

A bet wins the ratio of what the two beliefs give the draw, f(g, 1) = p_g / q_g and f(g, 0) = (1 - p_g) / (1 - q_g).
With R_g items left in each stratum and U = sum of R_g u_g, its mean over the next draw is

    sum over g of R_g (u_g / U) f(g, 0) - (kappa / U) (number of wrong ones left),

whichever items are wrong: that is what kappa is for. So if W were wrong at first and x have been found, every winning
can be divided by its own mean, and the product of all of them is a martingale that starts at 1 if W is true, and a
supermartingale if more are wrong. That it ever reaches 1 / alpha has a chance of at most alpha (Ville). It grows with
W, so that those W that are not ruled out end at a highest one. With kappa < 0 the same rules out the low ones.

Nothing is assumed of p, which may be any from before the draw. Of all q that miss the target, the one above is the
closest (Kullback-Leibler) to p, so that no other bet grows faster if p is right. Several p, the believed risks times
some factors, share the stake. Strata, weights and draws are all that is needed to repeat it.

The idea of weighted draws is that of Shekhar, Xu, Lipton, Liang and Ramdas (2023), "Risk-limiting financial audits via
weighted sampling without replacement"; bets as likelihood ratios that of Waudby-Smith and Ramdas (2020), "Confidence
sequences for sampling without replacement".
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from scipy.special import logsumexp

from askless.types import BoolArray, FloatArray, IntArray

FACTORS = np.geomspace(0.2, 5.0, 6)
"""On the believed risk; the belief of each has a part of the stake, log-normal around 1."""

N_STRATA = 8
MIN_RISK, MAX_RISK = 1e-3, 0.6
MIN_BELIEF = 1e-5
SHRINKAGE = 0.1
"""So much of the mean risk is in each believed one, as the machine is too sure now and then."""

FOUND_AHEAD = 0.2
"""Share of the wrong labels left that the rest of an audit is expected to find."""

HIGH_SHARE = 0.9
"""Part of alpha that the bound on the most wrong labels gets; that on the fewest has the rest."""

MIXTURE_COST = 0.5
"""In the logarithm: what is lost, about, by not knowing which factor is right."""

LOG_KAPPA = (-7.0, 3.5)
N_HALVINGS = 14
DRAWS_PER_BLOCK = 100


@dataclass(frozen=True)
class Stratum:
    """Items of about the same risk: their number, the risk on average, and their weight in a draw."""

    n_items: int
    risk: float
    weight: float


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn, in order: (n,) the strata, and whether the label was wrong."""

    stratum: IntArray
    is_wrong: BoolArray

    @classmethod
    def none(cls) -> Self:
        return cls(np.empty(0, np.int64), np.empty(0, np.bool_))

    def __len__(self) -> int:
        return len(self.stratum)

    @property
    def n_wrong(self) -> int:
        return int(self.is_wrong.sum())


def stratify(risk: FloatArray) -> IntArray:
    """(n,) the stratum of each item: by risk, so that the square roots of the risks have about the same sum in each."""
    order = np.argsort(-risk, kind="stable")
    reached = np.cumsum(np.sqrt(np.maximum(risk[order], MIN_RISK)))
    stratum = np.empty(len(risk), np.int64)
    stratum[order] = np.minimum(N_STRATA * (reached - reached[0]) / reached[-1], N_STRATA - 1).astype(np.int64)
    return np.asarray(np.unique(stratum, return_inverse=True)[1], np.int64)


def weigh(risk: FloatArray, stratum: IntArray, n_allowed: int, alpha: float) -> tuple[Stratum, ...]:
    """The strata with the weights by which an audit is about the shortest if the risks are right.

    Args:
        risk: (n,) of each item.
        stratum: (n,) from 0 on.
        n_allowed: so many labels may be wrong in the end.
        alpha: of the audit.
    """
    n_items = np.bincount(stratum)
    mean = np.bincount(stratum, risk) / n_items
    gain = n_allowed / len(risk)
    for _ in range(3):
        weight = np.sqrt(1 + mean * (1 - mean) / (2 * max(gain, MIN_RISK)))
        strata = tuple(
            Stratum(int(n), float(r), float(u)) for n, r, u in zip(n_items, mean, weight / weight.mean(), strict=True)
        )
        gain = np.log(1 / alpha) / expect_draws(strata, n_allowed, alpha)
    return strata


def draw(rng: np.random.Generator, weight: FloatArray) -> IntArray:
    """An order of all items in which each next one is drawn, from those left, in proportion to its weight."""
    return np.argsort(rng.exponential(size=len(weight)) / weight, kind="stable")


def bound_wrong(strata: Sequence[Stratum], draws: Draws, alpha: float, n_allowed: int) -> tuple[int, int]:
    """Lowest and highest number of wrong labels among all items of the strata, those found included.

    Args:
        strata: as weighed before the first draw.
        draws: so far.
        alpha: chance at most that these bounds are ever wrong, whenever one looks.
        n_allowed: how many may be wrong in the end; bets are made to tell apart whether there are more.
    """
    found, n_items = draws.n_wrong, sum(stratum.n_items for stratum in strata)
    low, high = found, n_items - len(draws) + found
    if not len(draws):
        return low, high
    up, down = _Bets.against(strata, draws, n_allowed), _Bets.against(strata, draws, None)
    rules_out_many, rules_out_few = np.log(1 / (HIGH_SHARE * alpha)), np.log(1 / ((1 - HIGH_SHARE) * alpha))
    n_possible = bisect_left(range(low, high + 1), rules_out_many, key=up.highest)
    high = low + max(n_possible - 1, 0)
    return low + bisect_right(range(low, high), -rules_out_few, key=lambda n_wrong: -down.highest(n_wrong)), high


def expect_draws(
    strata: Sequence[Stratum], n_allowed: int, alpha: float, factor: float = 1.0, draws: Draws | None = None
) -> float:
    """How many draws more it takes, about, until at most `n_allowed` wrong labels can be left.

    Args:
        strata, n_allowed, alpha: as for `bound_wrong`.
        factor: on the risks.
        draws: so far.
    """
    draws = draws or Draws.none()
    won = _Bets.against(strata, draws, n_allowed).last(n_allowed + draws.n_wrong + 1) if len(draws) else -MIXTURE_COST
    needed = np.log(1 / (HIGH_SHARE * alpha)) - won
    n_all, risk, weight = _columns(strata)
    n = n_all - np.bincount(draws.stratum, minlength=len(n_all))
    p = np.clip(factor * _believed(n_all, risk), MIN_BELIEF, MAX_RISK)
    q = _tilt(p, np.exp(np.linspace(*LOG_KAPPA, 100))[:, None] / weight)
    chance = n * weight / (n * weight).sum()
    gain = (chance * (_entropy(p, q) + _entropy(1 - p, 1 - q))).sum(axis=1)
    n_more = max(needed, 0.0) / np.maximum(gain, 1e-12)
    share = 1 - np.exp(-np.minimum(n_more[:, None] * weight / (n * weight).sum(), 50.0))
    n_wrong = (n * (1 - share / 2) * q).sum(axis=1)  # in the middle of these draws, if the target is just missed
    is_missed = n_wrong >= n_allowed + 1 + (n * p * share / 2).sum(axis=1)
    return float(min(n_more[np.argmax(is_missed) if is_missed.any() else -1], n.sum()))


@dataclass(frozen=True, eq=False)
class _Bets:
    """Bets of F factors on n draws.

    Args:
        stake: (F,) logarithm.
        won: (F, n) log f of what was drawn.
        constant, kappa: (F, n) so that constant - kappa * (wrong ones left) is U times the mean of f.
        n_found: (n,) before each draw.
        mass: (n,) U.
    """

    stake: FloatArray
    won: FloatArray
    constant: FloatArray
    kappa: FloatArray
    n_found: IntArray
    mass: FloatArray

    @classmethod
    def against(cls, strata: Sequence[Stratum], draws: Draws, n_allowed: int | None) -> Self:
        """Bets that no more than `n_allowed` wrong ones will be left; none: that there are not much fewer than is
        believed."""
        n_items, _, weight = _columns(strata)
        drawn = np.eye(len(n_items))[draws.stratum]
        left = n_items - (np.cumsum(drawn, axis=0) - drawn)  # (n, G)
        blocks = [
            _offer(tuple(strata), n_allowed, tuple(left[start]), tuple(draws.stratum[start : start + DRAWS_PER_BLOCK]))
            for start in range(0, len(draws), DRAWS_PER_BLOCK)
        ]
        if_wrong, if_right, constant, kappa = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
        stake = -0.5 * np.log(FACTORS) ** 2
        return cls(
            stake - logsumexp(stake),
            np.log(np.where(draws.is_wrong, if_wrong, if_right)),
            constant,
            kappa,
            np.cumsum(draws.is_wrong) - draws.is_wrong,
            left @ weight,
        )

    def highest(self, n_wrong: int) -> float:
        """The logarithm of the most that the martingale of so many wrong labels has ever been."""
        return float(self._log_wealth(n_wrong).max())

    def last(self, n_wrong: int) -> float:
        return float(self._log_wealth(n_wrong)[-1])

    def _log_wealth(self, n_wrong: int) -> FloatArray:
        mean = (self.constant - self.kappa * (n_wrong - self.n_found)) / self.mass
        return np.asarray(logsumexp(self.stake[:, None] + np.cumsum(self.won - np.log(mean), axis=1), axis=0))


@lru_cache(maxsize=256)
def _offer(
    strata: tuple[Stratum, ...], n_allowed: int | None, first_left: tuple[float, ...], stratum: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(F, n) f of some draws on end if they are wrong and if they are right, constant and kappa; see `_Bets`.

    No bet depends on what comes later, so that those of an audit under way are kept, and an answer costs as much after
    2,000 draws as after 20, about.

    Args:
        first_left: items of each stratum before the first of these draws.
        stratum: of each of them.
    """
    n_items, risk, weight = _columns(strata)
    at = np.array(stratum)
    drawn = np.eye(len(strata))[at]
    left = np.array(first_left) - (np.cumsum(drawn, axis=0) - drawn)
    p = np.clip(FACTORS[:, None] * _believed(n_items, risk), MIN_BELIEF, MAX_RISK)
    believed = p @ left.T  # (F, n)
    if n_allowed is None:
        sign, wanted = -1.0, believed / 2
    else:
        sign, wanted = 1.0, np.maximum(n_allowed + 1 + FOUND_AHEAD * believed, 1.02 * believed)
    low, high = np.full(believed.shape, LOG_KAPPA[0]), np.full(believed.shape, LOG_KAPPA[1])
    p = p[:, None, :]
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        n_wrong = np.einsum("ng,fng->fn", left, _tilt(p, sign * np.exp(middle)[:, :, None] / weight))
        is_beyond = sign * n_wrong > sign * wanted
        low, high = np.where(is_beyond, low, middle), np.where(is_beyond, middle, high)
    kappa = sign * np.exp(low)
    q = _tilt(p, kappa[:, :, None] / weight)
    if_right = (1 - p) / (1 - q)
    of_drawn = at[None, :, None]
    return (
        np.take_along_axis(p / q, of_drawn, axis=2)[:, :, 0],
        np.take_along_axis(if_right, of_drawn, axis=2)[:, :, 0],
        np.einsum("ng,fng->fn", left * weight, if_right),
        kappa,
    )


def _columns(strata: Sequence[Stratum]) -> tuple[FloatArray, FloatArray, FloatArray]:
    n_items, risk, weight = np.array([(s.n_items, s.risk, s.weight) for s in strata], dtype=np.float64).T
    return np.asarray(n_items), np.asarray(risk), np.asarray(weight)


def _believed(n_items: FloatArray, risk: FloatArray) -> FloatArray:
    mean = (n_items @ risk) / n_items.sum()
    return np.asarray(np.maximum((1 - SHRINKAGE) * risk + SHRINKAGE * mean, MIN_RISK))


def _tilt(p: FloatArray, kappa: FloatArray) -> FloatArray:
    """The q with (q - p) / (q (1 - q)) = kappa."""
    return np.asarray(2 * p / (1 - kappa + np.sqrt((1 - kappa) ** 2 + 4 * kappa * p)))


def _entropy(p: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(p * np.log(p / q))
