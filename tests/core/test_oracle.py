"""EM against the definition of the model: a sum over all K^N truths."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Problem, problems
from scipy.special import logsumexp, xlogy

from askless.core.aggregate import EPSILON, e_step
from askless.types import Confusion, FloatArray


def enumerate_truths(
    problem: Problem, confusion: Confusion, items: list[int]
) -> tuple[list[tuple[int, ...]], FloatArray]:
    """All truths of some items, and the log joint probability of each with all that was said of these items."""
    K = problem.annotations.n_classes
    columns = (problem.annotations.item, problem.annotations.annotator, problem.annotations.label)
    matrices = confusion.matrices(range(confusion.n_annotators))
    truths = list(product(range(K), repeat=len(items)))
    log_joint = np.zeros(len(truths))
    for position, truth in enumerate(truths):
        of_item = dict(zip(items, truth, strict=True))
        for i, y in of_item.items():
            log_joint[position] += np.log(1 / K + EPSILON)
            if problem.machine is not None:
                log_joint[position] += np.log(float(problem.machine[i, y]) + EPSILON)
        for i, j, z in zip(*columns, strict=True):
            if i in of_item:
                log_joint[position] += np.log(matrices[j, of_item[i], z] + EPSILON)
    return truths, log_joint


def log_prior_gain(confusion: Confusion) -> float:
    """Log Dirichlet density of all confusions, less that of the confusions as the prior has them."""
    J = confusion.n_annotators
    matrices = confusion.matrices(range(J))
    prior = confusion.prior_counts if confusion.prior_counts.ndim == 3 else np.array([confusion.prior_counts] * J)
    before = prior[:J] / prior[:J].sum(-1, keepdims=True)
    return float(xlogy(prior[:J], matrices).sum() - xlogy(prior[:J], before).sum())


@settings(max_examples=60)
@given(
    problem=problems(max_items=4, max_classes=3, max_annotators=3, max_annotations=10),
    n_steps=st.integers(0, 3),
    m_step=st.sampled_from(["soft", "hard"]),
)
def test_posterior_and_objective_are_sums_over_all_truths(problem: Problem, n_steps: int, m_step: str) -> None:
    confusion, evidence, _ = problem.fit(n_steps, m_step)
    N, K = problem.annotations.n_items, problem.annotations.n_classes

    truths, log_joint = enumerate_truths(problem, confusion, list(range(N)))
    weight = np.exp(log_joint - logsumexp(log_joint))
    expected = np.zeros((N, K))
    for truth, p in zip(truths, weight, strict=True):
        expected[np.arange(N), truth] += p
    np.testing.assert_allclose(e_step(evidence, problem.machine), expected, rtol=0, atol=1e-10)

    annotated = np.unique(problem.annotations.item).tolist()
    if annotated:
        objective = problem.fit(n_steps + 1, m_step)[2].objectives[n_steps]
        _, log_joint = enumerate_truths(problem, confusion, annotated)
        assert abs(objective - logsumexp(log_joint) - log_prior_gain(confusion)) < 1e-10
