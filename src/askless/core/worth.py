"""How much one more answer about an item is worth: by simulated answers, or by how unsure its posterior is."""

import numpy as np
from scipy.special import entr, softmax

from askless.types import FloatArray

N_DRAWS = 24
MAX_ANSWERS = 3
"""One answer alone rarely changes a label where people are weak, so that several are looked ahead."""

MIN_GAIN = 1e-6
"""Times the risk: what an answer is worth at least, so that all items have an order."""

MAX_BLOCK = 4_000_000
"""Numbers held at once."""


def value(posterior: FloatArray, crowd: FloatArray, answer_power: float, rng: np.random.Generator) -> FloatArray:
    """(n,): how much an answer raises the chance that the label is right, at best over the next one to three.

        max over a of  (E[max_k q_i[k] after a answers] - max_k q_i[k]) / a

    Args:
        posterior: (n, K) of items.
        crowd: (K, K) confusion of whoever answers next; row = truth.
        answer_power: with which likelihoods enter the posterior.
        rng: simulated truths and answers, the same numbers for all items.
    """
    n, K = posterior.shape
    truth_at = (rng.permutation(N_DRAWS) + rng.random(N_DRAWS)) / N_DRAWS
    answer_at = rng.random((MAX_ANSWERS, N_DRAWS))
    answers = (np.cumsum(crowd, axis=1)[:, None, None, :-1] < answer_at[None, :, :, None]).sum(axis=-1)
    weight = answer_power * np.log(np.maximum(crowd.T, 1e-12))
    worth = np.empty(n)
    rows_per_block = max(1, MAX_BLOCK // (N_DRAWS * K))
    for start in range(0, n, rows_per_block):
        q = posterior[start : start + rows_per_block]
        truth = (np.cumsum(q, axis=1)[:, None, :-1] < truth_at[:, None]).sum(axis=-1)
        log_q = np.log(np.maximum(q, 1e-300))[:, None, :]
        top = q.max(axis=1)
        best = MIN_GAIN * (1 - top)
        for a in range(MAX_ANSWERS):
            log_q = log_q + weight[answers[truth, a, np.arange(N_DRAWS)]]
            best = np.maximum(best, (softmax(log_q, axis=-1).max(axis=-1).mean(axis=1) - top) / (a + 1))
        worth[start : start + rows_per_block] = best
    return worth


def information(skill: FloatArray, n_classes: int) -> FloatArray:
    """(...), in nats: what an answer tells at most, if its author is right with the chance `skill` (...) and wrong
    labels of K >= 2 classes are equally likely; 0 for who is no better than chance (the capacity of that channel)."""
    wrong = 1 - skill
    told = np.log(n_classes) - entr(skill) - entr(wrong) - wrong * np.log(n_classes - 1)
    return np.where(skill * n_classes > 1, np.maximum(told, 0.0), 0.0)


def entropy(posterior: FloatArray) -> FloatArray:
    """(n,) in nats."""
    return np.asarray(entr(posterior).sum(axis=1))


def margin(posterior: FloatArray) -> FloatArray:
    """(n,): 1 where the two most likely classes are equally likely, 0 where there is no doubt."""
    two = np.partition(posterior, -2, axis=1)[:, -2:]
    return np.asarray(1 - (two[:, 1] - two[:, 0]))
