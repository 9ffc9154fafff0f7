"""The built-in network: its gradient, its optimiser, its first weights."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from askless.core import tanh_network
from askless.core.learner import Minibatch
from askless.types import FloatArray


def loss(layers: tanh_network.Layers, minibatch: Minibatch) -> float:
    """Written out anew, layer by layer and row by row."""
    X: FloatArray = minibatch.X
    for depth, (weight, bias) in enumerate(layers):
        X = X @ weight + bias
        X = np.tanh(X) if depth < len(layers) - 1 else X
    probability = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    n = minibatch.n_labelled
    entropy = [-(q * np.log(p)).sum() for p, q in zip(probability[:n], minibatch.targets[:n], strict=True)]
    squares = [((q - p) ** 2).mean() for p, q in zip(probability[n:], minibatch.targets[n:], strict=True)]
    return float(np.mean(entropy) + (minibatch.weight * np.mean(squares) if squares else 0))


@pytest.mark.parametrize("n_hidden_layer", [0, 1])
@pytest.mark.parametrize(("n_labelled", "weight"), [(6, 0.0), (6, 5.0), (4, 5.0), (1, 0.3), (2, 0.0)])
def test_gradient(n_hidden_layer: int, n_labelled: int, weight: float) -> None:
    rng = np.random.default_rng(0)
    D, K, n = 4, 3, 6
    widths = [D, *[5] * n_hidden_layer, K]
    layers: Any = [(rng.normal(size=pair), rng.normal(size=pair[1])) for pair in pairwise(widths)]
    gradients: Any = [(np.full_like(weight, 9), np.full_like(bias, 9)) for weight, bias in layers]
    X: Any = rng.normal(size=(n, D))
    targets: Any = rng.dirichlet(np.ones(K), size=n)
    minibatch = Minibatch(X, targets, n_labelled, weight)
    tanh_network._backward(layers, gradients, minibatch)
    for array, gradient in zip(sum(layers, ()), sum(gradients, ()), strict=True):
        for index in np.ndindex(array.shape):
            kept, losses = array[index], []
            for step in (1e-5, -1e-5):
                array[index] = kept + step
                losses.append(loss(layers, minibatch))
            array[index] = kept
            assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=2e-6, abs=1e-8)


def test_adam_is_that_of_the_book() -> None:
    rng = np.random.default_rng(0)
    parameters = rng.normal(size=5).astype(np.float32)
    expected = parameters.astype(np.float64)
    first, second = np.zeros(5, np.float32), np.zeros(5, np.float32)
    m, v = np.zeros(5), np.zeros(5)
    for step in range(1, 8):
        gradient = rng.normal(size=5).astype(np.float32)
        tanh_network._adam_step(parameters, gradient, first, second, 0.05, step)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient.astype(np.float64) ** 2
        expected -= 0.05 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(parameters, expected, rtol=1e-4, atol=1e-5)


def test_the_weights_start_as_in_torch() -> None:
    layers, parameters = tanh_network._initial_layers([100, 50, 3], np.random.default_rng(0))
    assert [(weight.shape, bias.shape) for weight, bias in layers] == [((100, 50), (50,)), ((50, 3), (3,))]
    assert sum(weight.size + bias.size for weight, bias in layers) == len(parameters)
    for (weight, bias), fan_in in zip(layers, (100, 50), strict=True):
        for array in (weight, bias):
            assert np.shares_memory(array, parameters)
            assert np.abs(array).max() <= fan_in**-0.5
        assert weight.std() == pytest.approx((3 * fan_in) ** -0.5, rel=0.15)
