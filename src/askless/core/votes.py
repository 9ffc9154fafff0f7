"""What people said of each item, as one sparse matrix S (items x pairs; a pair is an annotator and a label), and its
product with the confusions, of which EM is made. It is done in blocks of items, so that what follows finds each block
still in the cache.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from askless.core.blocks import blocks, for_each
from askless.core.normalise import normalise_block
from askless.types import Annotations, BoolArray, Confusion, Float32Array, FloatArray, IntArray, Prototypes

EPSILON = 1e-8
"""Added to every probability before its logarithm, as in the paper's code; also the width of a tie."""


@dataclass(frozen=True, eq=False)
class Votes:
    """Annotations grouped by item, ready for the two products.

    Args:
        items: (V,) the items that have annotations, sorted.
        pair: (M,) for each annotation its column in S.
        row: (M,) for each annotation its row in S.
        parts: blocks of items, each with its rows of S, sparse: how often each pair occurs for each item.
        transposed: (Q, V), all of S, transposed.
    """

    items: IntArray
    pair: IntArray
    row: IntArray
    parts: list[tuple[slice, sparse.csr_array[np.float64]]]
    transposed: sparse.csr_array[np.float64]


def group(annotations: Annotations, prior_counts: FloatArray) -> tuple[Votes, Confusion]:
    """The vote matrix, and the confusions as the prior has them, over the pairs that occur."""
    K = annotations.n_classes
    is_annotated = np.bincount(annotations.item, minlength=annotations.n_items) > 0
    items, row = np.flatnonzero(is_annotated), (np.cumsum(is_annotated) - 1)[annotations.item]
    pairs, pair = np.unique(annotations.annotator * K + annotations.label, return_inverse=True)
    matrix = sparse.csr_array((np.ones(len(annotations)), (row, pair)), shape=(len(items), len(pairs)))
    prior_only = Confusion(prior_counts, pairs // K, pairs % K, np.zeros((len(pairs), K)), annotations.n_annotators)
    parts = [(rows, matrix[rows]) for rows in blocks(len(items), K)]
    return Votes(items, pair, row, parts, matrix.T.tocsr()), prior_only


def find_disputed(annotations: Annotations) -> BoolArray:
    """(N,) which items have labels that differ."""
    some_label = np.zeros(annotations.n_items, np.int64)
    some_label[annotations.item] = annotations.label
    is_disputed = np.zeros(annotations.n_items, bool)
    is_disputed[annotations.item[annotations.label != some_label[annotations.item]]] = True
    return is_disputed


def log_item_priors(
    class_prior: FloatArray,
    machine: Float32Array | None,
    machine_power: float,
    items: IntArray,
    known: Prototypes | None,
) -> FloatArray:
    """(len(items), K): `log_item_prior` of some items, sorted; minus infinity for what a known one is not."""
    log_priors = np.empty((len(items), len(class_prior)))

    def fill_rows(rows: slice) -> None:
        seen = None if machine is None else machine[items[rows]]
        log_priors[rows] = log_item_prior(class_prior, seen, machine_power)

    for_each(blocks(*log_priors.shape), fill_rows)
    if known is not None and len(known):
        is_annotated = np.isin(known.item, items)
        certain = np.searchsorted(items, known.item[is_annotated]), known.label[is_annotated]
        left = log_priors[certain]
        log_priors[certain[0]] = -np.inf
        log_priors[certain] = left
    return log_priors


def log_item_prior(
    class_prior: FloatArray, machine: npt.NDArray[np.floating] | None, machine_power: float | FloatArray = 1.0
) -> FloatArray:
    """Log of the class prior (K,) and, where there is one, of the machine's belief (as the paper's code), times a
    power, perhaps one for each row: below 1, the machine is believed less than it says."""
    log_prior: FloatArray = np.log(class_prior + EPSILON)
    if machine is None:
        return log_prior
    log_belief = machine.astype(np.float64)
    log_belief += EPSILON
    np.log(log_belief, out=log_belief)
    log_belief *= machine_power
    log_belief += log_prior
    return log_belief


def log_joint(votes: Votes, confusion: Confusion, log_prior: FloatArray) -> FloatArray:
    """(V, K): log P(all labels of an item, y), from the log prior of each item (V, K)."""
    log_probabilities = _log_probabilities(confusion)
    joint = np.empty_like(log_prior)

    def fill(part: tuple[slice, sparse.csr_array[np.float64]]) -> None:
        rows, matrix = part
        np.add(np.asarray(matrix @ log_probabilities), log_prior[rows], out=joint[rows])

    for_each(votes.parts, fill)
    return joint


def weigh_evidence(
    votes: Votes, confusion: Confusion, log_prior: FloatArray, n_items: int
) -> tuple[FloatArray, FloatArray]:
    """(N, K) log P(all labels of an item | y), zero for items without labels; (V,) log P(all labels of an item)."""
    log_probabilities = _log_probabilities(confusion)
    evidence = np.zeros((n_items, log_prior.shape[1]))
    log_sums = np.empty(len(votes.items))

    def fill(part: tuple[slice, sparse.csr_array[np.float64]]) -> None:
        rows, matrix = part
        said = np.asarray(matrix @ log_probabilities)
        evidence[votes.items[rows]] = said
        said += log_prior[rows]
        log_sums[rows] = normalise_block(said)

    for_each(votes.parts, fill)
    return evidence, log_sums


def _log_probabilities(confusion: Confusion) -> FloatArray:
    """(Q, K): of each pair, given y."""
    probabilities = confusion.pair_probabilities
    logs = np.empty_like(probabilities)

    def fill(rows: slice) -> None:
        np.add(probabilities[rows], EPSILON, out=logs[rows])
        np.log(logs[rows], out=logs[rows])

    for_each(blocks(*logs.shape), fill)
    return logs
