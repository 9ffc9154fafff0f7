"""What is believed of people when most of them have said little: each is the crowd, until they show otherwise.

    crowd        C[y, .]    what everybody's labels together say, smoothed towards one skill for all classes
    annotator    B_j[y, .]  the crowd's, with the odds of a right label multiplied by one number for annotator j
    confusion    C_j[y, .]  Dirichlet(S * B_j[y, .]) prior, and what j has been seen to do

The strength S is, in the end, that under which the labels are most likely (empirical Bayes). Nothing is known
beforehand but a guess of the skill, outweighed by a handful of answers. EM is that of `aggregate`, M-step apart.
"""

from dataclasses import replace

import numpy as np
from scipy.special import gammaln

from askless.core.aggregate import EMInfo, objective
from askless.core.normalise import normalise
from askless.core.votes import group, log_item_priors, log_joint, weigh_evidence
from askless.settings import AggregatorSettings
from askless.types import Annotations, Confusion, Float32Array, FloatArray, Prototypes

SKILL_GUESS = 0.65
SKILL_GUESS_STRENGTH = 20.0
"""The crowd's skill before the first label, and how many labels the guess is worth."""

ROW_STRENGTH = 5.0
"""How many labels the one skill is worth in a row of the crowd's confusion."""

SKILL_STRENGTH = 15.0
"""How many labels the crowd's skill is worth in that of an annotator."""

STRENGTHS = (5.0, 10.0, 20.0, 40.0)
"""How many labels an annotator's row may be worth before the first one."""

STRENGTH_GUESS = 20.0

TOLERANCE = 0.005
"""EM ends when no posterior moves by more."""

MIN_COUNT = 0.01
"""Expected counts below this tell nothing of the strength."""


def fit(
    annotations: Annotations,
    machine: Float32Array | None,
    settings: AggregatorSettings,
    known: Prototypes | None = None,
) -> tuple[Confusion, FloatArray, EMInfo]:
    """Soft EM over the three levels; results as those of `aggregate.fit`.

    Args:
        annotations: M labels.
        machine: (N, K) belief of the learner about each item, or none.
        settings: iterations, the power of the machine, which levels there are.
        known: items whose class is certain.
    """
    K = annotations.n_classes
    votes, confusion = group(annotations, np.ones((K, K)))
    confusion = m_step(confusion, settings)
    uniform = np.full(K, 1.0 / K)
    log_prior = log_item_priors(uniform, machine, settings.training_power, votes.items, known)
    posterior = normalise(log_joint(votes, confusion, log_prior))
    has_converged = not len(votes.items)
    n_steps = 0
    while n_steps < settings.max_em_steps and not has_converged:
        counts = np.asarray(votes.transposed @ posterior)
        confusion = m_step(replace(confusion, counts=counts), settings)
        before, posterior = posterior, normalise(log_joint(votes, confusion, log_prior))
        before -= posterior
        has_converged = bool(max(before.max(), -before.min()) < TOLERANCE)
        n_steps += 1
    if settings.strength is None and len(votes.items):
        confusion = replace(confusion, prior_counts=_strength(confusion) * confusion.crowd)
    evidence, log_sums = weigh_evidence(votes, confusion, log_prior, annotations.n_items)
    gained = objective(log_sums, confusion, uniform, None)
    return confusion, evidence, EMInfo(gained, (), has_converged, tuple(uniform.tolist()))


def m_step(seen: Confusion, settings: AggregatorSettings) -> Confusion:
    """Crowd and annotators' skills that the counts (Q, K) of `seen` speak for; its prior is not looked at."""
    crowd = _crowd(seen)
    odds = _odds(seen, crowd) if settings.has_own_skill else np.ones(seen.n_annotators)
    return replace(seen, prior_counts=(settings.strength or STRENGTH_GUESS) * crowd, odds=odds)


def _crowd(seen: Confusion) -> FloatArray:
    """(K, K): pooled counts, each row smoothed towards one skill for all classes."""
    K = seen.n_classes
    cell = seen.label[:, None] + K * np.arange(K)
    pooled = np.bincount(cell.ravel(), weights=seen.counts.ravel(), minlength=K * K).reshape(K, K)
    skill = (np.trace(pooled) + SKILL_GUESS_STRENGTH * SKILL_GUESS) / (pooled.sum() + SKILL_GUESS_STRENGTH)
    one_skill = np.full((K, K), (1 - skill) / (K - 1))
    np.fill_diagonal(one_skill, skill)
    crowd: FloatArray = pooled + ROW_STRENGTH * one_skill
    crowd /= crowd.sum(axis=1, keepdims=True)
    return crowd


def _odds(seen: Confusion, crowd: FloatArray) -> FloatArray:
    """(J,): how the odds of a right label differ from the crowd's, on the items that an annotator has seen."""
    J = seen.n_annotators
    of_pair = seen.counts.sum(axis=1)
    n = np.bincount(seen.annotator, weights=of_pair, minlength=J)
    right = np.bincount(seen.annotator, weights=seen.counts[np.arange(len(seen.label)), seen.label], minlength=J)
    expected = np.bincount(seen.annotator, weights=seen.counts @ np.diagonal(crowd), minlength=J)
    skill_of_crowd = np.divide(expected, n, out=np.full(J, 0.5), where=n > 0)
    skill = (right + SKILL_STRENGTH * skill_of_crowd) / (n + SKILL_STRENGTH)
    odds: FloatArray = skill / (1 - skill) * (1 - skill_of_crowd) / skill_of_crowd
    return odds


def _strength(confusion: Confusion) -> float:
    """The strength under which the counts are most likely (Dirichlet-multinomial; Minka 2000, section 1), with a weak
    pull to the guess."""
    is_seen = confusion.counts > MIN_COUNT
    counts = confusion.counts[is_seen]
    share = confusion.pair_prior[is_seen] / confusion.prior_counts[0].sum()
    n = confusion.row_totals - confusion.prior_totals
    gains = [
        (gammaln(S * share + counts) - gammaln(S * share)).sum()
        - (gammaln(S + n) - gammaln(S)).sum()
        - 0.5 * np.log(S / STRENGTH_GUESS) ** 2
        for S in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(gains))]
