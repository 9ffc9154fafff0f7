import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from askless.embed.components import principal_components
from askless.errors import DataError


@given(seed=st.integers(0, 1000), n_rows=st.integers(3, 60), D=st.integers(2, 12), n=st.integers(1, 15))
def test_as_pca_of_standardised_columns(seed: int, n_rows: int, D: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(n_rows, D)) @ rng.normal(size=(D, D)) + rng.normal(0, 20, D)).astype(np.float32)
    centre, to_components = principal_components(lambda: iter([rows]), n)
    found = (rows - centre) @ to_components
    C = found.shape[1]
    assert min(n, n_rows, D) >= C
    assert found.var(axis=0).mean() == pytest.approx(1, rel=1e-3)
    standard = (rows - rows.mean(0)) / rows.std(0)
    expected = PCA(C).fit_transform(standard)
    expected /= np.sqrt(expected.var(axis=0).mean())
    np.testing.assert_allclose(np.abs(found @ found.T), np.abs(expected @ expected.T), atol=2e-2 * D)


def test_blocks_make_no_difference() -> None:
    rows = np.random.default_rng(0).normal(3, 2, (50, 6)).astype(np.float32)
    whole = principal_components(lambda: iter([rows]), 4)
    parts = principal_components(lambda: iter([rows[:7], rows[7:8], rows[8:]]), 4)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_column_that_never_changes_says_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    rows[:, 1] = 0.1
    _, to_components = principal_components(lambda: iter([rows]), 3)
    assert to_components.shape == (3, 2)
    assert not to_components[1].any()


def test_equal_rows_are_refused() -> None:
    with pytest.raises(DataError, match="All images look the same"):
        principal_components(lambda: iter([np.ones((4, 3), np.float32)]), 2)
