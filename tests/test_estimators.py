"""DawidSkene and MajorityVote on plain tables."""

from pathlib import Path

import numpy as np
import pytest

import askless
from askless.config import preset
from askless.data.table import read_truth
from askless.estimators import METHODS, DawidSkene, MajorityVote
from askless.metrics import score
from askless.settings import PriorSettings

TABLE = [
    ("x", "ann", "dog"), ("x", "bob", "dog"), ("x", "eve", "cat"),
    ("y", "ann", "cat"), ("y", "bob", "cat"), ("y", "eve", "dog"),
    ("z", "ann", "dog"), ("z", "eve", "cat"),
]  # fmt: skip


def crowd(n_items: int = 400, seed: int = 0) -> tuple[dict[str, list[str]], dict[str, str], dict[str, float]]:
    """5 of 20 annotators label each item; nine of ten items are "cat"; skills from 0.55 to 0.95."""
    rng = np.random.default_rng(seed)
    skill = np.linspace(0.55, 0.95, 20)
    truth = np.where(rng.random(n_items) < 0.9, "cat", "dog")
    item = np.repeat(np.arange(n_items), 5)
    annotator = np.concatenate([rng.permutation(20)[:5] for _ in range(n_items)])
    other = np.where(truth == "cat", "dog", "cat")
    label = np.where(rng.random(len(item)) < skill[annotator], truth[item], other[item])
    table = {"task": [f"i{i}" for i in item], "worker": [f"w{j}" for j in annotator], "label": label.tolist()}
    return table, {f"i{i}": y for i, y in enumerate(truth)}, {f"w{j}": s for j, s in enumerate(skill)}


