"""Temperature scaling finds its optimum, does no harm, and the calibration error is what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from askless.core.calibrate import (
    TEMPERATURE_LIMIT,
    calibration_error,
    log_loss,
    optimal_temperature,
    pool_weights,
    safe_temperature,
)
from askless.types import FloatArray, IntArray


def classifier(n: int, n_classes: int, factor: float, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Log probabilities that are `factor` times too sharp, and classes."""
    rng = np.random.default_rng(seed)
    honest = 2.0 * rng.normal(size=(n, n_classes))
    cumulative = np.cumsum(softmax(honest, axis=1), axis=1)
    label = np.minimum((rng.random((n, 1)) > cumulative).sum(axis=1), n_classes - 1)
    return log_softmax(factor * honest, axis=1), label


def loss_at(temperature: float, log_probability: FloatArray, label: IntArray) -> float:
    return log_loss(log_softmax(log_probability / temperature, axis=1), label)


@pytest.mark.parametrize(("n", "n_classes"), [(190, 19), (1000, 100)])
@pytest.mark.parametrize("factor", [0.3, 1, 3, 10])
def test_the_optimum_is_the_optimum(n: int, n_classes: int, factor: float) -> None:
    log_probability, label = classifier(n, n_classes, factor)
    found = optimal_temperature(log_probability, label)
    assert found == pytest.approx(factor, rel=0.12)
    grid = found * np.exp(np.linspace(-0.02, 0.02, 41))
    losses = [loss_at(t, log_probability, label) for t in [*grid, *np.geomspace(0.01, 100, 60)]]
    assert loss_at(found, log_probability, label) <= min(losses) + 1e-12
    assert abs(np.log(found / grid[np.argmin(losses[:41])])) < 2e-3


def test_the_search_ends_at_its_limits() -> None:
    log_probability, label = np.log([[0.6, 0.4], [0.4, 0.6]]), np.array([0, 1])
    assert optimal_temperature(log_probability, label) < 2 / TEMPERATURE_LIMIT
    assert optimal_temperature(log_probability, 1 - label) == pytest.approx(TEMPERATURE_LIMIT, rel=1e-4)


@given(seed=st.integers(0, 1000), n_classes=st.integers(2, 8), temperature=st.floats(0.01, 100))
def test_temperature_never_changes_the_arg_max(seed: int, n_classes: int, temperature: float) -> None:
    log_probability, _ = classifier(20, n_classes, 1.0, seed)
    scaled = log_softmax(log_probability / temperature, axis=1)
    np.testing.assert_array_equal(scaled.argmax(axis=1), log_probability.argmax(axis=1))


def error_of(log_probability: FloatArray, label: IntArray) -> float:
    return calibration_error(np.exp(log_probability.max(axis=1)), log_probability.argmax(axis=1) == label, 15)


def test_one_where_the_calibration_error_would_grow() -> None:
    n_kept, n_seeds = 0, 60
    for seed in range(n_seeds):
        log_probability, label = classifier(50, 4, 1.2, seed)
        best = optimal_temperature(log_probability, label)
        before = error_of(log_probability, label)
        is_worse = error_of(log_softmax(log_probability / best, axis=1), label) > before
        temperature = safe_temperature(log_probability, label)
        assert temperature == (1.0 if is_worse else best)
        assert error_of(log_softmax(log_probability / temperature, axis=1), label) <= before + 1e-12
        assert loss_at(temperature, log_probability, label) <= loss_at(1, log_probability, label) + 1e-12
        n_kept += is_worse
    assert 5 < n_kept < n_seeds - 5


@given(
    sixteenths=st.lists(st.tuples(st.integers(0, 32), st.booleans()), min_size=1, max_size=40),
    n_bins=st.sampled_from([1, 2, 8, 16]),
)
def test_calibration_error_is_that_of_a_slow_loop(sixteenths: list[tuple[int, bool]], n_bins: int) -> None:
    confidence = [number / 32 for number, _ in sixteenths]
    is_right = [right for _, right in sixteenths]
    expected = 0.0
    for k in range(n_bins):
        low, high = k / n_bins, (k + 1) / n_bins
        members = [i for i, c in enumerate(confidence) if low < c <= high or (k == 0 and c == 0)]
        if members:
            accuracy = sum(is_right[i] for i in members) / len(members)
            mean = sum(confidence[i] for i in members) / len(members)
            expected += len(members) / len(confidence) * abs(accuracy - mean)
    assert calibration_error(np.array(confidence), np.array(is_right), n_bins) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_at_the_edges() -> None:
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0
    assert calibration_error(np.array([0.0, 1.0]), np.array([True, False])) == 1
    assert calibration_error(np.array([1.0], np.float32), np.array([True])) == 0


def test_log_loss_by_hand() -> None:
    assert log_loss(np.log([[0.5, 0.5], [0.9, 0.1]]), np.array([0, 1])) == pytest.approx(np.log(2 * 10) / 2)


def test_pool_weights_are_the_optimum() -> None:
    log_machine, label = classifier(200, 5, 0.7)
    log_prior, _ = classifier(200, 5, 2.0, seed=1)
    log_prior[np.arange(200), label] += 1.0
    a, b = pool_weights(log_machine, log_prior, label)

    def loss(a: float, b: float) -> float:
        return 200 * log_loss(log_softmax(a * log_machine + b * log_prior, axis=1), label) + b * b / 2

    assert b > 0.05
    for step_a in np.linspace(-0.2, 0.2, 9):
        for step_b in np.linspace(-0.1, 0.1, 9):
            assert loss(a, b) <= loss(a + step_a, b + step_b) + 1e-6


@given(seed=st.integers(0, 200))
def test_a_prior_that_says_nothing_is_not_trusted(seed: int) -> None:
    log_machine, label = classifier(300, 4, 1.0, seed)
    chance, _ = classifier(300, 4, 1.0, seed + 1000)
    assert pool_weights(log_machine, chance, label)[1] < 0.25
    uniform = np.full((300, 4), -np.log(4))
    a, b = pool_weights(log_machine, uniform, label)
    assert (a, b) == pytest.approx((1 / optimal_temperature(log_machine, label), 0.0), abs=1e-3)


def test_a_prior_that_knows_is_trusted() -> None:
    log_machine, label = classifier(300, 4, 1.0)
    knows = np.log(np.where(np.eye(4)[label] > 0, 0.97, 0.01))
    assert pool_weights(log_machine, knows, label)[1] > 0.5
