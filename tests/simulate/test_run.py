"""A simulation and its folder."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_simulation import PRESETS, configure, write_folder

from askless import __version__
from askless.errors import AsklessError, ConfigError, DataError, StoreError
from askless.settings import SimulationConfig
from askless.simulate import run
from askless.simulate.experiment import Row
from askless.simulate.folder import alone
from askless.simulate.run import read_config, simulate
from killing import Killed, killed_at
from small_campaign import read_file

pytestmark = pytest.mark.slow

FILES = [
    ".lock",
    "config.toml",
    "evaluation.npz",
    "labels.csv",
    "log.db",
    "metrics.csv",
    "riskiest.json",
    "summary.json",
]
SUMMARY = [
    "method",
    "dataset",
    "simulation",
    "seed",
    "n_items",
    "n_prototypes",
    "n_classes",
    "n_annotators",
    "n_annotations",
    "annotations_per_item",
    "accuracy",
    "finished_share",
    "finished_accuracy",
    "ece",
    "seconds",
    "stopped_because",
    "reached",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("source") / "small")


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing befell."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    simulate(configure(small, "learner_method=ds_model"), folder)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "a run"


def metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [{name: text for name, text in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_what_a_run_leaves(small: Path, out: Path) -> None:
    config = configure(small, "learner_method=improved_lean", "seed=4")
    rows: list[Row] = []
    summary = simulate(config, out, on_round=rows.append)
    assert sorted(file.name for file in out.iterdir() if "estimate" not in file.name) == FILES
    assert read_config(out) == config

    assert list(summary) == SUMMARY
    stored = json.loads((out / "summary.json").read_text())
    assert stored.pop("versions").keys() == {"python", *run.LIBRARIES}
    assert stored == summary
    assert (summary["method"], summary["dataset"], summary["simulation"]) == ("improved_lean", "small", "uniform")
    assert (summary["seed"], summary["n_items"], summary["n_prototypes"]) == (4, 39, 9)
    assert (summary["n_classes"], summary["n_annotators"]) == (3, 7)

    last = metrics(out)[-1]
    assert len(metrics(out)) == len(rows)
    assert summary["n_annotations"] == int(last["n_annotations"])
    assert summary["annotations_per_item"] == summary["n_annotations"] / 39
    assert summary["accuracy"] == float(last["posterior_all_top1"])
    assert summary["finished_share"] == float(last["finished_share"])
    assert summary["finished_accuracy"] == float(last["finished_accuracy"])
    assert summary["ece"] == float(last["posterior_all_ece"])
    assert summary["seconds"] == rows[-1]["seconds"] > 0
    assert summary["stopped_because"] == "finished"
    assert list(summary["reached"]) == ["0.80", "0.85", "0.90", "0.95"]

    truth = np.arange(48) % 3
    with (out / "labels.csv").open(newline="") as file:
        labels = list(csv.DictReader(file))
    is_known = np.array([row["status"] == "known" for row in labels])
    is_right = np.array([int(row["label"]) for row in labels]) == truth
    assert is_known.sum() == 9
    assert is_right[is_known].all()
    assert is_right[~is_known].mean() == pytest.approx(summary["accuracy"])
    assert sum(int(row["annotations"]) for row in labels) == summary["n_annotations"]

    with np.load(out / "evaluation.npz") as stored:
        shapes = {name: stored[name].shape for name in stored}
        assert (stored["truth"] == truth[~is_known]).all()
        assert (stored["posterior"].argmax(axis=1) == stored["truth"]).mean() == pytest.approx(summary["accuracy"])
        assert stored["annotator_count"].sum() == stored["n_annotations"].sum() == summary["n_annotations"]
        for name in ("confusion_true", "confusion_estimated"):
            np.testing.assert_allclose(stored[name].sum(axis=1), 1)
        assert stored["annotator"][0] == "annotator-00"
    assert shapes == {
        "classes": (3,),
        "truth": (39,),
        "posterior": (39, 3),
        "machine": (39, 3),
        "n_annotations": (39,),
        "annotator": (7,),
        "skill_true": (7,),
        "skill_estimated": (7,),
        "annotator_count": (7,),
        "confusion_true": (3, 3),
        "confusion_estimated": (3, 3),
    }
    riskiest = json.loads((out / "riskiest.json").read_text())
    assert len(riskiest) == run.N_RISKIEST
    by_item = {row["item"]: row for row in labels}
    for entry in riskiest:
        row = by_item[entry["item"]]
        assert (entry["label"], entry["annotations"]) == (row["label"], int(row["annotations"]))
        assert entry["probability"] == pytest.approx(float(row["probability"]), abs=1e-6)
        assert sum(entry["votes"].values()) == entry["annotations"]
        assert entry["image"] is None
    assert [entry["probability"] for entry in riskiest] == sorted(entry["probability"] for entry in riskiest)


@pytest.mark.parametrize("preset", PRESETS)
def test_in_memory_equals_on_disk(small: Path, out: Path, preset: str) -> None:
    config = configure(small, f"learner_method={preset}")
    rows: list[Row] = []
    in_memory, on_disk = simulate(config, on_round=rows.append), simulate(config, out)
    assert in_memory | {"seconds": 0} == on_disk | {"seconds": 0}
    assert [{k: "" if v is None else str(v) for k, v in row.items() if k != "seconds"} for row in rows] == metrics(out)


def test_images_go_into_the_riskiest(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    (folder / "images.txt").write_text("\n".join(f"{i}.png" for i in range(48)))
    simulate(configure(folder, "learner_method=ds_model"), tmp_path / "run")
    for entry in json.loads((tmp_path / "run" / "riskiest.json").read_text()):
        assert entry["image"] == str(folder / entry["item"])


class TestFolders:
    def test_an_existing_one_is_not_touched(self, small: Path, out: Path) -> None:
        out.mkdir(parents=True)
        with pytest.raises(ConfigError, match=r"a run exists; go on with it by --resume, or choose another by --out"):
            simulate(configure(small), out)
        assert list(out.iterdir()) == []

    def test_no_run_to_resume(self, small: Path, out: Path) -> None:
        with pytest.raises(ConfigError, match=r"is no run folder \(No such file or directory: config.toml\)"):
            simulate(configure(small), out, resume=True)
        assert not out.exists()

    @pytest.mark.parametrize("content", ["seed = ", "\udcff"])
    def test_a_damaged_configuration(self, out: Path, content: str) -> None:
        out.mkdir(parents=True)
        (out / "config.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(ConfigError, match=r"config.toml is (damaged|not as it was written)"):
            read_config(out)

    def test_resuming_with_other_settings(self, small: Path, out: Path) -> None:
        simulate(configure(small, "learner_method=ds_model"), out)
        before = {file: file.read_bytes() for file in out.iterdir() if file.is_file()}
        for other, sentence in (("seed=5", r"has seed=123, not 5"), ("crowd.skill=0.6", r"has crowd=.*skill=0.75")):
            with pytest.raises(ConfigError, match=rf"{sentence}.*; resume it with the same settings"):
                simulate(configure(small, "learner_method=ds_model", other), out, resume=True)
        assert {file: file.read_bytes() for file in out.iterdir() if file.is_file()} == before

    def test_settings_changed_on_disk_are_noticed(self, small: Path, out: Path) -> None:
        config = configure(small, "learner_method=ds_model")
        simulate(config, out)
        file = out / "config.toml"
        for changed in (file.read_text().replace("seed = 123", "seed = 7"), ""):
            file.write_text(changed)
            with pytest.raises(ConfigError, match=r"is not as it was written; a run keeps its settings"):
                read_config(out)

    def test_one_process_at_a_time(self, small: Path, out: Path) -> None:
        config = configure(small, "learner_method=ds_model")
        simulate(config, out)
        with alone(out), pytest.raises(ConfigError, match=r"Another process is at work in"):
            simulate(config, out, resume=True)

    def test_resuming_with_other_features(self, tmp_path: Path, out: Path) -> None:
        folder = write_folder(tmp_path / "small")
        config = configure(folder, "learner_method=ds_model")
        simulate(config, out)
        np.save(folder / "features.npy", np.load(folder / "features.npy") * 2)
        with pytest.raises(DataError, match=r"not those the campaign was made with"):
            simulate(config, out, resume=True)
        assert sorted(file.name for file in out.iterdir() if "estimate" not in file.name) == FILES

    def test_resuming_what_is_over_changes_nothing(self, small: Path, out: Path) -> None:
        config = configure(small, "learner_method=ds_model")
        summary = simulate(config, out)
        before = {name: (out / name).read_bytes() for name in FILES if name not in ("log.db", "evaluation.npz")}
        entries = read_file(out / "log.db")
        rows: list[Row] = []
        assert simulate(config, out, resume=True, on_round=rows.append) == summary
        assert rows == []
        assert {name: (out / name).read_bytes() for name in before} == before
        assert read_file(out / "log.db") == entries

    @pytest.mark.parametrize(
        ("settings", "error"),
        [
            (["learner.calibrate=temperature", "n_prototypes_per_class=0"], ConfigError),
            (["n_prototypes_per_class=16"], DataError),
            (["crowd.spread=0.49", "simulation=structured_noise"], ConfigError),
        ],
    )
    def test_nothing_is_left_where_nothing_could_begin(
        self, small: Path, out: Path, settings: list[str], error: type[AsklessError]
    ) -> None:
        with pytest.raises(error):
            simulate(configure(small, *settings), out)
        assert not out.exists()

    def test_a_folder_to_resume_survives_an_error(self, small: Path, out: Path) -> None:
        config = configure(small, "learner_method=ds_model")
        simulate(config, out)
        (out / "log.db").write_bytes(b"")
        with pytest.raises(StoreError, match=r"is no log of askless"):
            simulate(config, out, resume=True)
        assert (out / "summary.json").exists()

    def test_killed_before_there_was_a_log(self, small: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = configure(small, "learner_method=ds_model")

        def die(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(run, "_open_or_create", die)
            with pytest.raises(Killed):
                simulate(config, out)
        assert simulate(config, out, resume=True)["stopped_because"] == "finished"


class TestMetrics:
    @pytest.fixture
    def config(self, small: Path) -> SimulationConfig:
        return configure(small, "learner_method=ds_model")

    def kill(self, config: SimulationConfig, out: Path, n_rows: int) -> None:
        def die(row: Row) -> None:
            if row["round"] == n_rows:
                raise Killed

        with pytest.raises(Killed):
            simulate(config, out, on_round=die)
        assert len(metrics(out)) == n_rows

    @pytest.mark.parametrize("n_rows", [0, 1, 3])
    def test_killed_before_a_row_is_written(
        self, config: SimulationConfig, whole: Path, out: Path, n_rows: int
    ) -> None:
        self.kill(config, out, n_rows)
        rows: list[Row] = []
        summary = simulate(config, out, resume=True, on_round=rows.append)
        assert rows[0]["round"] == n_rows
        assert metrics(out) == metrics(whole)
        assert summary["reached"] == json.loads((whole / "summary.json").read_text())["reached"]

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
    def test_the_last_row_cut_at_any_byte(self, config: SimulationConfig, whole: Path, out: Path, share: float) -> None:
        self.kill(config, out, 2)
        content = (whole / "metrics.csv").read_bytes().splitlines(keepends=True)
        last = content[3]
        (out / "metrics.csv").write_bytes(b"".join(content[:3]) + last[: int(len(last) * share)])
        simulate(config, out, resume=True)
        assert metrics(out) == metrics(whole)

    def test_the_header_cut_at_any_byte(self, config: SimulationConfig, whole: Path, out: Path) -> None:
        self.kill(config, out, 0)
        (out / "metrics.csv").write_bytes((whole / "metrics.csv").read_bytes()[:20])
        simulate(config, out, resume=True)
        assert metrics(out) == metrics(whole)

    def test_seconds_go_on(self, config: SimulationConfig, out: Path) -> None:
        self.kill(config, out, 2)
        file = out / "metrics.csv"
        lines = file.read_text().splitlines()
        lines[-1] = lines[-1].rpartition(",")[0] + ",1000.5"
        file.write_text("\n".join(lines) + "\n")
        assert 1000.5 <= simulate(config, out, resume=True)["seconds"] < 1030

    def test_rows_that_are_missing(self, config: SimulationConfig, out: Path) -> None:
        simulate(config, out)
        file = out / "metrics.csv"
        lines = file.read_text().splitlines(keepends=True)
        cut = "".join(lines[:3])
        file.write_text(cut)
        with pytest.raises(DataError, match=r"has 2 whole rows for \d+ refreshes; rows were cut off, so run anew"):
            simulate(config, out, resume=True)
        assert file.read_text() == cut

    def test_more_rows_than_refreshes(self, config: SimulationConfig, whole: Path, out: Path) -> None:
        self.kill(config, out, 2)
        lines = (whole / "metrics.csv").read_bytes().splitlines(keepends=True)
        (out / "metrics.csv").write_bytes(b"".join([*lines[:4], lines[1]]))
        simulate(config, out, resume=True)
        assert metrics(out) == metrics(whole)

    def test_a_kill_while_rows_are_put_in_order_loses_none(
        self, config: SimulationConfig, whole: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.kill(config, out, 3)

        def die(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(run.os, "replace", die)
            with pytest.raises(Killed):
                run._write_rows(out / "metrics.csv", [])
        simulate(config, out, resume=True)
        assert metrics(out) == metrics(whole)


class TestUnusual:
    """Valid all the same: it runs to its end, and what it writes can be read."""

    def run(self, folder: Path, out: Path, *overrides: str) -> dict[str, Any]:
        summary = simulate(configure(folder, *overrides), out)
        assert json.loads((out / "summary.json").read_text())["n_annotations"] == summary["n_annotations"]
        with np.load(out / "evaluation.npz") as stored:
            for name in ("posterior", "skill_estimated", "confusion_estimated"):
                assert np.isfinite(stored[name]).all()
            np.testing.assert_allclose(stored["posterior"].sum(axis=1), 1, rtol=1e-5)
        return summary

    @pytest.mark.parametrize("preset", PRESETS)
    def test_items_that_nobody_annotated(self, small: Path, out: Path, preset: str) -> None:
        summary = self.run(small, out, f"learner_method={preset}", "budget=2", "max_risk=0.01")
        assert summary["n_annotations"] == 2
        assert summary["stopped_because"] == "budget"

    def test_an_annotator_with_one_answer(self, small: Path, out: Path) -> None:
        self.run(small, out, "learner_method=ds_model", "budget=7", "batch_size=6", "n_batches=2")
        with np.load(out / "evaluation.npz") as stored:
            assert sorted(stored["annotator_count"].tolist()) == [0] * 5 + [1, 6]

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_class_without_items(self, tmp_path: Path, out: Path, preset: str) -> None:
        folder = write_folder(tmp_path / "small", n_classes=2)
        (folder / "class_names.json").write_text('["a", "b", "never seen"]')
        validation = [] if preset in ("majority_vote", "ds_model") else ["learner.prototype_as_val=false"]
        folds = ["learner.calibrate=cv_3"] if validation else []
        summary = self.run(folder, out, f"learner_method={preset}", "n_prototypes_per_class=0", *validation, *folds)
        assert summary["n_classes"] == 3
        assert summary["accuracy"] > 0.6

    def test_a_class_without_items_has_no_prototypes(self, tmp_path: Path, out: Path) -> None:
        folder = write_folder(tmp_path / "small", n_classes=2)
        (folder / "class_names.json").write_text('["a", "b", "never seen"]')
        with pytest.raises(DataError, match=r"No item has the label of class 'never seen'"):
            self.run(folder, out)

    @pytest.mark.parametrize("preset", PRESETS)
    def test_two_classes(self, tmp_path: Path, out: Path, preset: str) -> None:
        summary = self.run(write_folder(tmp_path / "small", n_classes=2), out, f"learner_method={preset}")
        assert summary["n_classes"] == 2
        assert summary["accuracy"] > 0.6

    @pytest.mark.parametrize("preset", ["lean", "improved_lean", "efficient_annotation"])
    def test_one_prototype_per_class(self, small: Path, out: Path, preset: str) -> None:
        summary = self.run(small, out, f"learner_method={preset}", "n_prototypes_per_class=1")
        assert summary["n_prototypes"] == 3

    @pytest.mark.parametrize("preset", ["lean", "ds_model", "majority_vote"])
    def test_no_prototypes(self, small: Path, out: Path, preset: str) -> None:
        summary = self.run(small, out, f"learner_method={preset}", "n_prototypes_per_class=0")
        assert (summary["n_prototypes"], summary["n_items"]) == (0, 48)

    @pytest.mark.parametrize("preset", PRESETS)
    def test_fewer_items_than_a_batch(self, small: Path, out: Path, preset: str) -> None:
        summary = self.run(small, out, f"learner_method={preset}", "batch_size=1000", "max_risk=0.01")
        assert summary["n_annotations"] >= 39

    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.parametrize("sampler", ["random", "greedy_task_assignment"])
    def test_one_annotator(self, small: Path, out: Path, preset: str, sampler: str) -> None:
        overrides = [f"learner_method={preset}", "crowd.n_annotators=1", "max_risk=0.001", f"sampler.algo={sampler}"]
        summary = self.run(small, out, *overrides)
        assert summary["n_annotations"] <= 39
        assert summary["stopped_because"] in ("no_annotator", "finished")

    @pytest.mark.parametrize("kind", ["homogeneous", "heterogeneous_perfect"])
    def test_oracle_priors(self, small: Path, out: Path, kind: str) -> None:
        summary = self.run(small, out, "learner_method=ds_model", f"prior.kind={kind}")
        assert summary["accuracy"] > 0.7


def test_versions_name_this_one() -> None:
    assert run._versions()["askless"] == __version__


def test_killed_at_is_no_kill_without_a_write(small: Path) -> None:
    """The tool of `test_resume.py` itself."""
    with killed_at(10_000, is_committed=True):
        simulate(configure(small, "learner_method=ds_model"))
