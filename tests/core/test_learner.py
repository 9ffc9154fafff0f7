"""The network: its gradient, its optimiser, which epoch it keeps, what it can learn."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.config import LearnerSettings
from askless.core import learner
from askless.core.learner import Network
from askless.types import Float32Array, FloatArray, IntArray


def settings(**changes: Any) -> LearnerSettings:
    return LearnerSettings(**{"algo": "mlp", "hidden_size": 8, "lr_ratio": 0.003, "max_epochs": 200} | changes)


def one_hot(label: IntArray, n_classes: int) -> Float32Array:
    return np.eye(n_classes, dtype=np.float32)[label]


def cross_entropy(layers: learner.Layers, X: FloatArray, target: FloatArray) -> float:
    """Written out anew, layer by layer."""
    for depth, (weight, bias) in enumerate(layers):
        X = X @ weight + bias
        X = np.tanh(X) if depth < len(layers) - 1 else X
    log_probability = X - np.log(np.exp(X).sum(axis=1, keepdims=True))
    return float(-(target * log_probability).sum(axis=1).mean())


@pytest.mark.parametrize("n_hidden_layer", [0, 1])
def test_gradient(n_hidden_layer: int) -> None:
    rng = np.random.default_rng(0)
    D, K, n = 4, 3, 6
    widths = [D, *[5] * n_hidden_layer, K]
    layers: Any = [(rng.normal(size=pair), rng.normal(size=pair[1])) for pair in pairwise(widths)]
    gradients: Any = [(np.full_like(weight, 9), np.full_like(bias, 9)) for weight, bias in layers]
    X: Any = rng.normal(size=(n, D))
    target: Any = rng.dirichlet(np.ones(K), size=n)
    learner._backward(layers, gradients, X, target)
    for array, gradient in zip(sum(layers, ()), sum(gradients, ()), strict=True):
        for index in np.ndindex(array.shape):
            kept, losses = array[index], []
            for step in (1e-5, -1e-5):
                array[index] = kept + step
                losses.append(cross_entropy(layers, X, target))
            array[index] = kept
            assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-8)


def test_adam_is_that_of_the_book() -> None:
    rng = np.random.default_rng(0)
    parameters = rng.normal(size=5).astype(np.float32)
    expected = parameters.astype(np.float64)
    first, second = np.zeros(5, np.float32), np.zeros(5, np.float32)
    m, v = np.zeros(5), np.zeros(5)
    for step in range(1, 8):
        gradient = rng.normal(size=5).astype(np.float32)
        learner._adam_step(parameters, gradient, first, second, 0.05, step)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient.astype(np.float64) ** 2
        expected -= 0.05 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(parameters, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n", "minibatch_size", "size"), [(30, 16, 16), (30, 1024, 30)])
def test_the_rate_grows_with_the_root_of_the_minibatch(
    n: int, minibatch_size: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []
    monkeypatch.setattr(learner, "_adam_step", lambda *arguments: rates.append(arguments[4:]))
    X, label = toy(np.random.default_rng(0), n)
    chosen = settings(minibatch_size=minibatch_size, lr_ratio=0.01, max_epochs=3)
    Network(chosen, (X, label), np.random.default_rng(0)).fit(X, one_hot(label, 3), np.ones(n, np.float32))
    assert rates == [(pytest.approx(0.01 * size**0.5), epoch) for epoch in (1, 2, 3)]


class Recorder(Network):
    """Remembers every validation loss."""

    losses: list[float]

    def _validation_loss(self) -> float:
        loss = super()._validation_loss()
        self.losses = [*getattr(self, "losses", []), loss]
        return loss


@pytest.mark.parametrize("n_hidden_layer", [0, 1])
def test_the_best_epoch_is_kept(n_hidden_layer: int) -> None:
    rng = np.random.default_rng(0)
    X, label = rng.normal(size=(30, 20)), rng.integers(2, size=30)
    network = Recorder(
        settings(n_hidden_layer=n_hidden_layer, lr_ratio=0.02),
        (rng.normal(size=(40, 20)), rng.integers(2, size=40)),
        rng,
    )
    network.fit(X, one_hot(label, 2), np.ones(30, np.float32))
    assert len(network.losses) == 20
    assert min(network.losses) < network.losses[-1]
    kept = min(network.losses)
    assert network._validation_loss() == pytest.approx(kept, rel=1e-6)


@given(seed=st.integers(0, 20), max_epochs=st.integers(1, 23))
def test_the_last_epoch_is_validated_too(seed: int, max_epochs: int) -> None:
    rng = np.random.default_rng(seed)
    X, label = rng.normal(size=(9, 2)), np.arange(9) % 3
    network = Recorder(settings(max_epochs=max_epochs), (X, label), rng)
    network.fit(X, one_hot(label, 3), np.ones(9, np.float32))
    assert len(network.losses) == -(-max_epochs // 10)
    np.testing.assert_allclose(network.predict_proba(X).sum(axis=1), 1, atol=1e-6)


def toy(rng: np.random.Generator, n: int) -> tuple[FloatArray, IntArray]:
    """Three clouds in the plane; the middle one is cut out by no single line."""
    label = rng.integers(3, size=n)
    return np.array([[-3, 0], [0, 0], [3, 0]])[label] + rng.normal(0, 0.5, size=(n, 2)), label


@pytest.mark.parametrize("n_hidden_layer", [0, 1])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_learns_what_can_be_learnt(n_hidden_layer: int, dtype: type) -> None:
    rng = np.random.default_rng(0)
    X, label = toy(rng, 200)
    network = Network(settings(n_hidden_layer=n_hidden_layer), toy(rng, 60), rng)
    network.fit(X.astype(dtype), one_hot(label, 3), np.ones(200, np.float32))
    X, label = toy(rng, 200)
    belief = network.predict_proba(X.astype(dtype))
    assert belief.dtype == np.float32
    assert (belief.argmax(axis=1) == label).mean() > 0.95


def test_the_same_generator_gives_the_same_network() -> None:
    def belief(seed: int) -> Float32Array:
        X, label = toy(np.random.default_rng(0), 50)
        network = Network(settings(max_epochs=20), (X, label), np.random.default_rng(seed))
        return network.fit(X, one_hot(label, 3), np.ones(50, np.float32)).predict_proba(X)

    np.testing.assert_array_equal(belief(1), belief(1))
    assert (belief(1) != belief(2)).any()


def test_fitting_again_starts_anew() -> None:
    X, label = toy(np.random.default_rng(0), 60)
    network = Network(settings(), (X, label), np.random.default_rng(1))
    network.fit(X, one_hot(label, 3), np.ones(60, np.float32))
    network.fit(X, one_hot((label + 1) % 3, 3), np.ones(60, np.float32))
    assert network._validation_loss() > 1


def test_weights_are_how_often_a_row_is_drawn() -> None:
    n = 400
    label = (np.arange(n) < 20).astype(np.int64)
    X = np.ones((n, 1), np.float32)

    def belief_in_rare(weights: FloatArray, validation_share: float) -> float:
        validation = np.ones((100, 1)), (np.arange(100) < 100 * validation_share).astype(np.int64)
        network = Network(settings(max_epochs=400), validation, np.random.default_rng(0))
        return float(network.fit(X, one_hot(label, 2), weights.astype(np.float32)).predict_proba(X)[0, 1])

    assert belief_in_rare(1 / np.bincount(label)[label], 0.5) == pytest.approx(0.5, abs=0.06)
    assert belief_in_rare(np.ones(n), 0.05) == pytest.approx(0.05, abs=0.04)
    assert belief_in_rare(np.where(label == 1, 3.0, 0.0), 1.0) > 0.9


def test_weight_decay_pulls_towards_even_odds() -> None:
    X, label = toy(np.random.default_rng(0), 100)

    def confidence(weight_decay: float) -> float:
        network = Network(settings(weight_decay=weight_decay), (X, label), np.random.default_rng(0))
        belief = network.fit(X, one_hot(label, 3), np.ones(100, np.float32)).predict_proba(X)
        return float(belief.max(axis=1).mean())

    assert confidence(1.0) < confidence(0.0) - 0.1


def test_the_weights_start_as_in_torch() -> None:
    layers, parameters = learner._initial_layers(100, 3, settings(hidden_size=50), np.random.default_rng(0))
    assert [(weight.shape, bias.shape) for weight, bias in layers] == [((100, 50), (50,)), ((50, 3), (3,))]
    assert sum(weight.size + bias.size for weight, bias in layers) == len(parameters)
    for (weight, bias), fan_in in zip(layers, (100, 50), strict=True):
        for array in (weight, bias):
            assert np.shares_memory(array, parameters)
            assert np.abs(array).max() <= fan_in**-0.5
        assert weight.std() == pytest.approx((3 * fan_in) ** -0.5, rel=0.15)
