"""The paper's network on frozen features: no or one hidden layer of tanh units, Adam."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.core.blocks import blocks, for_each
from askless.core.learner import Minibatch
from askless.core.normalise import normalise
from askless.settings import LearnerSettings
from askless.types import Float32Array


class TanhNetwork:
    """A `Network` in NumPy.

    Args:
        n_dimensions: D.
        n_classes: K.
        settings: hidden layer, weight decay.
        rng: initial weights.
    """

    name = "the built-in network"

    def __init__(self, n_dimensions: int, n_classes: int, settings: LearnerSettings, rng: np.random.Generator) -> None:
        self.weight_decay = settings.weight_decay
        widths = [n_dimensions, *[settings.hidden_size] * settings.n_hidden_layer, n_classes]
        self.layers, self.parameters = _initial_layers(widths, rng)
        self.gradients, self.gradient = _like(self.layers)
        self.moments = np.zeros_like(self.parameters), np.zeros_like(self.parameters)
        self.n_steps = 0
        self.kept = self.parameters.copy()

    def step(self, minibatch: Minibatch, rate: float) -> None:
        self.n_steps += 1
        _backward(self.layers, self.gradients, minibatch)
        self.gradient += self.weight_decay * self.parameters
        _adam_step(self.parameters, self.gradient, *self.moments, rate, self.n_steps)

    def predict_proba(self, X: npt.NDArray[Any]) -> Float32Array:
        probability = np.empty((len(X), len(self.layers[-1][1])), np.float32)

        def predict_rows(rows: slice) -> None:
            probability[rows] = normalise(_forward(self.layers, X[rows].astype(np.float32, copy=False))[-1])

        for_each(blocks(*probability.shape), predict_rows)
        return probability

    def keep(self) -> None:
        self.kept[:] = self.parameters

    def restore(self) -> None:
        self.parameters[:] = self.kept


Layers = list[tuple[Float32Array, Float32Array]]


def _initial_layers(widths: list[int], rng: np.random.Generator) -> tuple[Layers, Float32Array]:
    """Layers as views into one flat vector; uniform in +-1/sqrt(fan in), torch's default for linear layers."""
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


def _backward(layers: Layers, gradients: Layers, minibatch: Minibatch) -> None:
    """Writes the gradient of the loss into `gradients`."""
    *activations, logits = _forward(layers, minibatch.X)
    error = _error(logits, minibatch)
    for depth in range(len(layers) - 1, -1, -1):
        np.matmul(activations[depth].T, error, out=gradients[depth][0])
        error.sum(axis=0, out=gradients[depth][1])
        if depth:
            error = (error @ layers[depth][0].T) * (1 - activations[depth] ** 2)


def _error(logits: Float32Array, minibatch: Minibatch) -> Float32Array:
    """The gradient of the loss by the logits."""
    n = minibatch.n_labelled
    probability = normalise(logits)
    error = probability - minibatch.targets
    error[:n] /= np.float32(n)
    if n < len(error):
        guessed = probability[n:]
        slope = guessed * error[n:]
        slope -= guessed * slope.sum(axis=1, keepdims=True)
        error[n:] = np.float32(2 * minibatch.weight / slope.size) * slope
    return error


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
