"""The networks that one suite of tests is run on: the built-in one, and the same in torch."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from askless.core.learner import Network, NetworkMaker
from askless.core.tanh_network import TanhNetwork
from askless.core.training import Examples, train
from askless.settings import LearnerSettings
from askless.types import Float32Array, FloatArray, IntArray

BOTH = ["built-in", "torch"]
NEEDS_TORCH = "needs torch (pip install 'askless[torch]')"


def maker(kind: str) -> NetworkMaker:
    return TanhNetwork if kind == "built-in" else LikeBuiltIn()


class LikeBuiltIn:
    """The architecture of the built-in network in torch."""

    name = "LikeBuiltIn"

    def __call__(self, n_dimensions: int, n_classes: int, settings: LearnerSettings, rng: np.random.Generator) -> Any:
        pytest.importorskip("torch", reason=NEEDS_TORCH)
        from askless.torch_learner import TorchLearner

        make = layers([settings.hidden_size] * settings.n_hidden_layer)
        return TorchLearner(make, "cpu")(n_dimensions, n_classes, settings, rng)


def layers(hidden: list[int]) -> Callable[[int, int], Any]:
    def make(n_dimensions: int, n_classes: int) -> Any:
        from torch import nn

        parts: list[Any] = []
        for fan_in, fan_out in pairwise([n_dimensions, *hidden, n_classes]):
            parts += [nn.Linear(fan_in, fan_out), nn.Tanh()]
        return nn.Sequential(*parts[:-1])

    return make


def one_hot(label: IntArray, n_classes: int) -> Float32Array:
    return np.eye(n_classes, dtype=np.float32)[label]


def examples(
    labelled: tuple[FloatArray, IntArray],
    validation: tuple[FloatArray, IntArray],
    *,
    unlabelled: FloatArray | None = None,
    weights: FloatArray | None = None,
    dtype: type = np.float32,
) -> Examples:
    """Rows to train on, then rows to validate on, then rows without a label."""
    (X, label), (validation_X, validation_label) = labelled, validation
    others = np.empty((0, X.shape[1])) if unlabelled is None else unlabelled
    n, v = len(X), len(validation_X)
    return Examples(
        np.concatenate([X, validation_X, others]).astype(dtype),
        np.arange(n),
        one_hot(label, max(label.max(), validation_label.max()) + 1),
        np.ones(n, np.float32) if weights is None else weights.astype(np.float32),
        np.arange(n + v, n + v + len(others)),
        np.arange(n, n + v),
        validation_label,
    )


def fit(kind: str, given: Examples, settings: LearnerSettings, rng: np.random.Generator) -> Network:
    network = maker(kind)(given.values.shape[1], given.targets.shape[1], settings, rng)
    train(network, given, settings, rng)
    return network
