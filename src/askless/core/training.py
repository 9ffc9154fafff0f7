"""Training a network on frozen features: class-balanced minibatches, and the epoch that validates best."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.core import mixmatch
from askless.core.learner import Minibatch, Network
from askless.settings import LearnerSettings
from askless.types import Float32Array, IntArray

EPOCHS_BETWEEN_VALIDATIONS = 10


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network is trained and validated on, as rows of the features.

    Args:
        values: (N, D), perhaps memory-mapped; copied a minibatch at a time.
        labelled: (n,) rows to train on, n > 0.
        targets: (n, K), rows sum to 1.
        weights: (n,) positive: how often each of them is drawn.
        unlabelled: rows without a target, for MixMatch.
        validation: rows by which the best epoch is chosen, at least one.
        validation_label: their classes.
    """

    values: npt.NDArray[Any]
    labelled: IntArray
    targets: Float32Array
    weights: Float32Array
    unlabelled: IntArray
    validation: IntArray
    validation_label: IntArray

    def features(self, rows: IntArray) -> Float32Array:
        return np.asarray(self.values[rows], dtype=np.float32)


def train(network: Network, examples: Examples, settings: LearnerSettings, rng: np.random.Generator) -> None:
    """One minibatch per epoch; ends with the weights of the epoch with the least validation loss (as the paper's code).

    Args:
        network: freshly made.
        examples: what to learn.
        settings: learning rate, epochs, whether unlabelled items take part.
        rng: minibatches.
    """
    size = min(settings.minibatch_size, len(examples.labelled))
    n_guessed = 0
    if settings.semi_supervised == "mixmatch":
        n_guessed = min(settings.mixmatch.mu * size, len(examples.unlabelled))
    rate = settings.lr_ratio * np.sqrt(size)
    cumulative = np.cumsum(examples.weights, dtype=np.float64)
    validation = examples.features(examples.validation)
    best_loss = np.inf
    network.keep()
    for epoch in range(1, settings.max_epochs + 1):
        drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
        rows, targets = examples.labelled[drawn], examples.targets[drawn]
        if n_guessed:
            X = examples.features(np.concatenate([rows, rng.choice(examples.unlabelled, n_guessed)]))
            weight = settings.mixmatch.weight * epoch / settings.max_epochs
            minibatch = mixmatch.mix(network, X, targets, settings.mixmatch.alpha, weight, rng)
        else:
            minibatch = Minibatch(examples.features(rows), targets, size)
        network.step(minibatch, rate)
        if epoch % EPOCHS_BETWEEN_VALIDATIONS == 0 or epoch == settings.max_epochs:
            loss = _mean_log_loss(network.predict_proba(validation), examples.validation_label)
            if loss < best_loss:
                best_loss = loss
                network.keep()
    network.restore()


def _mean_log_loss(probability: npt.NDArray[Any], label: IntArray) -> float:
    """In nats."""
    right = probability[np.arange(len(label)), label]
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())
