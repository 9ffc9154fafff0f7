"""By what heads are compared, sharpened and weighed: prototypes, and what people say of other items.

    loss(m) = - sum over items of  weight_i * log sum_k m_i[k] L_i[k]

L_i[k] is the likelihood of the item's labels; for a prototype 1 for its class and 0 for the others, so that its term is
the cross-entropy. No belief that the machine had a part in enters.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from askless.core.normalise import normalise
from askless.types import FloatArray

CROWD_SHARE = 0.5
"""The items that people have labelled weigh this share of the prototypes together ..."""

MIN_CROWD_PER_CLASS = 2.5
"""... or, where there are few prototypes, as much as so many of them a class; no item weighs more than a prototype."""

MAX_SHARPENING = 30.0
MAX_WEIGHT = 1.5
PULL_TO_EQUAL = 8.0
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Judge:
    """Items that a head is held against.

    Args:
        likelihood: (n, K) of the labels of each, the largest of a row being 1.
        weight: (n,) not negative.
    """

    likelihood: FloatArray
    weight: FloatArray

    def loss(self, probability: FloatArray) -> float:
        """In nats, summed; of (n, K) rows summing to 1."""
        return -float(self.weight @ np.log((probability * self.likelihood).sum(axis=1) + TINY))

    def gradient(self, probability: FloatArray) -> FloatArray:
        """(n, K): of the loss by the logits of the probabilities."""
        agreed = probability * self.likelihood + TINY * probability
        agreed /= agreed.sum(axis=1, keepdims=True)
        return self.weight[:, None] * (probability - agreed)

    def sharpen(self, logits: FloatArray) -> tuple[FloatArray, float]:
        """Log probabilities (n, K) at the best inverse temperature, and this."""

        def loss(log_sharpness: float) -> float:
            return self.loss(normalise(np.exp(log_sharpness) * logits))

        limit = np.log(MAX_SHARPENING)
        found = minimize_scalar(loss, bounds=(-2 * limit, limit), method="bounded", options={"xatol": 0.02})
        sharpness = float(np.exp(found.x))
        return log_softmax(sharpness * logits, axis=1), sharpness

    def weigh(self, log_probabilities: FloatArray) -> FloatArray:
        """(H,) weights of heads, for the product of their probabilities (H, n, K) to these powers."""
        n_heads = len(log_probabilities)

        def loss_and_gradient(weights: FloatArray) -> tuple[float, FloatArray]:
            probability = normalise(np.tensordot(weights, log_probabilities, 1))
            pull = weights - 1 / n_heads
            gradient = np.einsum("hnk,nk->h", log_probabilities, self.gradient(probability))
            return self.loss(probability) + PULL_TO_EQUAL * float(pull @ pull), gradient + 2 * PULL_TO_EQUAL * pull

        found = minimize(
            loss_and_gradient,
            np.full(n_heads, 1 / n_heads),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, MAX_WEIGHT)] * n_heads,
            options={"maxiter": 25},
        )
        return np.asarray(found.x, dtype=np.float64)


def crowd_weight(n_prototypes: float, n_annotated: int, n_classes: int) -> float:
    """How much one annotated item weighs beside a prototype."""
    together = max(CROWD_SHARE * n_prototypes, MIN_CROWD_PER_CLASS * n_classes)
    return min(1.0, together / max(n_annotated, 1))
