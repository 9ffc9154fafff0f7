"""ActiveLab's score, the rival of `worth.value`: one number for labelling again and for labelling something new (Goh
and Mueller 2023; the votes and their weights are those of CROWDLAB, Goh, Tkachenko and Mueller 2022).

    certainty_i  =  (w_M m_i[c_i]  +  sum over annotators j of i of w_j P(z_ij | c_i)  +  w / K)  /  sum of the weights

c_i is the class with most of these votes. P(z | c) is how often people agree with it, for z = c, and what is left
shared out, for z != c; w, the mean of all w_j, stands for an answer that is still to come and says nothing yet. A
weight is the share that machine or annotator avoids of the errors of always saying the commonest class.
"""

import numpy as np

from askless.types import Annotations, Float32Array, FloatArray, IntArray

MIN_WEIGHT = 1e-6


def active_lab(annotations: Annotations, machine: Float32Array | None) -> FloatArray:
    """(N,) 1 - certainty of every item.

    Until an item has two labels nothing is known of agreement: all weights are 1 then, and a label counts as much as
    the machine believes it.

    Args:
        annotations: what people have said of N items.
        machine: (N, K) what a machine says that has not seen an item's own labels, calibrated; none if there is none.
    """
    N, K = annotations.n_items, annotations.n_classes
    said = np.full((N, K), 1.0 / K) if machine is None else machine.astype(np.float64)
    counts = _count(annotations, np.ones(len(annotations)))
    n_labels = counts.sum(axis=1)
    every = np.arange(N)
    chosen = (counts + 0.5 * said).argmax(axis=1)
    if not (n_labels > 1).any():
        return np.asarray(1 - ((1 + n_labels) * said[every, chosen] + 1 / K) / (2 + n_labels))
    agreement = _agreement(annotations, counts)
    for _ in range(2):
        before = chosen
        votes, total, newcomer = _vote(annotations, said, counts, agreement, before)
        chosen = votes.argmax(axis=1)
    return np.asarray(1 - (votes[every, before] + newcomer / K) / (total + newcomer))


def _vote(
    annotations: Annotations, said: FloatArray, counts: FloatArray, agreement: FloatArray, consensus: IntArray
) -> tuple[FloatArray, FloatArray, float]:
    """(N, K) weighted votes, (N,) their total, and the mean weight of an annotator."""
    n_labels = counts.sum(axis=1)
    shared = np.flatnonzero(n_labels > 1)
    agreed = consensus[shared]
    rate = (counts[shared, agreed] / n_labels[shared]).mean()
    worst_error = max(1 - np.bincount(agreed).max() / len(agreed), MIN_WEIGHT)
    machine_error = (said[shared].argmax(axis=1) != agreed).mean()
    of_machine = max(1 - machine_error / worst_error, MIN_WEIGHT) * np.sqrt(n_labels[n_labels > 0].mean())
    of_annotator = np.maximum(1 - (1 - agreement) / worst_error, MIN_WEIGHT)
    of_label = _count(annotations, of_annotator[annotations.annotator])
    of_people = of_label.sum(axis=1)
    wrong = (1 - rate) / (counts.shape[1] - 1)
    votes = of_machine * said + rate * of_label + wrong * (of_people[:, None] - of_label)
    return votes, of_machine + of_people, float(of_annotator[np.unique(annotations.annotator)].mean())


def _count(annotations: Annotations, weight: FloatArray) -> FloatArray:
    """(N, K) the weights (M,) of the labels that say so."""
    N, K = annotations.n_items, annotations.n_classes
    summed = np.bincount(annotations.item * K + annotations.label, weights=weight, minlength=N * K)
    return np.asarray(summed.reshape(N, K), dtype=np.float64)


def _agreement(annotations: Annotations, counts: FloatArray) -> FloatArray:
    """(J,) with which share of the other labels of their items annotators agree; who shares no item is as the others
    are, on the mean."""
    alike = counts[annotations.item, annotations.label] - 1
    others = counts.sum(axis=1)[annotations.item] - 1
    J = annotations.n_annotators
    n_alike, n_others = (np.bincount(annotations.annotator, n, minlength=J) for n in (alike, others))
    is_compared = n_others > 0
    share = np.divide(n_alike, n_others, out=np.zeros(J), where=is_compared)
    return np.where(is_compared, share, share[is_compared].mean())
