"""Metrics against slow loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core.calibrate import calibration_error
from askless.metrics import accuracy_metrics, precision, rank_of_truth
from askless.types import FloatArray, IntArray


def beliefs(seed: int, n: int, n_classes: int) -> tuple[FloatArray, IntArray]:
    """Beliefs in tenths, so that there are ties, and truths."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(10, np.full(n_classes, 1 / n_classes), size=n) / 10, rng.integers(n_classes, size=n)


@given(seed=st.integers(0, 999), n=st.integers(0, 10), n_classes=st.integers(2, 13))
def test_rank_is_the_place_in_a_stable_sort(seed: int, n: int, n_classes: int) -> None:
    probability, truth = beliefs(seed, n, n_classes)
    order = [sorted(range(n_classes), key=lambda k, row=row: -row[k]) for row in probability]
    assert rank_of_truth(probability, truth).tolist() == [o.index(y) for o, y in zip(order, truth, strict=True)]


@given(seed=st.integers(0, 999), n=st.integers(1, 30), n_classes=st.integers(2, 13))
def test_accuracy_within_scopes(seed: int, n: int, n_classes: int) -> None:
    probability, truth = beliefs(seed, n, n_classes)
    rank = rank_of_truth(probability, truth)
    is_first = np.arange(n) < 7
    scopes = {"all": np.ones(n, bool), "first": is_first, "empty": np.zeros(n, bool)}
    metrics = accuracy_metrics(probability, truth, scopes)
    names = ["top1", "top5", "top10", "correct", "ece"]
    assert list(metrics) == [f"{scope}_{name}" for scope in scopes for name in names]
    for scope in ("all", "first"):
        mask = scopes[scope]
        for top in (1, 5, 10):
            assert metrics[f"{scope}_top{top}"] == pytest.approx(np.mean(rank[mask] < top))
        assert metrics[f"{scope}_correct"] == int((probability.argmax(axis=1) == truth)[mask].sum())
        is_right = probability[mask].argmax(axis=1) == truth[mask]
        assert metrics[f"{scope}_ece"] == calibration_error(probability[mask].max(axis=1), is_right, 10)
        assert metrics[f"{scope}_top1"] == pytest.approx((probability[mask].argmax(axis=1) == truth[mask]).mean())
    assert {metrics[f"empty_{name}"] for name in names} == {None}
    assert {type(value) for value in metrics.values()} <= {float, int, type(None)}


def test_without_belief_there_is_nothing_to_measure() -> None:
    metrics = accuracy_metrics(None, np.array([0, 1]), {"all": np.ones(2, bool)})
    assert metrics == dict.fromkeys(["all_top1", "all_top5", "all_top10", "all_correct", "all_ece"])


def test_by_hand() -> None:
    probability = np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.8], [1.0, 0.0]], np.float32)
    truth = np.array([0, 1, 1, 0])
    metrics = accuracy_metrics(probability, truth, {"all": np.ones(4, bool)})
    assert (metrics["all_top1"], metrics["all_top5"], metrics["all_correct"]) == (0.75, 1.0, 3)
    assert metrics["all_ece"] == pytest.approx((0 + 0.2 + 0) / 4)


def test_precision() -> None:
    label, truth = np.array([2, 2, 0, 2]), np.array([2, 1, 2, 2])
    assert precision(label, truth, 2) == pytest.approx(2 / 3)
    assert precision(label, truth, 0) == 0
    assert precision(label, truth, 1) is None
