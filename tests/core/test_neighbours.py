"""The graph of items that are alike, and labels that spread over it, each against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core import graph, neighbours
from askless.core.reduce import Reduced
from askless.types import Float32Array, FloatArray, IntArray

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


def by_item(joined: graph.Graph) -> Float32Array:
    """(N, N) the steps between items."""
    return joined.step.toarray()[np.ix_(joined.place, joined.place)]


def four_steps(joined: graph.Graph, rows: IntArray, labels: Float32Array) -> Float32Array:
    """(N, K) of labels (n, K) of some items."""
    return joined.last_step(np.arange(len(joined.place)), joined.three_steps(rows, labels))


def everywhere(joined: graph.Graph, rows: IntArray, targets: Float32Array) -> Float32Array:
    """(N, K) log votes, whether an item has a label or not."""
    labels = neighbours.spread(joined, rows, targets)
    votes = labels.of_others(np.arange(len(joined.place)))
    votes[rows] = labels.of_labelled(np.arange(len(rows)))
    return votes


@pytest.mark.parametrize("evenness", [0.0, 0.5, 1.0])
def test_the_graph_is_its_definition(evenness: float) -> None:
    given = reduced(60)
    W = weights(given, evenness)
    share = 1 / np.sqrt(W.sum(axis=1))
    step = share[:, None] * W * share
    found = graph.join(given, evenness)
    fourth = np.linalg.matrix_power(step, 4)
    np.testing.assert_allclose(by_item(found), step, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.returning, np.diag(fourth), rtol=1e-3)
    np.testing.assert_allclose(found.leaving, fourth.sum(axis=0) - np.diag(fourth), rtol=1e-3)
    rng = np.random.default_rng(1)
    rows, labels = rng.permutation(60)[:40], rng.random((40, K)).astype(np.float32)
    np.testing.assert_allclose(four_steps(found, rows, labels), fourth[:, rows] @ labels, rtol=1e-3, atol=1e-6)
    assert graph.join(given, evenness) is found


@given(n=st.integers(1, 40), seed=st.integers(0, 9))
def test_an_item_hears_of_all_labels_but_its_own(n: int, seed: int) -> None:
    """As if it had none, to the last step."""
    given = reduced(n, seed)
    joined = graph.join(given, 0.5)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(n, max(1, n // 2), replace=False))
    targets = rng.dirichlet(np.ones(K), size=len(rows)).astype(np.float32)
    log_votes = everywhere(joined, rows, targets)
    votes = np.exp(log_votes)
    for i, row in enumerate(rows):
        others = np.arange(len(rows)) != i
        alone = four_steps(joined, rows[others], targets[others])[row]
        np.testing.assert_allclose(votes[row] - votes[row].min(), alone - alone.min(), atol=1e-5)
    assert np.isfinite(log_votes).all()
    background = neighbours.BACKGROUND * votes.sum() / (1 + neighbours.BACKGROUND) / n / K
    np.testing.assert_allclose(neighbours.spread(joined, rows, targets).background, background, rtol=1e-3, atol=1e-8)


def test_labels_reach_items_that_are_like_no_labelled_one() -> None:
    """Points on two arcs, one of each labelled: by angle the far end of an arc is nearer to the other's label."""
    angle = np.linspace(0, 2.6, 80)
    arcs = [np.column_stack([np.cos(angle + turn), np.sin(angle + turn)]) for turn in (0.0, np.pi)]
    values = np.concatenate(arcs).astype(np.float32)
    values += np.random.default_rng(0).normal(scale=1e-3, size=values.shape).astype(np.float32)
    truth = np.repeat([0, 1], 80)
    rows = np.array([0, 80, 20, 100, 40, 120])
    given = Reduced(values, np.ones(2))
    said = everywhere(graph.join(given, 0.0), rows, np.eye(2, dtype=np.float32)[truth[rows]])
    assert (said.argmax(axis=1) == truth).mean() > 0.9


@pytest.mark.parametrize("values", [np.zeros((30, 2)), np.ones((30, 1)), np.eye(30, 3)], ids=["zero", "one", "few"])
def test_without_directions_or_labels_it_is_finite(values: FloatArray) -> None:
    given = Reduced(values.astype(np.float32), values.var(axis=0))
    for rows in (np.arange(0), np.arange(3)):
        said = everywhere(graph.join(given, 0.5), rows, np.eye(K, dtype=np.float32)[rows])
        assert np.isfinite(said).all()
    nothing = everywhere(graph.join(given, 0.5), np.arange(0), np.empty((0, K), np.float32))
    np.testing.assert_array_equal(nothing, nothing[0, 0])


def test_of_many_items_only_those_near_the_same_pivots_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    given = reduced(600)
    all_compared = by_item(graph._join(graph._directions(given, 0.0))) > 0
    monkeypatch.setattr(graph, "MAX_COMPARED", 300)
    monkeypatch.setattr(graph, "ROWS_PER_BLOCK", 7)
    some, again = (graph._join(graph._directions(given, 0.0)) for _ in range(2))
    found = by_item(some)
    np.testing.assert_array_equal(found, by_item(again))
    np.testing.assert_allclose(found, found.T, rtol=1e-6)
    assert not found.diagonal().any()
    assert (found > 0)[all_compared].mean() > 0.9
    assert ((found > 0).sum(axis=1) >= graph.N_NEIGHBOURS).all()


@given(m=st.integers(1, 4), c=st.integers(1, 300), data=st.data())
def test_the_largest_are_found_in_groups(m: int, c: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, min(c - 1, 20)))
    rng = np.random.default_rng(c)
    values = rng.normal(size=(m, c)).astype(np.float32)
    values[:, rng.integers(c)] = -np.inf  # as the item itself
    found = graph._largest(values, n)
    assert found.shape == (m, n)
    np.testing.assert_array_equal(np.sort(found), np.sort(np.argsort(-values, axis=1)[:, :n]))
