"""Each item joined to those most like it: the ground that labels spread over. Computed once.

Alike are items at a small angle. The axes of the features are brought closer to one scale first, by a power of their
variance: what tells classes apart is often not where items differ most.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

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
        step: (N, N) sparse, symmetric: D^-1/2 W D^-1/2 of the weights W, D their sums. Rows and columns are places.
        place: (N,) of each item: what is joined has places near each other, and in the memory of the processor.
        returning: (N,) of each item, diagonal of the fourth power of `step`.
        leaving: (N,) of each item, sum of the rest of its column of the fourth power.
    """

    step: "sparse.csr_array[np.float32]"
    place: IntArray
    returning: Float32Array
    leaving: Float32Array

    def three_steps(self, rows: IntArray, labels: Float32Array) -> Float32Array:
        """(N, K) by place: where the labels (n, K) of some items have come to."""
        order = np.argsort(self.place[rows])
        return self.step @ (self.step @ (self.step[:, self.place[rows[order]]] @ labels[order]))

    def last_step(self, rows: IntArray, labels: Float32Array) -> Float32Array:
        """(n, K) what one more step of labels (N, K) by place brings to some items."""
        return self.step[self.place[rows]] @ labels


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
    rows, columns, weights = [np.empty(0, np.int32)], [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for asking, asked in _near(X):
        cosine = X[asking] @ X[asked].T
        cosine[np.arange(len(asking)), np.searchsorted(asked, asking)] = -np.inf
        nearest = _largest(cosine, min(N_NEIGHBOURS, len(asked) - 1))
        rows.append(np.repeat(asking.astype(np.int32), nearest.shape[1]))
        columns.append(asked.astype(np.int32)[nearest].ravel())
        weights.append(np.exp(np.float32(SHARPNESS) * (np.take_along_axis(cosine, nearest, axis=1) - 1)).ravel())
    shape = (N, N)
    one_way = sparse.csr_array((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    both_ways = one_way.maximum(one_way.T)
    share = 1 / np.sqrt(np.maximum(both_ways.sum(axis=1), np.finfo(np.float32).tiny))
    sides = sparse.diags_array(share.astype(np.float32))
    order = reverse_cuthill_mckee(both_ways, symmetric_mode=True)
    step = (sides @ both_ways @ sides).tocsr()[order][:, order]
    place = np.argsort(order)
    returning = _returning(step)
    leaving = step @ (step @ (step @ step.sum(axis=0))) - returning
    np.maximum(leaving, np.finfo(np.float32).eps * returning, out=leaving)  # no less than the error of a float32
    return Graph(step, place, returning[place], leaving[place])


def _largest(values: Float32Array, n: int) -> IntArray:
    """(m, n) in which columns the largest of each row (m, c) are, n < c, in no order.

    The columns are dealt into groups first: the largest n are in those n groups whose largest are largest.
    """
    m, c = values.shape
    if not n:
        return np.empty((m, 0), np.int64)
    group_size = max(1, int(np.sqrt(c / (n + 1))))
    n_groups = c // group_size
    dealt = group_size * n_groups
    largest = values[:, :dealt].reshape(m, group_size, n_groups).max(axis=1)
    groups = np.argpartition(-largest, n - 1, axis=1)[:, :n]
    within = (groups[:, None, :] + n_groups * np.arange(group_size)[:, None]).reshape(m, -1)
    among = np.concatenate([within, np.broadcast_to(np.arange(dealt, c), (m, c - dealt))], axis=1)
    chosen = np.argpartition(-np.take_along_axis(values, among, axis=1), n - 1, axis=1)[:, :n]
    return np.take_along_axis(among, chosen, axis=1)


def _near(X: Float32Array) -> Iterator[tuple[IntArray, IntArray]]:
    """Which items are to be compared with which; every item asks once, and is among those it asks,
    which are in order."""
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
        nearest = _largest(cosine, N_CELLS_EACH)
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
        np.square(two_steps.data, out=two_steps.data)
        returning[start : start + ROWS_PER_BLOCK] = two_steps.sum(axis=1)
    return returning
