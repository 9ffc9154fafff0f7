"""From people's labels to a posterior: majority vote, and EM over Dirichlet confusion matrices.

The model (Dawid and Skene 1979; the paper, section 3): an item has one true class y; annotator j says z with
probability `confusion[j, y, z]`, independently for each item; every row of a confusion matrix has a Dirichlet
prior. The classes are equally frequent, or, with `class_prior_count`, their frequencies are learned under a Dirichlet
prior of their own. EM is two sparse products with the vote matrix S (items x pairs), where a pair is an annotator and
a label:

    E:  log posterior = log item prior + S @ log P(pair | y)        M:  counts = S.T @ posterior

(and, for the classes, their prior count plus the column sums of the posterior)
so that one iteration costs O(annotations x K), whatever the number of items and annotators.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from askless.core.blocks import blocks, for_each
from askless.core.normalise import normalise, normalise_block
from askless.core.votes import EPSILON, Votes, group, log_item_prior, log_item_priors, log_joint, weigh_evidence
from askless.settings import AggregatorSettings
from askless.types import Annotations, Confusion, Float32Array, FloatArray, IntArray, Prototypes


@dataclass(frozen=True)
class EMInfo:
    """How EM went.

    Args:
        objective: log posterior density of the confusions after the last iteration, in nats, up to a constant: sum
            over items of log P(its labels) + log Dirichlet priors. Never lower after one more soft M-step.
        likelihoods: mean over annotations of P(label | most likely class), after each M-step; the paper's code calls
            it the likelihood and stops by it.
        has_converged: whether the stop criterion fired before the iterations ran out.
        class_prior: (K,) how frequent the classes are, as the last M-step has it; uniform unless it is learned.
    """

    objective: float
    likelihoods: tuple[float, ...]
    has_converged: bool
    class_prior: tuple[float, ...]


def fit(
    annotations: Annotations,
    prior_counts: FloatArray,
    machine: Float32Array | None,
    settings: AggregatorSettings,
    *,
    rng: np.random.Generator,
    known: Prototypes | None = None,
) -> tuple[Confusion, FloatArray, EMInfo]:
    """EM from the prior until the criterion fires or `max_em_steps` iterations are done.

    Args:
        annotations: M labels.
        prior_counts: Dirichlet counts, row = truth, every row sum positive: (K, K) or (J, K, K).
        machine: (N, K) belief of the learner about each item, or none.
        settings: which M-step, which criterion, whether the class frequencies are learned.
        rng: breaks ties of the hard M-step.
        known: items whose class is certain; what people said of them tells only about people.

    Returns:
        The confusions after the last M-step; (N, K) the log likelihood of each item's labels under them, zero
        for items without labels; how it went.
    """
    votes, confusion = group(annotations, prior_counts)
    K = annotations.n_classes
    class_prior = np.full(K, 1.0 / K)
    log_prior = log_item_priors(class_prior, machine, settings.training_power, votes.items, known)
    likelihoods: list[float] = []
    labels: list[IntArray] = []
    has_converged = False
    while len(votes.items) and len(likelihoods) < settings.max_em_steps and not has_converged:
        weights = log_joint(votes, confusion, log_prior)
        if settings.m_step == "soft":
            confusion = m_step_soft(votes, confusion, normalise(weights))
            labels.append(weights.argmax(axis=1))
        else:
            label, drawn = most_likely(weights, rng)
            confusion = m_step_hard(votes, confusion, drawn)
            labels.append(label)
        likelihoods.append(_mean_likelihood(votes, confusion, labels[-1]))
        if settings.class_prior_count:
            posterior = weights if settings.m_step == "soft" else normalise(weights)
            class_prior = m_step_classes(posterior, settings.class_prior_count)
            log_prior = log_item_priors(class_prior, machine, settings.training_power, votes.items, known)
        has_converged = len(likelihoods) > 1 and (
            abs(likelihoods[-1] - likelihoods[-2]) < settings.likelihood_epsilon
            if settings.criterion == "soft"
            else np.array_equal(labels[-1], labels[-2])
        )
    evidence, log_sums = weigh_evidence(votes, confusion, log_prior, annotations.n_items)
    gained = objective(log_sums, confusion, class_prior, settings.class_prior_count)
    return confusion, evidence, EMInfo(gained, tuple(likelihoods), has_converged, tuple(class_prior.tolist()))


def e_step(
    evidence: FloatArray,
    machine: Float32Array | None,
    class_prior: Sequence[float] | FloatArray | None = None,
    machine_power: float | FloatArray = 1.0,
    answer_power: float = 1.0,
    joint_power: FloatArray | None = None,
) -> FloatArray:
    """The posterior (N, K) from the log likelihood of each item's labels (N, K) and the machine's belief, each to a
    power, the machine's perhaps of the item's own (N,), and the class prior (K,), none for uniform; all together to a
    power of the item's own (N,), none for 1."""
    K = evidence.shape[1]
    prior = np.full(K, 1.0 / K) if class_prior is None else np.asarray(class_prior)
    machine_powers = np.broadcast_to(machine_power, len(evidence))
    posterior = np.empty_like(evidence)

    def join_rows(rows: slice) -> None:
        joint = np.multiply(evidence[rows], answer_power, out=posterior[rows])
        joint += log_item_prior(prior, None if machine is None else machine[rows], machine_powers[rows, None])
        if joint_power is not None:
            joint *= joint_power[rows, None]
        normalise_block(joint)

    for_each(blocks(*evidence.shape), join_rows)
    return posterior


