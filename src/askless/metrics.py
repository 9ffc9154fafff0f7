"""How good the labels are, for those who know the truth: simulations and benchmarks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from askless.core.blocks import blocks, for_each
from askless.core.calibrate import calibration_error
from askless.types import BoolArray, IntArray

N_BINS = 10
TOPS = (1, 5, 10)


def accuracy_metrics(
    probability: npt.NDArray[np.floating] | None, truth: IntArray, scopes: Mapping[str, BoolArray]
) -> dict[str, float | int | None]:
    """Top-1, 5, 10 accuracy, number right and calibration error (10 bins, as the paper's code) within each scope.

    Args:
        probability: (n, K) belief, rows sum to 1; none gives None for everything.
        truth: (n,) classes.
        scopes: names and (n,) masks; a scope without items gives None.

    Returns:
        Keys `{scope}_top1`, `_top5`, `_top10`, `_correct`, `_ece`.
    """
    names = [*(f"top{top}" for top in TOPS), "correct", "ece"]
    if probability is None:
        return {f"{scope}_{name}": None for scope in scopes for name in names}
    rank = rank_of_truth(probability, truth)
    confidence = probability[np.arange(len(truth)), probability.argmax(axis=1)]
    metrics: dict[str, float | int | None] = {}
    for scope, mask in scopes.items():
        values: list[float | int | None] = [None] * len(names)
        if mask.any():
            is_right = rank[mask] == 0
            error = calibration_error(confidence[mask], is_right, N_BINS)
            values = [*(float((rank[mask] < top).mean()) for top in TOPS), int(is_right.sum()), error]
        metrics |= {f"{scope}_{name}": value for name, value in zip(names, values, strict=True)}
    return metrics


def rank_of_truth(probability: npt.NDArray[np.floating], truth: IntArray) -> IntArray:
    """(n,) how many classes come before the true one: a larger probability, or the same and a lower index."""
    rank = np.empty(len(truth), np.int64)
    ones = np.ones(probability.shape[1], np.float32)

    def count(rows: slice) -> None:
        belief, y = probability[rows], truth[rows, None]
        own = np.take_along_axis(belief, y, axis=1)
        is_before = belief > own
        is_before |= (belief == own) & (np.arange(belief.shape[1]) < y)
        rank[rows] = is_before @ ones  # several times as fast as sum(axis=1)

    for_each(blocks(*probability.shape), count)
    return rank


def precision(label: IntArray, truth: IntArray, y: int) -> float | None:
    """The share of the items labelled y that are of class y; none if none is labelled so."""
    is_labelled = label == y
    return float((truth[is_labelled] == y).mean()) if is_labelled.any() else None


@dataclass(frozen=True)
class Score:
    """Labels against the truth of some items.

    Args:
        accuracy: share of right labels among the `n_scored` items that have both; none if there are none.
        n_unknown_items: items with a truth and without a label; not scored.
        n_unknown_labels: scored items whose true label nobody ever gave; their labels are wrong.
    """

    accuracy: float | None
    n_scored: int
    n_unknown_items: int
    n_unknown_labels: int


def score(labels: Mapping[str, str], classes: Collection[str], truth: Mapping[str, str]) -> Score:
    """Compares the label of each item with its truth; `classes` are all labels that anyone gave."""
    scored = truth.keys() & labels.keys()
    n_right = sum(labels[item] == truth[item] for item in scored)
    n_unknown = sum(truth[item] not in classes for item in scored)
    return Score(n_right / len(scored) if scored else None, len(scored), len(truth) - len(scored), n_unknown)