def test_majority_vote_by_hand() -> None:
    fitted = askless.MajorityVote().fit(TABLE)
    assert fitted.items_ == ("x", "y", "z")
    assert fitted.annotators_ == ("ann", "bob", "eve")
    assert fitted.classes_ == ("cat", "dog")
    assert fitted.labels_ == ("dog", "cat", "cat")
    np.testing.assert_allclose(fitted.posterior_, [[1 / 3, 2 / 3], [2 / 3, 1 / 3], [1 / 2, 1 / 2]])
    assert fitted.n_annotations_.tolist() == [3, 2, 3]
    assert fitted.n_iter_ == 0
    assert fitted.skill_[1] > fitted.skill_[0] > fitted.skill_[2]
    # ann said dog of x and z, cat of y; the prior counts 4 right and 2 / K wrong ones
    said = np.array([[4 + 2 / 3, 1 + 1 / 3 + 1 / 2], [1 + 1 / 3, 4 + 2 / 3 + 1 / 2]])
    np.testing.assert_allclose(fitted.confusion_[0], said / said.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_aligned_probabilities(method: str) -> None:
    table, _, _ = crowd(60)
    fitted = METHODS[method]().fit(table)
    N, J, K = len(fitted.items_), len(fitted.annotators_), len(fitted.classes_)
    assert (N, J, K) == (60, 20, 2)
    assert fitted.posterior_.shape == (N, K)
    assert fitted.confusion_.shape == (J, K, K)
    assert fitted.skill_.shape == fitted.n_annotations_.shape == (J,)
    np.testing.assert_allclose(fitted.posterior_.sum(axis=1), 1)
    np.testing.assert_allclose(fitted.confusion_.sum(axis=2), 1)
    np.testing.assert_allclose(fitted.class_prior_.sum(), 1)
    assert fitted.labels_ == tuple(fitted.classes_[k] for k in fitted.posterior_.argmax(axis=1))


def test_dawid_skene_finds_out_who_is_good_and_what_is_rare() -> None:
    table, truth, skill = crowd(1000)
    fitted = DawidSkene().fit(table)
    baseline = MajorityVote().fit(table)
    accuracy, by_vote = (
        np.mean([truth[item] == label for item, label in zip(f.items_, f.labels_, strict=True)])
        for f in (fitted, baseline)
    )
    assert accuracy > by_vote + 0.03
    expected = [skill[name] for name in fitted.annotators_]
    np.testing.assert_allclose(fitted.skill_, expected, atol=0.07)
    np.testing.assert_allclose(fitted.class_prior_, [0.9, 0.1], atol=0.03)
    assert 2 < fitted.n_iter_ <= 100


def test_thin_annotators_are_not_believed_blindly() -> None:
    """2,500 people who give 4 labels each: without a prior Dawid-Skene loses to majority vote here."""
    rng = np.random.default_rng(0)
    N, J, K = 2000, 2500, 10
    truth = rng.integers(K, size=N)
    item, annotator = np.repeat(np.arange(N), 5), rng.permutation(np.arange(5 * N) % J)
    is_right = rng.random(5 * N) < np.clip(rng.normal(0.7, 0.15, J), 0, 1)[annotator]
    label = np.where(is_right, truth[item], rng.integers(K, size=5 * N))
    table = {"item": item, "annotator": annotator, "label": label}
    accuracy = {
        name: np.mean(np.array(method.fit(table).labels_) == truth)
        for name, method in {
            "vote": MajorityVote(),
            "default": DawidSkene(),
            "no prior": DawidSkene(prior=PriorSettings(strength=1e-6)),
        }.items()
    }
    assert accuracy["default"] > accuracy["vote"] - 0.005
    assert accuracy["default"] > accuracy["no prior"] + 0.05


def test_renaming_renames_and_the_order_of_rows_does_not_matter() -> None:
    table, _, _ = crowd(80)
    rows = list(zip(*table.values(), strict=True))
    fitted = DawidSkene().fit(rows)
    renamed = DawidSkene().fit([((1, i), f"~{j}", {"cat": 5, "dog": 6}[y]) for i, j, y in reversed(rows)])
    back = {item: row for (_, item), row in zip(renamed.items_, renamed.posterior_, strict=True)}
    assert renamed.classes_ == (5, 6)
    np.testing.assert_allclose([back[item] for item in fitted.items_], fitted.posterior_, atol=1e-9)


def test_ds_model_is_the_preset_of_the_paper() -> None:
    method = METHODS["ds_model"]()
    assert isinstance(method, DawidSkene)
    assert (method.aggregator, method.prior) == (preset("ds_model").aggregator, preset("ds_model").prior)


@pytest.mark.parametrize("method", METHODS)
def test_one_row_is_enough(method: str) -> None:
    fitted = METHODS[method]().fit([("x", "ann", "cat")])
    assert fitted.labels_ == ("cat",)
    assert fitted.posterior_.tolist() == [[1.0]]
    assert fitted.skill_.tolist() == [1.0]


def test_score_by_hand() -> None:
    labels = {"a": "cat", "b": "dog", "c": "dog", "d": "cat"}
    result = score(labels, {"cat", "dog"}, {"a": "cat", "b": "cat", "c": "emu", "e": "cat", "f": "emu"})
    assert (result.accuracy, result.n_scored, result.n_unknown_items, result.n_unknown_labels) == (1 / 3, 3, 2, 1)
    assert score(labels, {"cat"}, {"z": "cat"}).accuracy is None


CROWDKIT = {
    "dog": 0.8426, "music_genre": 0.7686, "rte": 0.9275, "weather_sentiment": 0.8400, "product": 0.9397,
    "cifar10s": 0.8880,
}  # fmt: skip
"""Accuracy of crowd-kit 1.4.2's DawidSkene(n_iter=100), as `benchmarks/aggregation.py` prints it."""


@pytest.mark.parametrize("name", CROWDKIT)
def test_real_crowds_are_no_worse_than_with_crowdkit(shared: Path, name: str) -> None:
    pytest.importorskip("pyarrow")
    from askless.data.table import read_annotations

    folder = shared / name if name == "cifar10s" else shared / "crowd" / name
    fitted = DawidSkene().fit(read_annotations(folder / "annotations.parquet"))
    labels = dict(zip(map(str, fitted.items_), map(str, fitted.labels_), strict=True))
    accuracy = score(labels, {str(c) for c in fitted.classes_}, read_truth(folder / "truth.parquet")).accuracy
    assert accuracy is not None
    assert accuracy >= CROWDKIT[name] - 0.005