def m_step_soft(votes: Votes, confusion: Confusion, posterior: FloatArray) -> Confusion:
    """Expected counts: an item counts for each class as much as its posterior says."""
    return confusion.with_counts(np.asarray(votes.transposed @ posterior))


def m_step_hard(votes: Votes, confusion: Confusion, labels: IntArray) -> Confusion:
    """The paper's counts: an item counts fully for its most likely class, (V,)."""
    K = confusion.n_classes
    counts = np.bincount(votes.pair * K + labels[votes.row], minlength=len(confusion.counts) * K)
    return confusion.with_counts(counts.reshape(-1, K).astype(np.float64))


def m_step_classes(posterior: FloatArray, class_prior_count: float) -> FloatArray:
    """(K,): the class frequencies that the posterior (V, K) and a symmetric Dirichlet prior speak for."""
    counts: FloatArray = posterior.sum(axis=0) + class_prior_count
    frequencies: FloatArray = counts / counts.sum()
    return frequencies


def majority_vote(annotations: Annotations) -> FloatArray:
    """(N, K): the share of each class among an item's labels; uniform for an item without labels."""
    N, K = annotations.n_items, annotations.n_classes
    votes = np.bincount(annotations.item * K + annotations.label, minlength=N * K).reshape(N, K).astype(np.float64)
    total = votes.sum(axis=1, keepdims=True)
    share: FloatArray = np.divide(votes, total, out=np.full((N, K), 1.0 / K), where=total > 0)
    return share


def most_likely(log_weights: FloatArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """The class that weighs most, of (V, K) rows: the first of them, and one drawn among those whose probabilities are
    within `EPSILON` of the largest."""
    V, K = log_weights.shape
    labels, is_close = np.empty(V, np.int64), np.empty(V, bool)
    width = 2 * K * EPSILON  # the largest probability is 1 / K or more

    def choose(rows: slice) -> None:
        weights = log_weights[rows]
        labels[rows] = largest = weights.argmax(axis=1)
        peak = weights[np.arange(len(weights)), largest]
        is_close[rows] = np.count_nonzero(weights >= (peak - width)[:, None], axis=1) > 1

    for_each(blocks(V, K), choose)
    close = np.flatnonzero(is_close)
    posterior = normalise(log_weights[close])
    is_near = posterior >= posterior.max(axis=1, keepdims=True) - EPSILON
    is_tied = np.count_nonzero(is_near, axis=1) > 1
    tied, is_near = close[is_tied], is_near[is_tied]
    drawn = labels.copy()
    drawn[tied] = np.where(is_near, rng.random(is_near.shape), -1.0).argmax(axis=1)
    return labels, drawn


def _mean_likelihood(votes: Votes, confusion: Confusion, labels: IntArray) -> float:
    return float(confusion.pair_probabilities[votes.pair, labels[votes.row]].mean())


def objective(
    log_evidence: FloatArray, confusion: Confusion, class_prior: FloatArray, class_prior_count: float | None
) -> float:
    """Evidence of the items, log P(labels) (V,), plus the log Dirichlet densities, up to constants."""
    is_seen = confusion.counts > 0
    prior = confusion.pair_prior[is_seen]
    gain = xlogy(prior, prior + confusion.counts[is_seen]) - xlogy(prior, prior)
    totals = confusion.prior_totals
    of_people = gain.sum() - xlogy(totals, confusion.row_totals / totals).sum()
    of_classes = (class_prior_count or 0.0) * np.log(len(class_prior) * class_prior).sum()
    return float(log_evidence.sum() + of_people + of_classes)
