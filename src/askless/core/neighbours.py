"""A head without a model: labels spread from item to item, over whatever lies between (Zhou et al. 2003).

An item hears of every label that is four steps away in the graph of those most alike, also through items that nobody
has labelled. Its own label comes back to it, too; as the steps are linear, exactly that is taken out again.
"""

import numpy as np

from askless.core.graph import Graph
from askless.types import Float32Array, IntArray

BACKGROUND = 0.03
"""Votes for all classes together, as a share of the mean item's votes."""


def log_votes(graph: Graph, rows: IntArray, targets: Float32Array) -> Float32Array:
    """(N, K) log of the votes that each item hears of others, up to a constant for all.

    Args:
        graph: of N items.
        rows: (n,) which items have labels, each once.
        targets: (n, K) not negative.
    """
    N, K = len(graph.returning), targets.shape[1]
    labels = np.zeros((N, K), np.float32)
    labels[rows] = targets
    votes = graph.spread(labels)
    votes[rows] -= graph.returning[rows, None] * targets
    np.maximum(votes, 0, out=votes)
    votes += np.float32(BACKGROUND / K) * max(float(votes.sum(dtype=np.float64)) / N, 1e-30)
    return np.log(votes, out=votes)
