"""What an answer is worth."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from askless.core import worth
from askless.types import FloatArray

K = 3
CROWD = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])


def exact(q: FloatArray, crowd: FloatArray, power: float) -> float:
    """By a sum over all answers that there can be."""
    best = worth.MIN_GAIN * (1 - q.max())
    for n in range(1, worth.MAX_ANSWERS + 1):
        expected = 0.0
        for answers in product(range(len(q)), repeat=n):
            likelihood = np.prod([crowd[:, z] for z in answers], axis=0)
            expected += (q * likelihood).sum() * softmax(np.log(q) + power * np.log(likelihood)).max()
        best = max(best, (expected - q.max()) / n)
    return float(best)


@pytest.mark.parametrize("power", [1.0, 0.75])
def test_value_is_the_mean_over_all_answers(power: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "N_DRAWS", 20_000)
    posterior = np.random.default_rng(0).dirichlet(np.ones(K), size=8)
    expected = [exact(q, CROWD, power) for q in posterior]
    found = worth.value(posterior, CROWD, power, np.random.default_rng(1))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_value_does_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = np.random.default_rng(0).dirichlet(np.ones(K), size=50)
    whole = worth.value(posterior, CROWD, 1.0, np.random.default_rng(1))
    monkeypatch.setattr(worth, "MAX_BLOCK", 7 * K * worth.N_DRAWS)
    np.testing.assert_array_equal(worth.value(posterior, CROWD, 1.0, np.random.default_rng(1)), whole)


def test_value_prefers_what_an_answer_can_settle() -> None:
    """Two classes that people tell apart, before two that they do not, before what is settled."""
    crowd = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.9, 0.1, 0.0]])
    posterior = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.99, 0.01, 0.0]])
    found = worth.value(posterior, crowd, 1.0, np.random.default_rng(0))
    assert found[0] > 0.2 > found[1] > 0
    assert found[0] > found[2] > 0


@given(seed=st.integers(0, 99), n_classes=st.sampled_from([2, 3, 10]), sharpness=st.sampled_from([0.05, 1.0]))
def test_every_worth_is_finite_and_not_negative(seed: int, n_classes: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    posterior = np.concatenate([rng.dirichlet(np.full(n_classes, sharpness), size=5), np.eye(n_classes)[:1]])
    crowd = np.where(np.eye(n_classes, dtype=bool), 1.0, 0.0) if seed % 2 else np.full((n_classes,) * 2, 1 / n_classes)
    for found in (
        worth.value(posterior, crowd, 1.0, rng),
        worth.entropy(posterior),
        worth.margin(posterior),
    ):
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert found[-1] == pytest.approx(0)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("skill", [0.0, 0.1, 0.4, 0.7, 1.0])
def test_information_is_what_an_answer_tells_of_a_class(skill: float, n_classes: int) -> None:
    """The mutual information of class and answer, summed up; none counts below chance."""
    joint = np.full((n_classes, n_classes), (1 - skill) / (n_classes - 1)) / n_classes
    np.fill_diagonal(joint, skill / n_classes)
    seen = joint[joint > 0]
    expected = (seen * np.log(seen * n_classes**2)).sum() if skill * n_classes > 1 else 0
    assert worth.information(np.array(skill), n_classes) == pytest.approx(expected)


def test_who_is_right_more_often_tells_more() -> None:
    assert (np.diff(worth.information(np.linspace(0.34, 1, 50), 3)) > 0).all()


def test_entropy_and_margin() -> None:
    posterior = np.array([[0.5, 0.5, 0.0], [0.4, 0.35, 0.25], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(worth.entropy(posterior), [np.log(2), 1.0805, 0], atol=1e-4)
    np.testing.assert_allclose(worth.margin(posterior), [1, 0.95, 0])
