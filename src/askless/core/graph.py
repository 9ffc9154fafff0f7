"""Each item joined to those most like it: the ground that labels spread over. Computed once.

Alike are items at a small angle. The axes of the features are brought closer to one scale first, by a power of their
variance: what tells classes apart is often not where items differ most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy import sparse

from askless.core.reduce import Reduced
from askless.randomness import generator
from askless.types import Float32Array, IntArray

N_NEIGHBOURS = 15
SHARPNESS = 10.0
"""A join weighs exp(SHARPNESS * (cosine - 1)) before it is shared out."""

MAX_COMPARED = 5_000
"""Up to so many items, each is compared with all; beyond, with those near the same pivots."""

N_CELLS_EACH = 16
"""In so many cells an item is found by others."""

ROWS_PER_BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Graph:
    """Joins of N items.

    Args:
        step: (N, N) sparse, symmetric: D^-1/2 W D^-1/2 of the weights W, D their sums.
        returning: (N,) diagonal of its fourth power.
    """

    step: "sparse.csr_array[np.float32]"
    returning: Float32Array

    def spread(self, labels: Float32Array) -> Float32Array:
        """(N, K) after four steps."""
        for _ in range(4):
            labels = self.step @ labels
        return labels


_known: WeakKeyDictionary[Reduced, dict[float, Graph]] = WeakKeyDictionary()


def join(reduced: Reduced, evenness: float) -> Graph:
    """The graph of these features; kept for as long as they are.

    Args:
        reduced: features of N items.
        evenness: of the scales of the axes: 0 as they are, 1 all alike.
    """
    kept = _known.setdefault(reduced, {})
    if evenness not in kept:
        kept[evenness] = _join(_directions(reduced, evenness))
    return kept[evenness]


def _directions(reduced: Reduced, evenness: float) -> Float32Array:
    """(N, d) of length 1, but of items without a direction."""
    X = reduced.values * (np.maximum(reduced.variance, 1e-12) ** (-evenness / 2)).astype(np.float32)
    X /= np.maximum(np.sqrt(np.einsum("nd,nd->n", X, X)), np.float32(1e-12))[:, None]
    return X


def _join(X: Float32Array) -> Graph:
    N = len(X)
    rows, columns, weights = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for asking, asked in _near(X):
        cosine = X[asking] @ X[asked].T
        cosine[asking[:, None] == asked] = -np.inf
        n = min(N_NEIGHBOURS, len(asked) - 1)
        nearest = np.argpartition(-cosine, n, axis=1)[:, :n] if n else np.empty((len(asking), 0), np.int64)
        rows.append(np.repeat(asking, n))
        columns.append(asked[nearest].ravel())
        weights.append(np.exp(np.float32(SHARPNESS) * (np.take_along_axis(cosine, nearest, axis=1) - 1)).ravel())
    shape = (N, N)
    one_way = sparse.csr_array((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    both_ways = one_way.maximum(one_way.T)
    share = 1 / np.sqrt(np.maximum(both_ways.sum(axis=1), np.finfo(np.float32).tiny))
    sides = sparse.diags_array(share.astype(np.float32))
    step = (sides @ both_ways @ sides).tocsr()
    return Graph(step, _returning(step))


def _near(X: Float32Array) -> Iterator[tuple[IntArray, IntArray]]:
    """Which items are to be compared with which; every item asks once, and is among those it asks."""
    N = len(X)
    if N <= MAX_COMPARED:
        everyone = np.arange(N)
        for start in range(0, N, ROWS_PER_BLOCK):
            yield everyone[start : start + ROWS_PER_BLOCK], everyone
        return
    n_pivots = round(2 * np.sqrt(N))
    pivots = X[generator(0, "pivots").choice(N, n_pivots, replace=False)]
    cells = np.empty((N, N_CELLS_EACH), np.int64)
    for start in range(0, N, ROWS_PER_BLOCK):
        cosine = X[start : start + ROWS_PER_BLOCK] @ pivots.T
        nearest = np.argpartition(-cosine, N_CELLS_EACH, axis=1)[:, :N_CELLS_EACH]
        order = np.argsort(-np.take_along_axis(cosine, nearest, axis=1), axis=1)
        cells[start : start + ROWS_PER_BLOCK] = np.take_along_axis(nearest, order, axis=1)
    found = _members(cells.ravel(), n_pivots)
    for cell, asking in enumerate(_members(cells[:, 0], n_pivots)):
        for start in range(0, len(asking), ROWS_PER_BLOCK):
            yield asking[start : start + ROWS_PER_BLOCK], found[cell] // N_CELLS_EACH


def _members(cell: IntArray, n_cells: int) -> list[IntArray]:
    """The positions at which each cell is named."""
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.cumsum(np.bincount(cell, minlength=n_cells))[:-1])


def _returning(step: "sparse.csr_array[np.float32]") -> Float32Array:
    """The diagonal of the fourth power is the square of each row of the second."""
    returning = np.empty(step.shape[0], np.float32)
    for start in range(0, len(returning), ROWS_PER_BLOCK):
        two_steps: sparse.csr_array[np.float32] = step[start : start + ROWS_PER_BLOCK] @ step
        returning[start : start + ROWS_PER_BLOCK] = two_steps.power(2).sum(axis=1)
    return returning
