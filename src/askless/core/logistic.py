"""A head that draws straight borders between classes: multinomial logistic regression on soft targets."""

import numpy as np
from scipy.optimize import minimize

from askless.core.linear import LinearHead
from askless.types import Float32Array, FloatArray

MAX_ITERATIONS = 20


def fit(
    X: Float32Array, targets: Float32Array, penalty: float, start: LinearHead | None = None, steps: int = MAX_ITERATIONS
) -> LinearHead:
    """Some steps of L-BFGS down `loss_and_gradient`; to stop early is a penalty, too.

    Args:
        X: (n, d).
        targets: (n, K), rows sum to 1.
        penalty: on the squared weights, beside the cross-entropy summed over examples.
        start: where to begin; zero if nothing is said.
        steps: at most.
    """
    d, K = X.shape[1], targets.shape[1]
    begin = np.zeros((K, d + 1))
    if start is not None:
        begin[:, :d], begin[:, d] = start.weights.T, start.bias
    found = minimize(
        loss_and_gradient,
        begin.ravel(),
        args=(X, np.ascontiguousarray(targets.T), penalty),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps},
    )
    parameters = found.x.reshape(K, d + 1)
    return LinearHead(parameters[:, :d].T, parameters[:, d])


def loss_and_gradient(
    parameters: FloatArray, X: Float32Array, targets: Float32Array, penalty: float
) -> tuple[float, FloatArray]:
    """Cross-entropy in nats, summed, plus penalty / 2 * |weights|^2.

    Args:
        parameters: flat (K, d + 1): weights, and the bias last.
        X: (n, d).
        targets: (K, n): sums over few classes are quick this way round.
        penalty: not negative.
    """
    K, d = len(targets), X.shape[1]
    by_class = parameters.reshape(K, d + 1)
    weights, bias = by_class[:, :d], by_class[:, d]
    logits = weights.astype(np.float32) @ X.T
    logits += bias.astype(np.float32)[:, None]
    logits -= logits.max(axis=0)
    loss = -float(np.einsum("kn,kn->", targets, logits, dtype=np.float64))
    error = np.exp(logits)
    total = error.sum(axis=0)
    loss += float(np.log(total).sum(dtype=np.float64))
    error /= total
    error -= targets
    gradient = np.empty((K, d + 1))
    gradient[:, :d] = error @ X + penalty * weights
    gradient[:, d] = error.sum(axis=1)
    return loss + penalty / 2 * float((weights**2).sum()), gradient.ravel()
