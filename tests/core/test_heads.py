"""The heads of the pool, each against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from askless.core import gaussian, linear, logistic
from askless.core.linear import LinearHead
from askless.types import FloatArray

K, D = 3, 4


def clouds(n: int, seed: int = 0, spread: float = 0.7) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(K, size=n)
    X = rng.normal(size=(K, D))[label] + spread * rng.normal(size=(n, D))
    return X, np.eye(K)[label]


def test_gaussian_is_bayes_rule_with_the_pooled_covariance() -> None:
    """With so many examples that the priors do not matter, by scipy's density."""
    X, targets = clouds(20_000)
    mean = X.mean(axis=0)
    X -= mean
    (head,) = gaussian.fit(gaussian.Moments.of(X, targets), X.var(axis=0), (0.0,))
    means = (X.T @ targets / targets.sum(axis=0)).T
    within = sum((X * t[:, None] - m * t[:, None]).T @ (X - m) for t, m in zip(targets.T, means, strict=True)) / len(X)
    density = np.array([multivariate_normal(m, within).logpdf(X[:50]) for m in means]).T + np.log(targets.mean(axis=0))
    logits = head.logits(X[:50].astype(np.float32))
    np.testing.assert_allclose(logits - logits[:, :1], density - density[:, :1], atol=0.05)


def test_moments_add_up() -> None:
    X, targets = clouds(30)
    parts = [gaussian.Moments.of(X[part], targets[part]) for part in (slice(10), slice(10, 17), slice(17, None))]
    together, whole = gaussian.total(parts), gaussian.Moments.of(X, targets)
    for name in ("n", "first", "second"):
        np.testing.assert_allclose(getattr(together, name), getattr(whole, name))


@pytest.mark.parametrize("n", [0, 1, 2, 40])
def test_gaussian_is_finite_with_few_examples_and_more_dimensions(n: int) -> None:
    X, targets = clouds(n)
    for variance in (np.ones(D), np.zeros(D)):
        heads = gaussian.fit(gaussian.Moments.of(X, targets), variance, (0.01, 0.7, 1.0))
        for head in heads:
            assert np.isfinite(head.weights).all()
            assert np.isfinite(head.bias).all()
    if n == 0:
        np.testing.assert_allclose(heads[0].logits(np.ones((2, D), np.float32)), np.log(1 / K), rtol=1e-6)


def test_shrinkage_of_one_is_distance_to_the_means() -> None:
    X, targets = clouds(300)
    (head,) = gaussian.fit(gaussian.Moments.of(X, targets), X.var(axis=0), (1.0,))
    n = targets.sum(axis=0)
    means = (X.T @ targets / (n + 1)).T
    distance = ((X[:, None] - means) ** 2).sum(axis=-1)
    logits = head.logits(X.astype(np.float32)) - np.log((n + 2) / (n + 2).sum())
    ratio = (logits[:, 0] - logits[:, 1]) / (distance[:, 1] - distance[:, 0])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


@given(seed=st.integers(0, 99), penalty=st.sampled_from([0.0, 3.0, 30.0]))
def test_logistic_gradient(seed: int, penalty: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(8, D)).astype(np.float32)
    targets = rng.dirichlet(np.ones(K), size=8).T.astype(np.float32)
    at = rng.normal(size=(D + 1) * K)
    _, gradient = logistic.loss_and_gradient(at, X, targets, penalty)
    step = 1e-2
    for index in range(len(at)):
        moved = [
            logistic.loss_and_gradient(at + side * step * np.eye(len(at))[index], X, targets, penalty)[0]
            for side in (1, -1)
        ]
        assert gradient[index] == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=5e-3)


def test_logistic_comes_near_the_optimum() -> None:
    X, targets = clouds(200)
    X32, targets32 = X.astype(np.float32), targets.astype(np.float32)
    head = logistic.fit(X32, targets32, 3.0)
    found = np.concatenate([head.weights, head.bias[None]]).T.ravel()
    best = minimize(logistic.loss_and_gradient, found, args=(X32, targets32.T, 3.0), jac=True, method="BFGS")
    loss, _ = logistic.loss_and_gradient(found, X32, targets32.T, 3.0)
    assert loss <= best.fun * 1.02


def test_logistic_without_examples_says_nothing() -> None:
    head = logistic.fit(np.empty((0, D), np.float32), np.empty((0, K), np.float32), 3.0)
    assert not head.weights.any()


def test_logistic_goes_on_from_where_another_ended() -> None:
    X, targets = (array.astype(np.float32) for array in clouds(200))

    def loss(head: LinearHead) -> float:
        flat = np.concatenate([head.weights, head.bias[None]]).T.ravel()
        return logistic.loss_and_gradient(flat, X, targets.T, 3.0)[0]

    head = logistic.fit(X, targets, 30.0)
    assert loss(logistic.fit(X, targets, 3.0, head, steps=2)) < loss(head)
    assert loss(logistic.fit(X, targets, 3.0, head, steps=2)) < loss(logistic.fit(X, targets, 3.0, steps=2))


def test_the_mean_head_has_the_mean_logits() -> None:
    rng = np.random.default_rng(0)
    heads = [LinearHead(rng.normal(size=(D, K)), rng.normal(size=K)) for _ in range(3)]
    X = rng.normal(size=(6, D)).astype(np.float32)
    np.testing.assert_allclose(
        linear.mean(heads).logits(X), np.mean([head.logits(X) for head in heads], axis=0), rtol=1e-4, atol=1e-5
    )
