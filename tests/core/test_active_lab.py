"""ActiveLab's score against the paper's formulas by hand, and item by item."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askless.core.active_lab import MIN_WEIGHT, active_lab
from askless.types import Annotations, Float32Array, FloatArray

Said = list[tuple[int, int, int]]
"""Item, annotator, label."""


def annotations(said: Said, n_items: int, n_annotators: int, n_classes: int) -> Annotations:
    item, annotator, label = np.array(said, np.int64).reshape(-1, 3).T
    return Annotations(item, annotator, label, n_items, n_annotators, n_classes)


MACHINE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.6, 0.3, 0.1], [0.25, 0.5, 0.25]], np.float32)


def test_by_hand() -> None:
    """Agreement of the three with each other 4/5, 3/5, 3/4; with the consensus 8/9; the machine is wrong about one of
    three shared items, as the commonest class is about two; nine labels on four items; a fourth annotator is silent."""
    a, b, c = 1 - 0.2 / (2 / 3), 1 - 0.4 / (2 / 3), 1 - 0.25 / (2 / 3)
    m = (1 - (1 / 3) / (2 / 3)) * np.sqrt(9 / 4)
    new = (a + b + c) / 3
    agree, differ = 8 / 9, 1 / 18
    certainty = [
        (0.8 * m + agree * (a + b + c) + new / 3) / (m + a + b + c + new),
        (0.7 * m + agree * (a + b) + new / 3) / (m + a + b + new),
        (0.3 * m + agree * (a + c) + differ * b + new / 3) / (m + a + b + c + new),
        (0.6 * m + agree * c + new / 3) / (m + c + new),
        (0.5 * m + new / 3) / (m + new),
    ]
    said = [(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 0, 1), (1, 1, 1), (2, 0, 2), (2, 1, 1), (2, 2, 2), (3, 2, 0)]
    found = active_lab(annotations(said, 5, 4, 3), MACHINE)
    np.testing.assert_allclose(found, 1 - np.array(certainty), atol=1e-7)


def test_labels_on_different_items_count_as_the_machine_believes_them() -> None:
    said = [(0, 0, 0), (2, 1, 1)]
    found = active_lab(annotations(said, 5, 2, 3), MACHINE)
    certainty = [(1.6 + 1 / 3) / 3, (0.7 + 1 / 3) / 2, (0.4 + 1 / 3) / 3, (0.6 + 1 / 3) / 2, (0.5 + 1 / 3) / 2]
    np.testing.assert_allclose(found, 1 - np.array(certainty), atol=1e-7)


@pytest.mark.parametrize("said", [[], [(0, 0, 1)]])
def test_without_a_machine_nothing_is_believed(said: Said) -> None:
    np.testing.assert_allclose(active_lab(annotations(said, 3, 1, 4), None), 0.75)


def one_by_one(said: Said, machine: Float32Array) -> list[float]:
    """The formulas with a loop for every sum."""
    N, K = machine.shape
    of_item: list[dict[int, int]] = [{j: z for i, j, z in said if i == item} for item in range(N)]
    shared = [i for i in range(N) if len(of_item[i]) > 1]
    agreement: dict[int, float] = {}
    present = {j for _, j, _ in said}
    for j in present:
        mine = [i for i in shared if j in of_item[i]]
        pairs = [of_item[i][j] == label for i in mine for other, label in of_item[i].items() if other != j]
        if pairs:
            agreement[j] = float(np.mean(pairs))
    mean = float(np.mean(list(agreement.values())))
    n_saying = [[list(labels.values()).count(k) for k in range(K)] for labels in of_item]
    consensus = [max(range(K), key=list(zip(n_saying[i], machine[i], strict=True)).__getitem__) for i in range(N)]
    for _ in range(2):
        agreed = [consensus[i] for i in shared]
        rate = np.mean([np.mean([z == consensus[i] for z in of_item[i].values()]) for i in shared])
        baseline = max(1 - max(agreed.count(k) for k in range(K)) / len(agreed), MIN_WEIGHT)
        error = np.mean([machine[i].argmax() != consensus[i] for i in shared])
        n_labels = np.mean([len(labels) for labels in of_item if labels])
        m = max(1 - error / baseline, MIN_WEIGHT) * np.sqrt(n_labels)
        w = {j: max(1 - (1 - agreement.get(j, mean)) / baseline, MIN_WEIGHT) for j in present}
        votes: FloatArray = np.array(
            [
                [
                    m * float(machine[i, k])
                    + sum(w[j] * (rate if z == k else (1 - rate) / (K - 1)) for j, z in of_item[i].items())
                    for k in range(K)
                ]
                for i in range(N)
            ]
        )
        before, consensus = consensus, votes.argmax(axis=1).tolist()
    new = float(np.mean(list(w.values())))
    return [1 - (votes[i, before[i]] + new / K) / (m + sum(w[j] for j in of_item[i]) + new) for i in range(N)]


@settings(max_examples=60)
@given(seed=st.integers(0, 9999), n_classes=st.integers(2, 4), share=st.sampled_from([0.2, 0.6]))
def test_item_by_item(seed: int, n_classes: int, share: float) -> None:
    """Ties, silent annotators, annotators worse than chance and a machine that is, too."""
    rng = np.random.default_rng(seed)
    N, J = 12, 5
    asked = np.argwhere(rng.random((N, J)) < share)
    said = [(0, 0, 0), (0, 1, int(rng.integers(n_classes)))]
    said += [(int(i), int(j), int(rng.integers(n_classes))) for i, j in asked if (i, j) not in ((0, 0), (0, 1))]
    machine = rng.dirichlet(np.ones(n_classes), size=N).astype(np.float32)
    found = active_lab(annotations(said, N, J, n_classes), machine)
    np.testing.assert_allclose(found, one_by_one(said, machine), atol=1e-9)
    assert ((found >= 0) & (found < 1)).all()
