"""`askless plan`: what an accuracy will cost, before anybody has answered."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_simulation import configure, write_folder
from typer.testing import CliRunner

from askless.cli import app
from askless.errors import AsklessError
from askless.simulate.pseudo import fill_up, write_pseudo_data
from askless.simulate.sources import load
from askless.simulate.sweep import Standing, State

pytestmark = pytest.mark.slow

QUICK = ["--skill", "0.95", "--annotators", "5", "--prototypes", "2", "--target-accuracy", "0.7", "--jobs", "1"]


def plan(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["plan", *map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def write_features(folder: Path, n_items: int = 120, n_classes: int = 3) -> Path:
    write_folder(folder, n_items, n_classes)
    (folder / "labels.npy").unlink()
    return folder


def test_labelled_data_are_their_own_truth(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", n_items=120)
    to = tmp_path / "plan"
    (row,) = json.loads(plan(data, *QUICK, "--out", to, "--json"))
    assert row["features"] == "data"
    assert row["promises_kept"] == "1 of 1"
    assert row["accuracy"] >= 0.7
    assert row["answers_in_all"] == pytest.approx(row["answers_per_image"] * 120 + row["audits"], abs=1)
    page = (to / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    text = plan(data, *QUICK, "--out", to)  # what is there is not run again
    assert "known labels" in text
    assert f"Curves: {to / 'report.html'}" in text


def test_features_alone_get_a_made_up_truth(tmp_path: Path) -> None:
    data = write_features(tmp_path / "data")
    settings = [*QUICK, "--classes", 3, "--machine-accuracy", "0.8,1", "--max-items", 60, "--seed", "0,1", "--out"]
    rows = json.loads(plan(data, *settings, tmp_path / "plan", "--json"))
    assert [row["features"] for row in rows] == ["machine-0.8", "machine-1"]
    assert all(row["promises_kept"].endswith("of 2") for row in rows)
    assert "made up" in plan(data, *settings, tmp_path / "plan")


def test_pseudo_truth_is_as_hard_as_was_said(tmp_path: Path) -> None:
    features = write_features(tmp_path / "data", n_items=300) / "features.npy"
    easy, hard = (
        load(
            configure(
                write_pseudo_data(features, 3, accuracy, 200, tmp_path / str(accuracy), seed=1),
                "n_prototypes_per_class=0",
            )
        )
        for accuracy in (1.0, 0.75)
    )
    assert easy.dataset.n_items == hard.dataset.n_items == 200
    np.testing.assert_array_equal(easy.features.values, hard.features.values)
    assert (easy.truth != hard.truth).sum() == 50


def test_few_images_in_uneven_clusters_are_planned_with_as_many_prototypes_as_there_can_be(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    values = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    values[0], values[1] = 50, -60  # two images that are clusters of their own
    np.save(data / "features.npy", values)
    settings = ["--skill", "0.8", "--annotators", 5, "--classes", 5, "--machine-accuracy", "0.8", "--jobs", 1, "--json"]
    rows = json.loads(plan(data, *settings, "--out", tmp_path / "plan"))
    assert [row["prototypes"] for row in rows] == [3, 4]


def test_a_labelled_class_of_few_images_bounds_the_prototypes(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", n_items=60)
    labels = np.load(data / "labels.npy")
    labels[labels == 2] = 1
    labels[:2] = 2
    np.save(data / "labels.npy", labels)
    (row,) = json.loads(plan(data, *QUICK, "--out", tmp_path / "plan", "--json"))
    assert row["prototypes"] == 1


def test_a_failure_of_a_simulation_is_told_without_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(variants: list[Any], *_: Any, **__: Any) -> list[Standing]:
        return [Standing(variants[0], tmp_path, State.FAILED, error="No space is left.")]

    monkeypatch.setattr("askless.cli.plan.sweep", fail)
    with pytest.raises(AsklessError, match=r"^A campaign that the plan simulated failed: No space is left\.$"):
        plan(write_folder(tmp_path / "data"), *QUICK, "--out", tmp_path / "plan")


@given(st.data(), st.integers(1, 5), st.integers(1, 4))
def test_every_made_up_class_is_filled_up_and_no_more_moves_than_must(
    data: st.DataObject, n_classes: int, n_fewest: int
) -> None:
    n = data.draw(st.integers(n_classes * n_fewest, 40))
    truth = np.array(data.draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)))
    distance = np.random.default_rng(n).random((n, n_classes))
    filled = fill_up(truth, distance, n_fewest)
    size = np.bincount(truth, minlength=n_classes)
    assert np.bincount(filled, minlength=n_classes).min() >= n_fewest
    assert (filled != truth).sum() == np.maximum(n_fewest - size, 0).sum()


def test_many_classes_are_drawn_ten_images_each(tmp_path: Path) -> None:
    features = write_features(tmp_path / "data", n_items=200) / "features.npy"
    made = write_pseudo_data(features, 12, 1.0, 50, tmp_path / "made", seed=0)
    labels = np.load(made / "labels.npy")
    assert len(labels) == 120
    assert np.bincount(labels, minlength=12).min() >= 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere has no features.npy; make it by `askless embed nowhere`"),
        (["DATA"], "has no labels, so say how many classes there are: --classes N."),
        (["DATA", "--classes", "3", "--machine-accuracy", "1.5"], "--machine-accuracy '1.5' does not fit"),
        (["DATA", "--classes", "3", "--machine-accuracy", "good"], "--machine-accuracy 'good' does not fit"),
        (["DATA", "--classes", "40"], "has 120 items for 40 classes; a plan needs ten a class"),
        (
            ["DATA", "--classes", "3", "--prototypes", "3,many"],
            "--prototypes '3,many' does not fit: give whole numbers",
        ),
    ],
)
def test_what_cannot_be_planned(tmp_path: Path, arguments: list[str], message: str) -> None:
    data = write_features(tmp_path / "data")
    given: list[Any] = [str(data) if argument == "DATA" else argument for argument in arguments]
    with pytest.raises(AsklessError) as caught:
        plan(*given, "--out", tmp_path / "plan")
    assert message in str(caught.value)
