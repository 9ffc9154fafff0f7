"""How right the whole set is, from a random audit: exact, and valid however often one looks.

An audit takes the labels as they are, and draws items at random, without replacement, from those that nobody has
audited yet. Until it ends, no label changes. Of n items W are labelled wrongly; after j draws x wrong ones are found.
For each w, with a prior over the number of wrong ones and L(w) = P(x of j | w),

    K(w) = sum over v of prior(v) L(v) / L(w)

is a martingale that starts at 1 if W = w, so that K(W) ever reaches 1 / alpha with a chance of at most alpha (Ville).
The w whose K is below that bound W from both sides, at all times at once: the prior-posterior ratio of Waudby-Smith
and Ramdas (2020), "Confidence sequences for sampling without replacement". The prior may be any that is chosen before
the first draw: it moves the width, not the validity.

Audited items get the label that the audit gave, so that the wrong ones found no longer count. If an audit fails, the
labels move on, and another one, with items nobody has audited, spends the next part of alpha.
"""

from dataclasses import dataclass
from math import floor

import numpy as np
from scipy.special import bdtr, betaincinv, betaln, gammaln, logsumexp, nbdtrc

from askless.types import FloatArray, IntArray

AUDITOR_SHARE = 0.1
"""Part of alpha that each of two bounds on the mistakes of auditors gets, if they make any."""

MIN_EXPECTED_SHARE = 1e-3
MIN_WINDOW = 64


@dataclass(frozen=True)
class Terms:
    """What is laid down when an audit begins.

    Args:
        n_set: items that the promise is about.
        n_items: those that nobody has audited, among which this audit draws.
        alpha: chance at most that a bound of this audit is ever wrong.
        expected_share: share of wrong labels that is expected among `n_items`; a bad guess costs answers only.
        max_audits: most items that it may audit.
        auditor_error: chance at most that an auditor's answer is wrong, independently for each item.
    """

    n_set: int
    n_items: int
    alpha: float
    expected_share: float
    max_audits: int
    auditor_error: float = 0.0

    @property
    def n_audited_before(self) -> int:
        return self.n_set - self.n_items


def alpha_of(audit: int, confidence: float) -> float:
    """What the audit with this number, from 0 on, may spend; all together spend 1 - confidence."""
    return (1 - confidence) * 0.5 ** (audit + 1)


def allowed_wrong(n_set: int, target_accuracy: float) -> int:
    """How many labels of the set may be wrong."""
    return floor(n_set * (1 - target_accuracy) + 1e-9)


def bound_wrong(n_items: int, n_audited: int, n_wrong: int, alpha: float, expected_share: float) -> tuple[int, int]:
    """Lowest and highest number of wrong labels among `n_items`, the `n_wrong` found included.

    Only the lowest w are looked at, as many as it takes: L has one peak, so that beyond it all are ruled out as soon as
    one is; and a sum over fewer v makes K smaller, so that nothing is ruled out by it.
    """
    most = n_items - n_audited + n_wrong
    highest = n_wrong + MIN_WINDOW + 2 * n_wrong * n_items // max(n_audited, 1)  # beyond the peak
    while True:
        w = np.arange(n_wrong, min(highest, most) + 1)
        log_likelihood = (
            gammaln(w + 1)
            - gammaln(w - n_wrong + 1)
            + gammaln(n_items - w + 1)
            - gammaln(n_items - w - n_audited + n_wrong + 1)
        )
        log_ratio = logsumexp(_log_prior(w, n_items, expected_share) + log_likelihood) - log_likelihood
        is_possible = log_ratio < np.log(1 / alpha)
        if highest >= most or not is_possible[-1]:
            return int(w[is_possible].min()), int(w[is_possible].max())
        highest *= 4


def bound_accuracy(terms: Terms, n_audited: int, n_wrong: int, n_unsettled: int = 0) -> tuple[float, float]:
    """Lowest and highest accuracy of the set, once audited items have the label that the audit gave.

    Auditors who err: an item may be counted as right though it is wrong, with a chance of at most e. So of the wrong
    labels left, at least a binomial share 1 - e would be found; and of the audited items, a binomial share e at most
    ends up wrong, earlier audits included. Both at `AUDITOR_SHARE` of alpha.

    Args:
        terms: of the audit.
        n_audited: items audited in it.
        n_wrong: of these, those whose label was not what the auditor said.
        n_unsettled: items, of this audit or an earlier one, that the auditor could not label; they count as wrong, here
            and among `n_wrong`.
    """
    e, part = terms.auditor_error, terms.alpha * AUDITOR_SHARE
    alpha = terms.alpha if e == 0 else terms.alpha - 2 * part
    low, high = bound_wrong(terms.n_items, n_audited, n_wrong, alpha, terms.expected_share)
    least, most = low - n_wrong, high - n_wrong
    if e > 0:
        left = terms.n_items - n_audited
        most = min(left, most + _most_unseen(most, left, 1 - e, part))
        most += _most_mistakes(terms.n_audited_before + terms.max_audits, e, part)
        least = max(0, least - _most_mistakes(left, e, part))
    return max(0.0, 1 - (most + n_unsettled) / terms.n_set), 1 - least / terms.n_set


def expect_audits(
    terms: Terms, target_accuracy: float, share: float, n_audited: int = 0, n_wrong: int = 0, n_unsettled: int = 0
) -> float:
    """How many items an audit takes in all until it shows the target, if this share of the labels that it has not come
    to yet is wrong, and found evenly; infinite if more than `terms.max_audits`."""

    def is_shown(n: int) -> bool:
        found = n_wrong + round(share * (n - n_audited))
        return bound_accuracy(terms, n, found, n_unsettled)[0] >= target_accuracy

    low, high = n_audited, min(terms.max_audits, terms.n_items)
    if not is_shown(high):
        return float("inf")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_shown(middle) else (middle, high)
    return high


def bound_auditor_error(n_gold: int, n_wrong: int, alpha: float) -> float:
    """The highest error rate of auditors who had `n_wrong` of `n_gold` known items wrong (Clopper and Pearson 1934)."""
    return 1.0 if n_wrong >= n_gold else float(betaincinv(n_wrong + 1, n_gold - n_wrong, 1 - alpha))


def _log_prior(n_wrong: IntArray, n_items: int, expected_share: float) -> FloatArray:
    """Beta-binomial over the number of wrong labels, whose share has the prior Beta(1, 1 / r - 1)."""
    r = min(max(expected_share, MIN_EXPECTED_SHARE), 0.5)
    b = 1 / r - 1
    choose = gammaln(n_items + 1) - gammaln(n_wrong + 1) - gammaln(n_items - n_wrong + 1)
    return np.asarray(choose + betaln(n_wrong + 1, n_items - n_wrong + b) - betaln(1, b))


def _most_mistakes(n_answers: int, error: float, alpha: float) -> int:
    """So many of these answers are wrong, at most, with a chance of 1 - alpha."""
    return int(np.argmax(bdtr(np.arange(n_answers + 1), n_answers, error) >= 1 - alpha))


def _most_unseen(n_seen: int, n_items: int, share: float, alpha: float) -> int:
    """So many of `n_items` are missed, at most, with a chance of 1 - alpha, where each is seen with chance `share` and
    at most `n_seen` are."""
    is_enough = nbdtrc(np.arange(n_items + 1), n_seen + 1, share) <= alpha
    return int(np.argmax(is_enough)) if is_enough.any() else n_items
