"""EM against the definition of the model: a sum over all K^N truths."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Problem, problems
from scipy.special import logsumexp, xlogy

from askless.core.aggregate import e_step
from askless.core.votes import EPSILON
from askless.types import Confusion, FloatArray


def enumerate_truths(
    problem: Problem, confusion: Confusion, class_prior: Sequence[float] | FloatArray, items: list[int]
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
            log_joint[position] += np.log(class_prior[y] + EPSILON)
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
    count=st.sampled_from([None, 0.1, 1.0, 10.0]),
)
def test_posterior_and_objective_are_sums_over_all_truths(
    problem: Problem, n_steps: int, m_step: str, count: float | None
) -> None:
    confusion, evidence, info = problem.fit(n_steps, m_step, class_prior_count=count)
    N, K = problem.annotations.n_items, problem.annotations.n_classes

    truths, log_joint = enumerate_truths(problem, confusion, info.class_prior, list(range(N)))
    weight = np.exp(log_joint - logsumexp(log_joint))
    expected = np.zeros((N, K))
    for truth, p in zip(truths, weight, strict=True):
        expected[np.arange(N), truth] += p
    np.testing.assert_allclose(e_step(evidence, problem.machine, info.class_prior), expected, rtol=0, atol=1e-10)

    annotated = np.unique(problem.annotations.item).tolist()
    if annotated:
        _, log_joint = enumerate_truths(problem, confusion, info.class_prior, annotated)
        of_classes = (count or 0) * float(np.log(np.array(info.class_prior) * K).sum())
        assert abs(info.objective - logsumexp(log_joint) - log_prior_gain(confusion) - of_classes) < 1e-10


@settings(max_examples=40)
@given(problem=problems(max_items=4, max_classes=3), count=st.sampled_from([0.1, 1.0, 10.0]))
def test_the_class_prior_is_the_expected_share_of_each_class(problem: Problem, count: float) -> None:
    """One EM iteration from the uniform prior, by the sum over all truths; a count that outweighs all is uniform."""
    annotated = np.unique(problem.annotations.item).tolist()
    K = problem.annotations.n_classes
    uniform = np.full(K, 1 / K)
    truths, log_joint = enumerate_truths(problem, problem.fit(0)[0], uniform, annotated)
    weight = np.exp(log_joint - logsumexp(log_joint))
    expected = np.full(K, count)
    for truth, p in zip(truths, weight, strict=True):
        expected += p * np.bincount(np.array(truth, int), minlength=K)
    learned = problem.fit(1, class_prior_count=count)[2].class_prior
    np.testing.assert_allclose(learned, expected / expected.sum(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(problem.fit(1, class_prior_count=1e12)[2].class_prior, uniform, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(problem.fit(1)[2].class_prior, uniform)
