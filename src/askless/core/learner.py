"""What a learner must offer: any classifier with two methods, or a network that askless trains."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from askless.settings import LearnerSettings
from askless.types import Float32Array


@runtime_checkable
class Learner(Protocol):
    """Any classifier with these two methods plugs in; it is fitted anew at every refresh.

    `X` is (n, D) float32 features, `soft_targets` (n, K) rows summing to 1, `weights` (n,) positive; `predict_proba`
    returns (n, K) rows summing to 1.
    """

    def fit(self, X: npt.NDArray[Any], soft_targets: Float32Array, weights: Float32Array) -> Any: ...

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class Minibatch:
    """Rows for one step of training. The loss is

        mean of the cross-entropy over the first `n_labelled` rows
        + `weight` * mean of the squared error over the other rows and the K classes.

    Args:
        X: (n, D) float32 features.
        targets: (n, K), rows sum to 1.
        n_labelled: 1 to n.
        weight: not negative.
    """

    X: Float32Array
    targets: Float32Array
    n_labelled: int
    weight: float = 0.0


class Network(Protocol):
    """A classifier that `train` fits step by step."""

    def step(self, minibatch: Minibatch, rate: float) -> None:
        """One step of Adam down the loss of the minibatch and the weight decay."""

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(n, K) rows summing to 1, for (n, D) features."""

    def keep(self) -> None:
        """Remembers what has been learnt so far, in place of what was remembered before."""

    def restore(self) -> None:
        """Goes back to what is remembered."""


@runtime_checkable
class NetworkMaker(Protocol):
    """Makes a network with fresh weights, one for each fit. `name` is how people and logs call it."""

    @property
    def name(self) -> str: ...

    def __call__(
        self, n_dimensions: int, n_classes: int, settings: LearnerSettings, rng: np.random.Generator, /
    ) -> Network: ...


def name_of(learner: Learner | NetworkMaker) -> str:
    return type(learner).__qualname__ if isinstance(learner, Learner) else learner.name
