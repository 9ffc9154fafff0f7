"""Classifiers on frozen features: what any of them must offer, and the paper's network."""

from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from askless.config import LearnerSettings
from askless.types import Float32Array, IntArray

EPOCHS_BETWEEN_VALIDATIONS = 10


class Learner(Protocol):
    """Any classifier with these two methods plugs in; it is fitted anew at every refresh.

    `X` is (n, D) float32 features, `soft_targets` (n, K) rows summing to 1, `weights` (n,) positive; `predict_proba`
    returns (n, K) rows summing to 1.
    """

    def fit(self, X: npt.NDArray[Any], soft_targets: Float32Array, weights: Float32Array) -> Any: ...

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]: ...


class Network:
    """The paper's network: no or one hidden layer of tanh units, Adam, best epoch by validation (as the paper's code).

    Args:
        settings: sizes, learning rate, epochs.
        validation: features (n, D) and classes (n,) by which the best epoch is chosen, n > 0.
        rng: initial weights and minibatches.
    """

    def __init__(
        self,
        settings: LearnerSettings,
        validation: tuple[npt.NDArray[Any], IntArray],
        rng: np.random.Generator,
    ) -> None:
        self.settings = settings
        self.validation = validation[0].astype(np.float32), validation[1]
        self.rng = rng

    def fit(self, X: Any, soft_targets: Float32Array, weights: Float32Array) -> Self:
        """One weighted minibatch per epoch; keeps the weights of the epoch with the least validation loss."""
        size = min(self.settings.minibatch_size, len(X))
        rate = self.settings.lr_ratio * np.sqrt(size)
        cumulative = np.cumsum(weights, dtype=np.float64)
        self.layers, parameters = _initial_layers(X.shape[1], soft_targets.shape[1], self.settings, self.rng)
        gradients, gradient = _like(self.layers)
        first, second = np.zeros_like(parameters), np.zeros_like(parameters)
        best_loss, best = np.inf, parameters.copy()
        for epoch in range(1, self.settings.max_epochs + 1):
            drawn = np.searchsorted(cumulative, self.rng.random(size) * cumulative[-1], side="right")
            _backward(self.layers, gradients, X[drawn].astype(np.float32), soft_targets[drawn])
            gradient += self.settings.weight_decay * parameters
            _adam_step(parameters, gradient, first, second, rate, epoch)
            if epoch % EPOCHS_BETWEEN_VALIDATIONS == 0 or epoch == self.settings.max_epochs:
                loss = self._validation_loss()
                if loss < best_loss:
                    best_loss = loss
                    best[:] = parameters
        parameters[:] = best
        return self

    def predict_proba(self, X: npt.NDArray[Any]) -> Float32Array:
        return _softmax(_forward(self.layers, X.astype(np.float32, copy=False))[-1])

    def _validation_loss(self) -> float:
        X, label = self.validation
        right = self.predict_proba(X)[np.arange(len(label)), label]
        return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())


Layers = list[tuple[Float32Array, Float32Array]]


def _initial_layers(D: int, K: int, settings: LearnerSettings, rng: np.random.Generator) -> tuple[Layers, Float32Array]:
    """Layers as views into one flat vector; uniform in +-1/sqrt(fan in), torch's default for linear layers."""
    widths = [D, *[settings.hidden_size] * settings.n_hidden_layer, K]
    parameters = np.empty(sum((a + 1) * b for a, b in pairwise(widths)), np.float32)
    layers: Layers = []
    start = 0
    for fan_in, fan_out in pairwise(widths):
        end = start + (fan_in + 1) * fan_out
        parameters[start:end] = rng.uniform(-1, 1, end - start) / np.sqrt(fan_in)
        layers.append(_view(parameters, start, fan_in, fan_out))
        start = end
    return layers, parameters


def _view(vector: Float32Array, start: int, fan_in: int, fan_out: int) -> tuple[Float32Array, Float32Array]:
    split = start + fan_in * fan_out
    return vector[start:split].reshape(fan_in, fan_out), vector[split : split + fan_out]


def _like(layers: Layers) -> tuple[Layers, Float32Array]:
    vector = np.zeros(sum(weight.size + bias.size for weight, bias in layers), np.float32)
    views: Layers = []
    start = 0
    for weight, bias in layers:
        views.append(_view(vector, start, *weight.shape))
        start += weight.size + bias.size
    return views, vector


def _forward(layers: Layers, X: Float32Array) -> list[Float32Array]:
    """The input, each hidden activation, and the logits."""
    activations = [X]
    for depth, (weight, bias) in enumerate(layers):
        signal = activations[-1] @ weight
        signal += bias
        if depth < len(layers) - 1:
            np.tanh(signal, out=signal)
        activations.append(signal)
    return activations


def _backward(layers: Layers, gradients: Layers, X: Float32Array, target: Float32Array) -> None:
    """Writes the gradient of the mean cross-entropy into `gradients`."""
    *activations, logits = _forward(layers, X)
    error = (_softmax(logits) - target) / np.float32(len(X))
    for depth in range(len(layers) - 1, -1, -1):
        np.matmul(activations[depth].T, error, out=gradients[depth][0])
        error.sum(axis=0, out=gradients[depth][1])
        if depth:
            error = (error @ layers[depth][0].T) * (1 - activations[depth] ** 2)


def _adam_step(
    parameters: Float32Array,
    gradient: Float32Array,
    first: Float32Array,
    second: Float32Array,
    rate: float,
    step: int,
) -> None:
    """Kingma and Ba 2015, algorithm 1, with the usual decay rates 0.9 and 0.999; changes its arguments."""
    first += np.float32(0.1) * (gradient - first)
    second += np.float32(0.001) * (gradient * gradient - second)
    scale = np.sqrt(second / np.float32(1 - 0.999**step)) + np.float32(1e-8)
    parameters -= np.float32(rate / (1 - 0.9**step)) * first / scale


def _softmax(logits: Float32Array) -> Float32Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability: Float32Array = powers / powers.sum(axis=1, keepdims=True)
    return probability
