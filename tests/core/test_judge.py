"""Held against prototypes and people: losses, temperatures, weights, the machine's own confusion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from askless.core import judge as judge_module
from askless.core.calibrate import log_loss, optimal_temperature
from askless.core.judge import Judge, crowd_weight
from askless.core.machine_confusion import machine_confusion
from askless.types import FloatArray

K = 3


def known(label: FloatArray) -> Judge:
    return Judge(np.eye(K)[label], np.ones(len(label)))


def random_judge(n: int, seed: int) -> Judge:
    rng = np.random.default_rng(seed)
    likelihood = rng.dirichlet(np.ones(K), size=n)
    return Judge(likelihood / likelihood.max(axis=1, keepdims=True), rng.random(n))


def test_for_prototypes_the_loss_is_cross_entropy_and_the_sharpest_is_the_optimal_temperature() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(K, size=200)
    logits = 3 * np.eye(K)[label] + rng.normal(0, 3, (200, K))
    judge = known(label)
    log_probability = log_softmax(logits, axis=1)
    assert judge.loss(np.exp(log_probability)) == pytest.approx(200 * log_loss(log_probability, label))
    sharpened, sharpness = judge.sharpen(logits)
    assert 1 / sharpness == pytest.approx(optimal_temperature(log_probability, label), rel=0.02)
    np.testing.assert_allclose(sharpened, log_softmax(sharpness * logits, axis=1))


def test_a_head_that_knows_nothing_is_made_flat() -> None:
    rng = np.random.default_rng(0)
    sharpened, _ = known(rng.integers(K, size=2000)).sharpen(rng.normal(0, 5, (2000, K)))
    np.testing.assert_allclose(np.exp(sharpened), 1 / K, atol=0.1)


@given(seed=st.integers(0, 99))
def test_the_gradient_is_that_of_the_loss(seed: int) -> None:
    judge, rng = random_judge(4, seed), np.random.default_rng(seed)
    logits, step = rng.normal(size=(4, K)), 1e-5
    gradient = judge.gradient(softmax(logits, axis=1))
    for index in np.ndindex(4, K):
        up, down = logits.copy(), logits.copy()
        up[index] += step
        down[index] -= step
        slope = (judge.loss(softmax(up, axis=1)) - judge.loss(softmax(down, axis=1))) / (2 * step)
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_weights_are_equal_without_evidence_and_go_to_the_better_head_with_it() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(K, size=300)
    good = log_softmax(3 * np.eye(K)[label] + rng.normal(0, 1, (300, K)), axis=1)
    bad = log_softmax(rng.normal(0, 1, (300, K)), axis=1)
    heads = np.array([good, bad])
    nothing = Judge(np.ones((300, K)), np.ones(300))
    np.testing.assert_allclose(nothing.weigh(heads), 0.5, atol=1e-3)
    weights = known(label).weigh(heads)
    assert weights[0] > 0.7 > 0.3 > weights[1]
    assert (weights <= judge_module.MAX_WEIGHT).all()


def test_answers_weigh_half_of_many_prototypes_and_stand_in_for_missing_ones() -> None:
    assert crowd_weight(100, 1000, 10) == pytest.approx(0.05)
    assert crowd_weight(0, 1000, 10) == crowd_weight(30, 1000, 10) == pytest.approx(0.025)
    assert crowd_weight(400, 1000, 10) == pytest.approx(0.2)
    assert crowd_weight(100, 3, 10) == 1
    assert crowd_weight(0, 0, 10) == 1


def test_the_machines_confusion_is_found_from_prototypes_or_from_people() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(K, size=3000)
    taken_for = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.0, 0.1, 0.9]])
    said = (taken_for[truth].cumsum(axis=1) < rng.random(3000)[:, None]).sum(axis=1).clip(max=K - 1)
    belief = np.eye(K)[said]
    expected = np.array([[(truth[said == j] == k).mean() for k in range(K)] for j in range(K)])
    np.testing.assert_allclose(machine_confusion(belief, known(truth)), expected, atol=0.02)

    answer = np.where(rng.random(3000) < 0.9, truth, rng.integers(K, size=3000))
    skill = np.full((K, K), 0.1 / K) + 0.9 * np.eye(K)
    people = Judge(skill[:, answer].T, np.ones(3000))
    np.testing.assert_allclose(machine_confusion(belief, people), expected, atol=0.05)


def test_without_evidence_the_machine_is_as_it_says() -> None:
    nothing = Judge(np.ones((0, K)), np.ones(0))
    np.testing.assert_array_equal(machine_confusion(np.ones((0, K)), nothing), np.eye(K))


@given(seed=st.integers(0, 99), n=st.sampled_from([1, 4, 60]))
def test_the_machines_confusion_lowers_the_loss_but_for_its_prior(seed: int, n: int) -> None:
    judge = random_judge(n, seed)
    belief = np.random.default_rng(seed).dirichlet(np.ones(K), size=n)
    confusion = machine_confusion(belief, judge)
    np.testing.assert_allclose(confusion.sum(axis=1), 1)

    def penalised(R: FloatArray) -> float:
        return judge.loss(belief @ R) - 5 * float(np.log(np.diag(R)).sum())

    start = 0.9 * np.eye(K) + 0.1 / K
    assert penalised(confusion) <= penalised(start) + 1e-9
