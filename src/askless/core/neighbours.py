"""A head without a model: labels spread from item to item, over whatever lies between (Zhou et al. 2003).

An item hears of every label that is four steps away in the graph of those most alike, also through items that nobody
has labelled. Its own label comes back to it, too; as the steps are linear, exactly that is taken out again.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from askless.core.graph import Graph
from askless.types import Float32Array, IntArray

BACKGROUND = 0.03
"""Votes for all classes together, as a share of the mean item's votes."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Labels on their way over a graph of N items: they set out when someone asks, and take the last step to him alone.

    Args:
        graph: of N items.
        rows: (n,) which items have labels, each once, sorted.
        targets: (n, K) not negative.
        background: votes for each class that every item has.
    """

    graph: Graph
    rows: IntArray
    targets: Float32Array
    background: np.float32

    @cached_property
    def arrived(self) -> Float32Array:
        """(N, K) by place: where the labels are after three steps."""
        return self.graph.three_steps(self.rows, self.targets)

    def of_labelled(self, some: IntArray) -> Float32Array:
        """(len(some), K) log of the votes that some of the n hear of others, up to a constant for all."""
        rows = self.rows[some]
        votes = self.graph.last_step(rows, self.arrived)
        votes -= self.graph.returning[rows, None] * self.targets[some]
        return self._log(np.maximum(votes, 0, out=votes))

    def of_others(self, rows: IntArray) -> Float32Array:
        """(len(rows), K) the same of items that have no labels."""
        return self._log(self.graph.last_step(rows, self.arrived))

    def _log(self, votes: Float32Array) -> Float32Array:
        votes += self.background
        return np.log(votes, out=votes)


def spread(graph: Graph, rows: IntArray, targets: Float32Array) -> Spread:
    """Labels (n, K) of some items, as above."""
    N, K = len(graph.returning), targets.shape[1]
    votes = float(graph.leaving[rows] @ targets.sum(axis=1, dtype=np.float64))
    background = np.float32(BACKGROUND / K * max(votes / N, 1e-30))
    return Spread(graph, rows, targets, background)
