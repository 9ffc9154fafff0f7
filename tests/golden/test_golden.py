"""Fixed-seed trajectories, kept in this folder and made by `make.py`."""

import csv

import pytest
from make import COLUMNS, FOLDER, trajectory

from askless.config import preset_names


def golden(method: str) -> list[dict[str, float]]:
    with (FOLDER / f"{method}.csv").open(newline="") as file:
        return [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]


def test_there_is_one_for_each_method() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.csv")) == preset_names("learner_method")
    for method in preset_names("learner_method"):
        assert list(golden(method)[0]) == list(COLUMNS)
        assert len(golden(method)) >= 5


@pytest.mark.parametrize("method", ["majority_vote", "ds_model"])
def test_without_a_learner_counts_are_exact(method: str) -> None:
    now, then = trajectory(method), golden(method)
    for name in ("round", "n_annotations", "n_confident"):
        assert [row[name] for row in now] == [row[name] for row in then]
    for name in ("mean_risk", "accuracy"):
        assert [row[name] for row in now] == pytest.approx([row[name] for row in then], abs=1e-6)


@pytest.mark.parametrize("method", ["lean", "improved_lean", "efficient_annotation", "askless"])
def test_with_a_learner_it_comes_close(method: str) -> None:
    """BLAS differs between machines, and one item that is asked about earlier changes all that follows: so 1 % at
    the first refresh, where nothing has been chosen yet, then 10 % of the items, and 0.03 of accuracy at the end."""
    now, then = trajectory(method), golden(method)
    assert now[0]["n_annotations"] == then[0]["n_annotations"] == 0
    assert now[0]["n_confident"] == pytest.approx(then[0]["n_confident"], abs=3)
    for name in ("mean_risk", "accuracy"):
        assert now[0][name] == pytest.approx(then[0][name], abs=0.01)
    for ours, theirs in zip(now, then, strict=False):
        assert ours["n_annotations"] == pytest.approx(theirs["n_annotations"], abs=30)
        assert ours["n_confident"] == pytest.approx(theirs["n_confident"], abs=30)
        assert ours["mean_risk"] == pytest.approx(theirs["mean_risk"], abs=0.05)
    assert now[-1]["accuracy"] == pytest.approx(then[-1]["accuracy"], abs=0.03)
    assert now[-1]["n_annotations"] == pytest.approx(then[-1]["n_annotations"], abs=30)
