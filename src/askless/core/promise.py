"""How right the whole set is, from a random audit: exact, and valid however often one looks.

An audit takes the labels as they are, and draws items at random, without replacement, from those that nobody has
audited yet, risky ones sooner. Until it ends, no label changes. `bets.py` bounds how many are wrong, at all times at
once, whatever the machine believes.

Audited items get the label that the audit gave, so that the wrong ones found no longer count. If an audit fails, the
labels move on, and another one, with items nobody has audited, spends the next part of alpha.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from math import floor

import numpy as np
from scipy.special import bdtr, betaincinv, nbdtrc

from askless.core.bets import Draws, Stratum, bound_wrong, expect_draws

AUDITOR_SHARE = 0.1
"""Part of alpha that each of two bounds on the mistakes of auditors gets, if they make any."""

NEXT_SHARE = 0.2
"""Part of what is left of alpha that is kept for later audits; most campaigns need one."""


@dataclass(frozen=True)
class Terms:
    """What is laid down when an audit begins.

    Args:
        n_set: items that the promise is about.
        target_accuracy: of these, to be shown.
        strata: those that nobody has audited, among which this audit draws, with the risk that the machine believes.
        trust: by what factor more labels are thought to be wrong; a bad guess costs answers only, as do bad risks.
        alpha: chance at most that a bound of this audit is ever wrong.
        max_audits: most items that it may audit.
        auditor_error: chance at most that an auditor's answer is wrong, independently for each item.
    """

    n_set: int
    target_accuracy: float
    strata: tuple[Stratum, ...]
    trust: float
    alpha: float
    max_audits: int
    auditor_error: float = 0.0

    @property
    def n_items(self) -> int:
        return sum(stratum.n_items for stratum in self.strata)

    @property
    def n_audited_before(self) -> int:
        return self.n_set - self.n_items

    @property
    def risk(self) -> float:
        """The mean of what the machine believes."""
        return sum(stratum.n_items * stratum.risk for stratum in self.strata) / max(self.n_items, 1)

    @property
    def alpha_of_bets(self) -> float:
        return self.alpha * (1 if self.auditor_error == 0 else 1 - 2 * AUDITOR_SHARE)

    def expected(self, factor: float = 1.0) -> tuple[Stratum, ...]:
        """The strata with the risks that are expected, times this factor."""
        return tuple(
            Stratum(stratum.n_items, min(1.0, factor * self.trust * stratum.risk), stratum.weight)
            for stratum in self.strata
        )


def alpha_of(audit: int, confidence: float) -> float:
    """What the audit with this number, from 0 on, may spend; all together spend 1 - confidence."""
    return (1 - confidence) * (1 - NEXT_SHARE) * NEXT_SHARE**audit


def allowed_wrong(n_set: int, target_accuracy: float) -> int:
    """How many labels of the set may be wrong."""
    return floor(n_set * (1 - target_accuracy) + 1e-9)


def allowed_disagreements(terms: Terms, n_unsettled: int = 0) -> int:
    """With how many labels of items that are not audited auditors may disagree, so that the target is reached; -1 if
    with none at all it would not be."""
    allowed = allowed_wrong(terms.n_set, terms.target_accuracy) - n_unsettled
    if terms.auditor_error == 0:
        return max(allowed, -1)
    return bisect_right(range(allowed + 1), allowed, key=partial(_most_wrong, terms, Draws.none())) - 1


def bound_accuracy(terms: Terms, draws: Draws, n_unsettled: int = 0) -> tuple[float, float]:
    """Lowest and highest accuracy of the set, once audited items have the label that the audit gave.

    Auditors who err: an item may be counted as right though it is wrong, with a chance of at most e. So of all labels
    that were wrong when the audit began, at least a binomial share 1 - e would be found; and of the audited items, a
    binomial share e at most ends up wrong, earlier audits included. Both at `AUDITOR_SHARE` of alpha, and both said of
    the audit as a whole, so that it does not matter how often one looks.

    Args:
        terms: of the audit.
        draws: the items audited in it; wrong are those whose label was not what the auditor said.
        n_unsettled: items, of this audit or an earlier one, that the auditor could not label; they count as wrong, here
            and among `draws`.
    """
    low, high = bound_wrong(terms.expected(), draws, terms.alpha_of_bets, allowed_disagreements(terms))
    least, most = low - draws.n_wrong, _most_wrong(terms, draws, high)
    if terms.auditor_error > 0:
        least = max(0, least - _most_mistakes(terms.n_items, terms.auditor_error, terms.alpha * AUDITOR_SHARE))
    return max(0.0, 1 - (most + n_unsettled) / terms.n_set), 1 - least / terms.n_set


def expect_audits(terms: Terms, factor: float = 1.0, draws: Draws | None = None, n_unsettled: int = 0) -> float:
    """How many items an audit takes in all, about, until it shows the target; infinite if more than
    `terms.max_audits`.

    Args:
        factor: on the shares of wrong labels that are expected.
        draws, n_unsettled: so far.
    """
    draws = draws or Draws.none()
    allowed = allowed_disagreements(terms, n_unsettled)
    if allowed < 0:
        return float("inf")
    needed = len(draws) + expect_draws(terms.expected(), allowed, terms.alpha_of_bets, factor, draws)
    return needed if needed <= terms.max_audits else float("inf")


def _most_wrong(terms: Terms, draws: Draws, n_disagreements: int) -> int:
    """So many labels of the set may be wrong if auditors, asked about every item, would disagree with so many of those
    from before the audit."""
    e, part = terms.auditor_error, terms.alpha * AUDITOR_SHARE
    n_left = n_disagreements - draws.n_wrong
    if e == 0:
        return n_left
    unseen = _most_unseen(n_disagreements, terms.n_items, 1 - e, part)
    mistakes = _most_mistakes(terms.n_audited_before + terms.max_audits, e, part)
    return min(terms.n_items - len(draws), n_left + unseen) + mistakes


def bound_auditor_error(n_gold: int, n_wrong: int, alpha: float) -> float:
    """The highest error rate of auditors who had `n_wrong` of `n_gold` known items wrong (Clopper and Pearson 1934)."""
    return 1.0 if n_wrong >= n_gold else float(betaincinv(n_wrong + 1, n_gold - n_wrong, 1 - alpha))


def _most_mistakes(n_answers: int, error: float, alpha: float) -> int:
    """So many of these answers are wrong, at most, with a chance of 1 - alpha."""
    return int(np.argmax(bdtr(np.arange(n_answers + 1), n_answers, error) >= 1 - alpha))


def _most_unseen(n_seen: int, n_items: int, share: float, alpha: float) -> int:
    """So many of `n_items` are missed, at most, with a chance of 1 - alpha, where each is seen with chance `share` and
    at most `n_seen` are."""
    is_enough = nbdtrc(np.arange(n_items + 1), n_seen + 1, share) <= alpha
    return int(np.argmax(is_enough)) if is_enough.any() else n_items
