"""The graph of items that are alike, and labels that spread over it, each against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core import graph, neighbours
from askless.core.reduce import Reduced
from askless.types import Float32Array, FloatArray

K, D = 3, 4


def reduced(n: int, seed: int = 0) -> Reduced:
    values = np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32) * np.float32([4, 2, 1, 0.5])
    return Reduced(values, values.var(axis=0, dtype=np.float64))


def weights(given: Reduced, evenness: float) -> FloatArray:
    """Joins by a loop over items."""
    X = given.values / given.variance ** (evenness / 2)
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosine = X @ X.T
    W = np.zeros(cosine.shape)
    for i, row in enumerate(cosine):
        others = np.setdiff1d(np.argsort(-row), i, assume_unique=True)[: graph.N_NEIGHBOURS]
        W[i, others] = np.exp(graph.SHARPNESS * (row[others] - 1))
    return np.maximum(W, W.T)


@pytest.mark.parametrize("evenness", [0.0, 0.5, 1.0])
def test_the_graph_is_its_definition(evenness: float) -> None:
    given = reduced(60)
    W = weights(given, evenness)
    share = 1 / np.sqrt(W.sum(axis=1))
    step = share[:, None] * W * share
    found = graph.join(given, evenness)
    np.testing.assert_allclose(found.step.toarray(), step, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.returning, np.diag(np.linalg.matrix_power(step, 4)), rtol=1e-3)
    labels = np.random.default_rng(1).random((60, K)).astype(np.float32)
    np.testing.assert_allclose(found.spread(labels), np.linalg.matrix_power(step, 4) @ labels, rtol=1e-3, atol=1e-6)
    assert graph.join(given, evenness) is found


@given(n=st.integers(1, 40), seed=st.integers(0, 9))
def test_an_item_hears_of_all_labels_but_its_own(n: int, seed: int) -> None:
    """As if it had none, to the last step."""
    given = reduced(n, seed)
    joined = graph.join(given, 0.5)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(n, max(1, n // 2), replace=False))
    targets = rng.dirichlet(np.ones(K), size=len(rows)).astype(np.float32)
    votes = np.exp(neighbours.log_votes(joined, rows, targets))
    for i, row in enumerate(rows):
        others = np.arange(len(rows)) != i
        labels = np.zeros((n, K), np.float32)
        labels[rows[others]] = targets[others]
        alone = joined.spread(labels)[row]
        np.testing.assert_allclose(votes[row] - votes[row].min(), alone - alone.min(), atol=1e-5)
    assert np.isfinite(np.log(votes)).all()


def test_labels_reach_items_that_are_like_no_labelled_one() -> None:
    """Points on two arcs, one of each labelled: by angle the far end of an arc is nearer to the other's label."""
    angle = np.linspace(0, 2.6, 80)
    arcs = [np.column_stack([np.cos(angle + turn), np.sin(angle + turn)]) for turn in (0.0, np.pi)]
    values = np.concatenate(arcs).astype(np.float32)
    values += np.random.default_rng(0).normal(scale=1e-3, size=values.shape).astype(np.float32)
    truth = np.repeat([0, 1], 80)
    rows = np.array([0, 80, 20, 100, 40, 120])
    given = Reduced(values, np.ones(2))
    said = neighbours.log_votes(graph.join(given, 0.0), rows, np.eye(2, dtype=np.float32)[truth[rows]])
    assert (said.argmax(axis=1) == truth).mean() > 0.9


@pytest.mark.parametrize("values", [np.zeros((30, 2)), np.ones((30, 1)), np.eye(30, 3)], ids=["zero", "one", "few"])
def test_without_directions_or_labels_it_is_finite(values: FloatArray) -> None:
    given = Reduced(values.astype(np.float32), values.var(axis=0))
    for rows in (np.arange(0), np.arange(3)):
        said = neighbours.log_votes(graph.join(given, 0.5), rows, np.eye(K, dtype=np.float32)[rows])
        assert np.isfinite(said).all()
    nothing = neighbours.log_votes(graph.join(given, 0.5), np.arange(0), np.empty((0, K), np.float32))
    np.testing.assert_array_equal(nothing, nothing[0, 0])


def test_of_many_items_only_those_near_the_same_pivots_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    given = reduced(600)
    all_compared = graph._join(graph._directions(given, 0.0)).step.toarray() > 0
    monkeypatch.setattr(graph, "MAX_COMPARED", 300)
    monkeypatch.setattr(graph, "ROWS_PER_BLOCK", 7)
    some, again = (graph._join(graph._directions(given, 0.0)) for _ in range(2))
    found: Float32Array = some.step.toarray()
    np.testing.assert_array_equal(found, again.step.toarray())
    np.testing.assert_allclose(found, found.T, rtol=1e-6)
    assert not found.diagonal().any()
    assert (found > 0)[all_compared].mean() > 0.9
    assert ((found > 0).sum(axis=1) >= graph.N_NEIGHBOURS).all()
