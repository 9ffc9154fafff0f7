"""The machine as one more annotator: what it calls j is how often truly k?

A machine that is calibrated on the whole may still be wrong on a class that it takes for another. With R[j, k] the
chance of class k where the machine says j, its belief m becomes m R. R is found by EM, from what the judge knows of the
truth; R starts with something everywhere, and a few imagined items hold it near the identity.
"""

import numpy as np

from askless.core.judge import TINY, Judge
from askless.types import FloatArray

N_STEPS = 8
START = 0.9
STRENGTH = 5.0
"""Imagined items of each class that the machine was right about."""


def machine_confusion(probability: FloatArray, judge: Judge) -> FloatArray:
    """(K, K), rows sum to 1, from what the machine says of the judge's items (n, K)."""
    K = probability.shape[1]
    confusion: FloatArray = START * np.eye(K) + (1 - START) / K
    for _ in range(N_STEPS):
        total = np.einsum("nk,nk->n", probability @ confusion, judge.likelihood) + TINY
        counts = confusion * ((probability * (judge.weight / total)[:, None]).T @ judge.likelihood)
        confusion = counts + STRENGTH * np.eye(K)
        confusion /= confusion.sum(axis=1, keepdims=True)
    return confusion
