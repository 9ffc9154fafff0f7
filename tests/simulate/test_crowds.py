"""Crowds and their answers."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_crowd import SEEDS, a_crowd, a_source, assert_distributions, labels

from askless.errors import DataError
from askless.settings import CrowdKind, CrowdSettings, PriorKind, PriorSettings, SimulationConfig
from askless.simulate import crowds, drawn
from askless.simulate.crowds import make_crowd
from askless.simulate.drawn import ConfusionCrowd
from askless.types import Answer, Batch, FloatArray


def test_names_sort_by_index() -> None:
    assert crowds.annotator_names(2) == ("annotator-00", "annotator-01")
    assert crowds.annotator_names(101)[99:] == ("annotator-099", "annotator-100")
    assert list(crowds.annotator_names(120)) == sorted(crowds.annotator_names(120))


def test_everyone_is_available() -> None:
    assert a_crowd().available() == ("annotator-00", "annotator-01", "annotator-02")


def test_skill_is_the_mean_right_rate() -> None:
    crowd = a_crowd()
    np.testing.assert_allclose(crowd.skill, [np.diag(matrix).mean() for matrix in crowd.confusion])


@given(items=st.lists(st.integers(0, 49), unique=True, min_size=1), seed=SEEDS)
def test_a_label_depends_on_annotator_and_item_only(items: list[int], seed: int) -> None:
    crowd = a_crowd(n_items=50, seed=seed)
    together = labels(crowd, "annotator-01", list(range(50)))
    crowd.answer(Batch(0, "annotator-00", (1, 2), 0.0))
    assert labels(crowd, "annotator-01", items) == [together[item] for item in items]
    assert labels(a_crowd(n_items=50, seed=seed), "annotator-01", items) == [together[item] for item in items]


def test_people_and_seeds_differ() -> None:
    items = list(range(200))
    crowd = a_crowd(seed=1)
    said = [labels(crowd, name, items) for name in crowd.names]
    assert len({tuple(row) for row in said}) == 3
    other = ConfusionCrowd(crowd.names, crowd.confusion, crowd.truth, 2, crowd.population_counts)
    assert labels(other, "annotator-00", items) != said[0]


def test_answers_follow_the_confusion() -> None:
    crowd = a_crowd(n_items=40_000)
    for j, name in enumerate(crowd.names):
        said = np.array(labels(crowd, name, list(range(40_000))))
        for y in range(4):
            counts = np.bincount(said[crowd.truth == y], minlength=4)
            expected = counts.sum() * crowd.confusion[j, y]
            chi_square = ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum()
            assert chi_square < 16.3  # 0.001 of chi-square with 3 degrees of freedom


def test_answers_are_plain_values() -> None:
    (answer,) = a_crowd().answer(Batch(3, "annotator-00", (7,), 0.0))
    assert answer == Answer(7, answer.label)
    assert type(answer.item) is int
    assert type(answer.label) is int
    assert a_crowd().answer(Batch(3, "annotator-00", (), 0.0)) == []


def test_impossible_labels_are_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    class Extreme:
        def __init__(self, value: float) -> None:
            self.value = value

        def random(self, n: int) -> FloatArray:
            return np.full(n, self.value)

    row = np.array([0.0, 0.1, 0.2, 0.3, 0.4 - 1e-13, 0.0])
    crowd = ConfusionCrowd(("a",), np.tile(row, (1, 6, 1)), np.arange(6), 0, np.eye(6))
    for value, label in ((0.0, 1), (np.nextafter(1.0, 0.0), 4)):
        monkeypatch.setattr(drawn, "generator", lambda *_, value=value: Extreme(value))
        assert labels(crowd, "a", [0, 5]) == [label, label]


def test_strange_batches_are_refused() -> None:
    with pytest.raises(DataError, match="no annotator 'bob'; this crowd has annotator-00 to annotator-02"):
        a_crowd().answer(Batch(0, "bob", (1,), 0.0))
    for item in (-1, 4000):
        with pytest.raises(DataError, match=f"Batch 9 asks for items .*{item}.*; this crowd knows 0 to 3999"):
            a_crowd().answer(Batch(9, "annotator-00", (item,), 0.0))


def test_a_crowd_that_does_not_fit_is_refused() -> None:
    eye = np.eye(2)[None]
    with pytest.raises(DataError, match=r"2 annotators need confusions .*not \(1, 2, 2\) and \(2, 2\)"):
        ConfusionCrowd(("a", "b"), eye, np.array([0, 1]), 0, eye[0])
    with pytest.raises(DataError, match=r"not \(1, 2, 2\) and \(3, 3\)"):
        ConfusionCrowd(("a",), eye, np.array([0, 1]), 0, np.eye(3))
    with pytest.raises(DataError, match="Each row of a confusion must be a distribution"):
        ConfusionCrowd(("a",), eye * 0.9, np.array([0, 1]), 0, eye[0])
    with pytest.raises(DataError, match="truth has a class outside 0 to 1"):
        ConfusionCrowd(("a",), eye, np.array([0, 2]), 0, eye[0])


@pytest.mark.parametrize("kind", ["perfect", "uniform", "structured_noise"])
def test_made_crowds_without_real_people(kind: CrowdKind) -> None:
    settings = CrowdSettings(kind=kind, n_annotators=12, skill=0.6, spread=0.05)
    source = a_source(("a", "b", "c"))
    crowd = make_crowd(SimulationConfig(crowd=settings, seed=4), source)
    assert crowd.names[-1] == "annotator-11"
    assert crowd.seed == 4
    assert_distributions(crowd.confusion)
    assert crowd.skill.mean() == pytest.approx(1 if kind == "perfect" else 0.6, abs=0.06)
    np.testing.assert_allclose(crowd.population_counts, crowd.confusion.mean(axis=0))
    assert crowd.truth is source.truth


def test_priors_know_this_crowd() -> None:
    crowd = a_crowd()
    for kind in get_args(PriorKind):
        counts = crowds.prior_counts(PriorSettings(kind=kind, strength=10), crowd)
        assert counts.shape == ((3, 4, 4) if kind.startswith("heterogeneous") else (4, 4))
    np.testing.assert_allclose(
        crowds.prior_counts(PriorSettings(kind="heterogeneous_perfect"), crowd), 10 * crowd.confusion
    )
    np.testing.assert_allclose(
        crowds.prior_counts(PriorSettings(kind="homogeneous_perfect"), crowd), 10 * crowd.confusion.mean(axis=0)
    )
