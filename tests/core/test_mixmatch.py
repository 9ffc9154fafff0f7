"""MixMatch's minibatch: guesses sharpened, rows mixed, against the formulas written out anew."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core.mixmatch import mix, sharpen
from askless.types import Float32Array


class Guesser:
    """A network that guesses by the first feature only."""

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.column_stack([X[:, 0], 1 - X[:, 0]])

    def step(self, minibatch: Any, rate: float) -> None:
        raise AssertionError

    keep = restore = step  # type: ignore[assignment]


def rows(rng: np.random.Generator, n: int, m: int) -> tuple[Float32Array, Float32Array, Float32Array]:
    X, others = rng.random((n, 3), dtype=np.float32), rng.random((m, 3), dtype=np.float32)
    return X, np.eye(2, dtype=np.float32)[rng.integers(2, size=n)], others


@given(seed=st.integers(0, 10_000), n=st.integers(1, 9), m=st.integers(1, 20), alpha=st.floats(0.05, 20))
def test_mix(seed: int, n: int, m: int, alpha: float) -> None:
    X, targets, others = rows(np.random.default_rng(seed), n, m)
    minibatch = mix(Guesser(), np.vstack([X, others]), targets, alpha, 7.0, np.random.default_rng(seed))
    assert (minibatch.n_labelled, minibatch.weight) == (n, 7.0)
    assert minibatch.X.dtype == minibatch.targets.dtype == np.float32
    np.testing.assert_allclose(minibatch.targets.sum(axis=1), 1, atol=1e-6)

    rng = np.random.default_rng(seed)
    partner = rng.permutation(n + m)
    part = np.array([max(p, 1 - p) for p in rng.beta(alpha, alpha, size=n + m)])
    guess = [[p**2 / (p**2 + (1 - p) ** 2), (1 - p) ** 2 / (p**2 + (1 - p) ** 2)] for p in others[:, 0].astype(float)]
    for mixed, own in [
        (minibatch.X, np.vstack([X, others])),
        (minibatch.targets, np.vstack([targets, np.reshape(guess, (m, 2))])),
    ]:
        for i in range(n + m):
            np.testing.assert_allclose(mixed[i], part[i] * own[i] + (1 - part[i]) * own[partner[i]], atol=1e-5)


def test_what_is_given_is_left_as_it_is() -> None:
    X, targets, others = rows(np.random.default_rng(0), 4, 6)
    everything = np.vstack([X, others])
    before = everything.copy(), targets.copy()
    mix(Guesser(), everything, targets, 0.75, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(everything, before[0])
    np.testing.assert_array_equal(targets, before[1])


@pytest.mark.parametrize(
    ("probability", "expected"),
    [([0.5, 0.5], [0.5, 0.5]), ([0.75, 0.25], [0.9, 0.1]), ([1.0, 0.0], [1.0, 0.0]), ([0.2, 0.4, 0.4], [1, 4, 4])],
)
def test_sharpen(probability: list[float], expected: list[float]) -> None:
    sharpened = sharpen(np.array([probability], np.float32))
    np.testing.assert_allclose(sharpened, [np.array(expected) / sum(expected)], rtol=1e-6)


@given(seed=st.integers(0, 1000), n_classes=st.integers(2, 1000))
def test_sharpening_keeps_the_order_and_sums_to_one(seed: int, n_classes: int) -> None:
    probability = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.3), size=5).astype(np.float32)
    sharpened = sharpen(probability)
    np.testing.assert_allclose(sharpened.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(sharpened.argmax(axis=1), probability.argmax(axis=1))
    assert (sharpened.max(axis=1) >= probability.max(axis=1) - 1e-6).all()
