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
import numpy.typing as npt
from scipy import sparse
from scipy.special import xlogy

from askless.core.normalise import normalise
from askless.settings import AggregatorSettings
from askless.types import Annotations, Confusion, Float32Array, FloatArray, IntArray, Prototypes

EPSILON = 1e-8
"""Added to every probability before its logarithm, as in the paper's code; also the width of a tie."""


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


@dataclass(frozen=True, eq=False)
class Votes:
    """Annotations grouped by item, ready for the two products.

    Args:
        items: (V,) the items that have annotations, sorted.
        pair: (M,) for each annotation its column in `matrix`.
        row: (M,) for each annotation its row in `matrix`.
        matrix: (V, Q) sparse: how often each pair occurs for each item.
    """

    items: IntArray
    pair: IntArray
    row: IntArray
    matrix: sparse.csr_array[np.float64]
    transposed: sparse.csr_array[np.float64]


def group(annotations: Annotations, prior_counts: FloatArray) -> tuple[Votes, Confusion]:
    """The vote matrix, and the confusions as the prior has them, over the pairs that occur."""
    K = annotations.n_classes
    items, row = np.unique(annotations.item, return_inverse=True)
    pairs, pair = np.unique(annotations.annotator * K + annotations.label, return_inverse=True)
    matrix = sparse.csr_array((np.ones(len(annotations)), (row, pair)), shape=(len(items), len(pairs)))
    prior_only = Confusion(prior_counts, pairs // K, pairs % K, np.zeros((len(pairs), K)), annotations.n_annotators)
    return Votes(items, pair, row, matrix, matrix.T.tocsr()), prior_only


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
    seen_by_machine = None if machine is None else machine[votes.items]
    certain = certainty(known, votes.items, K)
    log_prior = log_item_prior(class_prior, seen_by_machine, settings.training_power) + certain
    m_step = m_step_soft if settings.m_step == "soft" else m_step_hard
    likelihoods: list[float] = []
    labels: list[IntArray] = []
    has_converged = False
    said = log_likelihood(votes, confusion)
    while len(votes.items) and len(likelihoods) < settings.max_em_steps and not has_converged:
        posterior = normalise(log_prior + said)
        confusion = m_step(votes, confusion, posterior, rng)
        labels.append(posterior.argmax(axis=1))
        likelihoods.append(_mean_likelihood(votes, confusion, labels[-1]))
        said = log_likelihood(votes, confusion)
        if settings.class_prior_count:
            class_prior = m_step_classes(posterior, settings.class_prior_count)
            log_prior = log_item_prior(class_prior, seen_by_machine, settings.training_power) + certain
        has_converged = len(likelihoods) > 1 and (
            abs(likelihoods[-1] - likelihoods[-2]) < settings.likelihood_epsilon
            if settings.criterion == "soft"
            else np.array_equal(labels[-1], labels[-2])
        )
    evidence = np.zeros((annotations.n_items, K))
    evidence[votes.items] = said
    gained = objective(log_prior + said, confusion, class_prior, settings.class_prior_count)
    return confusion, evidence, EMInfo(gained, tuple(likelihoods), has_converged, tuple(class_prior.tolist()))


def certainty(known: Prototypes | None, items: IntArray, n_classes: int) -> FloatArray | float:
    """What to add to the log priors of some items, (len(items), K): minus infinity for what a known item is not."""
    if known is None or not len(known):
        return 0.0
    certain = np.zeros((len(items), n_classes))
    is_annotated = np.isin(known.item, items)
    rows = np.searchsorted(items, known.item[is_annotated])
    certain[rows] = -np.inf
    certain[rows, known.label[is_annotated]] = 0
    return certain


def log_item_prior(
    class_prior: FloatArray, machine: npt.NDArray[np.floating] | None, machine_power: float = 1.0
) -> FloatArray:
    """Log of the class prior (K,) and, where there is one, of the machine's belief (as the paper's code), times a
    power: below 1, the machine is believed less than it says."""
    log_prior: FloatArray = np.log(class_prior + EPSILON)
    if machine is None:
        return log_prior
    log_belief = machine.astype(np.float64)
    log_belief += EPSILON
    np.log(log_belief, out=log_belief)
    log_belief *= machine_power
    log_belief += log_prior
    return log_belief


def log_likelihood(votes: Votes, confusion: Confusion) -> FloatArray:
    """(V, K): log P(all labels of an item | y)."""
    log_probabilities = confusion.pair_probabilities + EPSILON
    np.log(log_probabilities, out=log_probabilities)
    return np.asarray(votes.matrix @ log_probabilities)


def e_step(
    evidence: FloatArray,
    machine: Float32Array | None,
    class_prior: Sequence[float] | FloatArray | None = None,
    machine_power: float = 1.0,
) -> FloatArray:
    """The posterior (N, K) from the log likelihood of each item's labels (N, K), the machine's belief to a power, and
    the class prior (K,), none for uniform."""
    K = evidence.shape[1]
    prior = np.full(K, 1.0 / K) if class_prior is None else np.asarray(class_prior)
    return normalise(evidence + log_item_prior(prior, machine, machine_power))


def m_step_soft(votes: Votes, confusion: Confusion, posterior: FloatArray, _: object = None) -> Confusion:
    """Expected counts: an item counts for each class as much as its posterior says."""
    return confusion.with_counts(np.asarray(votes.transposed @ posterior))


def m_step_hard(votes: Votes, confusion: Confusion, posterior: FloatArray, rng: np.random.Generator) -> Confusion:
    """The paper's counts: an item counts fully for its most likely class; ties are broken at random."""
    labels = _argmax_with_random_ties(posterior, rng)
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


def _argmax_with_random_ties(posterior: FloatArray, rng: np.random.Generator) -> IntArray:
    labels: IntArray = posterior.argmax(axis=1)
    top = posterior[np.arange(len(labels)), labels]
    is_near = posterior >= (top - EPSILON)[:, None]
    if np.count_nonzero(is_near) > len(labels):
        tied = np.flatnonzero(is_near.sum(axis=1) > 1)
        labels[tied] = np.where(is_near[tied], rng.random((len(tied), posterior.shape[1])), -1.0).argmax(axis=1)
    return labels


def _mean_likelihood(votes: Votes, confusion: Confusion, labels: IntArray) -> float:
    return float(confusion.pair_probabilities[votes.pair, labels[votes.row]].mean())


def objective(
    log_joint: FloatArray, confusion: Confusion, class_prior: FloatArray, class_prior_count: float | None
) -> float:
    """Evidence of the items, from log P(labels, y) (V, K), plus the log Dirichlet densities, up to constants."""
    peak = log_joint.max(axis=1)
    log_evidence = peak + np.log(np.exp(log_joint - peak[:, None]).sum(axis=1))
    prior = confusion.pair_prior
    gain = xlogy(prior, prior + confusion.counts) - xlogy(prior, prior)
    totals = confusion.prior_totals
    of_people = gain.sum() - xlogy(totals, confusion.row_totals / totals).sum()
    of_classes = (class_prior_count or 0.0) * np.log(len(class_prior) * class_prior).sum()
    return float(log_evidence.sum() + of_people + of_classes)
