"""Trusted people beside a simulated crowd, and a simulation that keeps a promise."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_simulation import configure, write_folder

from askless.simulate.auditors import AuditedCrowd
from askless.simulate.crowds import make_crowd
from askless.simulate.run import simulate
from askless.simulate.sources import load
from askless.types import Batch

PROMISE = ["learner_method=ds_model", "promise.target_accuracy=0.7"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("source") / "small", n_items=90)


def test_auditors_are_added_to_a_crowd_that_stays_the_same(small: Path) -> None:
    config = configure(small, *PROMISE, 'promise.auditors=["eve","fay"]', "promise.auditor_accuracy=0.9")
    source = load(config)
    plain, crowd = make_crowd(configure(small), source), make_crowd(config, source)
    assert isinstance(crowd, AuditedCrowd)
    assert crowd.names == crowd.available() == (*plain.names, "eve", "fay")
    items = tuple(range(90))
    assert crowd.answer(Batch(1, plain.names[0], items, 0)) == plain.answer(Batch(1, plain.names[0], items, 0))
    assert crowd.confusion.shape == (9, 3, 3)
    np.testing.assert_allclose(np.diagonal(crowd.confusion[-1]), 0.9)
    np.testing.assert_allclose(crowd.skill[-2:], 0.9)
    np.testing.assert_array_equal(crowd.population_counts, plain.population_counts)
    assert crowd.askable is None
    said = [answer.label for answer in crowd.answer(Batch(1, "eve", items, 0))]
    assert 0.75 < np.mean(said == source.truth) < 1


def test_members_of_the_crowd_may_be_auditors(small: Path) -> None:
    config = configure(small, *PROMISE, 'promise.auditors=["annotator-00"]')
    assert not isinstance(make_crowd(config, load(config)), AuditedCrowd)


@pytest.mark.slow
def test_a_simulation_shows_the_interval_and_keeps_its_promise(small: Path, tmp_path: Path) -> None:
    rows = []
    summary = simulate(configure(small, *PROMISE), tmp_path / "run", on_round=rows.append)
    assert summary["stopped_because"] == "promise_kept"
    assert summary["accuracy"] >= 0.7
    assert summary["accuracy_low"] >= 0.7
    assert summary["n_audited"] == rows[-1]["n_audited"] > 10
    assert rows[0]["accuracy_low"] == 0
    assert rows[0]["accuracy_high"] == 1
    assert [row["round"] for row in rows] == list(range(len(rows)))
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["n_audited"] == summary["n_audited"]
    assert simulate(configure(small, *PROMISE), tmp_path / "run", resume=True)["accuracy"] == summary["accuracy"]
