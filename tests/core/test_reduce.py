"""Features on their main axes."""

import gc
from weakref import ref

import numpy as np
import pytest

from askless.core import reduce as reduce_module
from askless.core.reduce import reduce
from askless.types import Features


def features(n: int, D: int, rank: int, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    return Features((rng.normal(size=(n, rank)) @ rng.normal(size=(rank, D)) + 3).astype(np.float32))


@pytest.mark.parametrize(("n", "D"), [(60, 9), (9, 60)])
def test_angles_and_distances_are_kept_and_axes_do_not_covary(n: int, D: int) -> None:
    given = features(n, D, 4)
    reduced = reduce(given, 128)
    assert reduced.values.shape == (n, 4)
    centred = given.values - given.values.mean(axis=0)
    scale = (reduced.values**2).sum() / (centred**2).sum()
    np.testing.assert_allclose(reduced.values @ reduced.values.T, scale * centred @ centred.T, atol=1e-3)
    np.testing.assert_allclose(np.cov(reduced.values.T, bias=True), np.diag(reduced.variance), atol=1e-4)
    assert reduced.variance.mean() == pytest.approx(1)
    assert (np.diff(reduced.variance) <= 0).all()


def test_the_first_axes_are_kept() -> None:
    given = features(50, 8, 8)
    np.testing.assert_allclose(
        np.abs(reduce(given, 3).values[:, 0] / reduce(given, 8).values[:, 0]).std(), 0, atol=1e-4
    )
    assert reduce(given, 3).values.shape == (50, 3)


def test_features_that_do_not_vary_leave_one_axis_of_zeros() -> None:
    reduced = reduce(Features(np.ones((5, 3), np.float32)), 128)
    np.testing.assert_array_equal(reduced.values, np.zeros((5, 1)))
    np.testing.assert_array_equal(reduced.variance, [0])


def test_computed_once_and_forgotten_with_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    given = features(20, 5, 5)
    first = reduce(given, 3)
    assert reduce(given, 3) is first
    assert reduce(given, 2) is not first
    watched = ref(first)
    del first, given
    gc.collect()
    assert watched() is None


def test_axes_from_some_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduce_module, "MAX_ROWS_FOR_AXES", 100)
    given = features(1050, 6, 2)
    reduced = reduce(given, 128)
    assert reduced.values.shape == (1050, 2)
    np.testing.assert_allclose(reduced.values.var(axis=0), reduced.variance, rtol=0.3)
