from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.data.features import read_features, reduce
from askless.errors import DataError
from askless.types import Features


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_features_are_mapped_not_copied(tmp_path: Path, dtype: type) -> None:
    values: npt.NDArray[Any] = np.arange(12, dtype=dtype).reshape(4, 3)
    np.save(tmp_path / "features.npy", values)
    features = read_features(tmp_path / "features.npy")
    assert isinstance(features.values, np.memmap)
    assert features.values.dtype == dtype
    np.testing.assert_array_equal(features.values, values)
    assert features.fingerprint == Features(values).fingerprint


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.npy cannot be read \(No such file or directory\); check the path"):
        read_features(tmp_path / "none.npy")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_features(tmp_path)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x93NUMPY\x01\x00", b"PK\x03\x04" + bytes(40)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "features.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"not a plain \.npy array of numbers .*write it with numpy\.save"):
        read_features(tmp_path / "features.npy")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.array([[1, "a"]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="without pickled objects"):
        read_features(tmp_path / "features.npy")


def test_an_archive_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "features.npz", np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"not a plain \.npy array"):
        read_features(tmp_path / "features.npz")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.zeros((100, 10), np.float32))
    whole = (tmp_path / "features.npy").read_bytes()
    (tmp_path / "features.npy").write_bytes(whole[:1000])
    with pytest.raises(DataError, match=r"not a plain \.npy array"):
        read_features(tmp_path / "features.npy")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), r"must have shape \(items, dimensions\)"),
        (np.zeros((0, 5)), r"must have shape \(items, dimensions\)"),
        (np.array([["a", "b"]]), "array of real numbers"),
        (np.array([[1.0], [np.nan]]), "NaN, infinity or what float32 cannot hold, first in row 1"),
    ],
)
def test_arrays_that_are_no_features_are_refused(tmp_path: Path, values: npt.NDArray[Any], message: str) -> None:
    np.save(tmp_path / "features.npy", values)
    with pytest.raises(DataError, match=message):
        read_features(tmp_path / "features.npy")


@given(
    seed=st.integers(0, 10_000),
    n_items=st.integers(3, 40),
    n_dimensions=st.integers(2, 30),
    share=st.floats(0, 1),
)
def test_components_are_scaled_uncorrelated_and_sorted(
    seed: int, n_items: int, n_dimensions: int, share: float
) -> None:
    values = np.random.default_rng(seed).normal(5, 3, (n_items, n_dimensions)).astype(np.float32)
    n_components = 1 + int(share * (min(n_items - 1, n_dimensions) - 1))
    reduced = reduce(Features(values), n_components).values
    assert reduced.shape == (n_items, n_components)
    assert reduced.dtype == np.float32
    variances = reduced.var(axis=0, dtype=np.float64)
    assert variances.mean() == pytest.approx(1, abs=1e-5)
    assert (np.diff(variances) <= 1e-4).all()
    covariance = np.atleast_2d(np.cov(reduced.T, bias=True))
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-3)


def test_all_components_keep_distances_up_to_one_constant() -> None:
    values = np.random.default_rng(0).normal(100, [1, 2, 3], (50, 3)).astype(np.float32)
    reduced = reduce(Features(values), 3).values
    ratios = np.linalg.norm(values[1:] - values[0], axis=1) / np.linalg.norm(reduced[1:] - reduced[0], axis=1)
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)


def test_a_large_common_offset_does_no_harm() -> None:
    values = np.random.default_rng(0).normal(0, [3, 1], (200, 2)).astype(np.float32)
    expected = reduce(Features(values), 2).values
    np.testing.assert_allclose(reduce(Features(values + np.float32(1000)), 2).values, expected, atol=2e-3)


def test_reduction_is_deterministic_and_leaves_its_input() -> None:
    values = np.random.default_rng(1).normal(size=(20, 8)).astype(np.float16)
    before = values.copy()
    np.testing.assert_array_equal(reduce(Features(values), 4).values, reduce(Features(values.copy()), 4).values)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("n_components", [0, 4])
def test_more_components_than_there_are_is_refused(n_components: int) -> None:
    with pytest.raises(DataError, match=rf"{n_components} components .*\(10, 3\); choose n_components from 1 to 3"):
        reduce(Features(np.eye(10, 3, dtype=np.float32)), n_components)


@pytest.mark.parametrize("n_items", [1, 7])
def test_equal_rows_are_refused(n_items: int) -> None:
    with pytest.raises(DataError, match="All rows of the features are equal"):
        reduce(Features(np.full((n_items, 3), 0.1, np.float32)), 1)
