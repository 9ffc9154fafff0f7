"""The command line as a newcomer meets it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from askless import cli
from askless.cli import demo, simulate
from askless.config import describe_settings
from askless.errors import ConfigError
from pseudo_terminal import run_on_a_terminal

SMALL = ["n_data_per_class=15", "learner.max_epochs=20", "crowd.n_annotators=8", "batch_size=10", "n_batches=3"]


@dataclass
class Outcome:
    returncode: int
    stdout: str
    stderr: str


Askless = Callable[..., Outcome]


@pytest.fixture
def askless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Askless:
    """The command, run in this process in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["askless", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return run


def test_simulate_prints_one_json_object_and_leaves_a_run_folder(askless: Askless, tmp_path: Path) -> None:
    run = askless("simulate", *SMALL, "--out", tmp_path / "run", "--json")
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert {
        "method", "dataset", "simulation", "seed", "n_items", "n_classes", "n_annotators", "n_annotations",
        "annotations_per_item", "accuracy", "finished_share", "finished_accuracy", "ece", "seconds",
        "stopped_because", "reached",
    } <= summary.keys()  # fmt: skip
    assert set(summary["reached"]) == {"0.80", "0.85", "0.90", "0.95"}
    assert "round 0" in run.stderr
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.toml", "log.db", "metrics.csv", "labels.csv", "summary.json", "report.html"} <= files


def test_simulate_says_what_prototypes_alone_have_reached(askless: Askless) -> None:
    alone = askless("simulate", *SMALL, "learner_method=askless", "budget=1", "--out", "known")
    assert "0.00: reached by the 100 images labelled in advance (prototypes), which are not counted." in alone.stdout
    majority = askless("simulate", *SMALL, "learner_method=majority_vote", "budget=1", "--out", "counted")
    assert "labelled in advance" not in majority.stdout


@pytest.mark.parametrize(("settings", "outcome"), [([], "kept: audits"), (["budget=1"], "not kept: audits")])
def test_simulate_says_whether_the_promise_was_kept(askless: Askless, settings: list[str], outcome: str) -> None:
    run = askless("simulate", *SMALL, *settings, "learner_method=askless", "--target-accuracy", "0.7", "--out", "run")
    assert run.returncode == 0, run.stderr
    summary = json.loads(Path("run/summary.json").read_text())
    (line,) = (line for line in run.stdout.splitlines() if "promise" in line)
    assert line.startswith(f"The promise, 70 % right with 95 % confidence, was {outcome} prove ")
    proved = float(line.partition("prove ")[2].partition(" %")[0]) / 100
    assert proved == pytest.approx(summary["accuracy_low"], abs=0.001)
    assert proved <= summary["accuracy_low"] + 1e-12
    assert f" {summary['n_audited']:,} of the {summary['n_annotations']:,} answers are the auditors'." in line


def test_simulate_chooses_a_folder_and_refuses_it_the_second_time(askless: Askless, tmp_path: Path) -> None:
    first = askless("simulate", *SMALL, "learner_method=ds_model")
    assert first.returncode == 0, first.stderr
    folder = "runs/ds_model-digits-structured_noise-seed123"
    assert folder in first.stdout
    before = (tmp_path / folder / "labels.csv").read_bytes()
    second = askless("simulate", *SMALL, "learner_method=ds_model")
    assert second.returncode == 2
    assert "--resume" in second.stderr
    resumed = askless("simulate", "--out", folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / folder / "labels.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "seeed=3"], "did you mean 'seed'"),
        (["simulate", "seed=three"], "seed='three'"),
        (["simulate", "learner_method=efficent_annotation"], "did you mean 'efficient_annotation'"),
        (["simulate", "seed"], "write it as key=value"),
        (["simulate", "dataset=nowhere"], "neither 'digits' nor a folder"),
        (["simulate", "n_prototypes_per_class=0"], "validated on prototypes and there are none"),
        (["simulate", "learner.calibrate=cv_3"], "learner.prototype_as_val=false"),
        (["simulate", "--config", "missing.toml"], "missing.toml"),
        (["simulate", "--resume", "--out", "missing"], "missing"),
        (["report", "missing"], "missing"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    askless: Askless, arguments: list[str], message: str, tmp_path: Path
) -> None:
    run = askless(*arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert message in run.stderr
    assert run.stderr.startswith("askless: ")
    assert len(run.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir()), "something was half-written"


def bad_folder(kind: str, folder: Path) -> None:
    features = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    labels = np.arange(40) % 2
    match kind:
        case "rows":
            features = features[:-1]
        case "nan":
            features[3, 1] = np.nan
        case "object":
            features = features.astype(object)
        case "labels":
            (folder / "class_names.json").write_text('["cat", "dog"]')
            labels[5] = 2
        case "one class":
            labels[:] = 0
        case "items":
            (folder / "images.txt").write_text("same.jpg\n" * 40)
    np.save(folder / "features.npy", features, allow_pickle=True)
    np.save(folder / "labels.npy", labels)


@pytest.mark.parametrize("kind", ["rows", "nan", "object", "labels", "one class", "items"])
def test_bad_data_is_one_sentence_and_nothing_is_written(askless: Askless, kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    bad_folder(kind, folder)
    run = askless("simulate", f"dataset={folder}", "--out", tmp_path / "run")
    assert run.returncode == 2, run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["foreign", "truncated"])
def test_resuming_a_damaged_log_is_one_sentence(askless: Askless, damage: str, tmp_path: Path) -> None:
    assert askless("simulate", *SMALL, "learner_method=ds_model", "--out", tmp_path / "run").returncode == 0
    log = tmp_path / "run" / "log.db"
    log.write_bytes(b"not a database, just text" * 100 if damage == "foreign" else log.read_bytes()[:5000])
    run = askless("simulate", "--out", tmp_path / "run", "--resume")
    assert run.returncode == 2
    assert str(log) in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_report_lays_runs_side_by_side(askless: Askless, tmp_path: Path) -> None:
    for method in ("majority_vote", "ds_model"):
        run = askless("simulate", *SMALL, f"learner_method={method}", "--out", tmp_path / method)
        assert run.returncode == 0, run.stderr
    page = tmp_path / "both.html"
    run = askless("report", tmp_path / "majority_vote", tmp_path / "ds_model", "--out", page)
    assert run.returncode == 0, run.stderr
    text = page.read_text()
    assert "majority_vote" in text
    assert "ds_model" in text


def test_settings_lists_every_setting_and_version_prints_one_line(askless: Askless, tmp_path: Path) -> None:
    listed = askless("settings").stdout
    for key, *_ in describe_settings():
        assert key in listed
    assert askless("--version").stdout.startswith("askless 0.")
    assert askless().returncode in (0, 2), "without a command: the help"


def test_a_configuration_file_is_read_and_overridden(askless: Askless, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('learner_method = "ds_model"\nseed = 4\ncrowd.n_annotators = 5\n')
    run = askless("simulate", *SMALL[:2], "seed=5", "--config", file, "--out", tmp_path / "run", "--json")
    summary = json.loads(run.stdout)
    assert (summary["method"], summary["seed"], summary["n_annotators"]) == ("ds_model", 5, 5)


def test_a_live_display_on_a_terminal(tmp_path: Path) -> None:
    """Run in a pseudo-terminal: rounds replace each other on one line."""
    arguments = ["simulate", *SMALL, "learner_method=ds_model", "--out", str(tmp_path / "run")]
    code, shown = run_on_a_terminal(*arguments, timeout=60)
    assert code == 0
    assert b"\x1b[2K" in shown, "the line is not rewritten"
    assert b"accuracy" in shown


def test_the_demo_replaces_only_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO_SETTINGS", ["dataset=digits", "seed=0", *SMALL])
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / demo.DEMO_MARKER).touch()  # as after an interruption
    (tmp_path / "demo" / "notes.txt").write_text("kept")
    demo.demo(tmp_path / "demo")
    pages = [tmp_path / "demo" / name / "report.html" for name in ("", *demo.DEMO_METHODS)]
    assert all(page.exists() for page in pages)
    assert (tmp_path / "demo" / "notes.txt").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious")
    (mine / "report.html").write_text("mine")
    with pytest.raises(ConfigError, match="is no folder of the demo"):
        demo.demo(mine)
    assert (mine / "thesis.txt").exists()


def test_every_command_is_listed_found_and_named_if_nearly_right(askless: Askless) -> None:
    listed = askless("--help").stdout
    for name in cli.COMMANDS:
        assert name in listed
        assert f"askless {name}" in askless(name, "--help").stdout
    assert "simulate" in askless("simulat").stderr


def test_a_command_imports_only_what_it_needs() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\nfrom askless.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "print('loaded', *[name for name in ('numpy', 'sklearn', 'matplotlib', 'sqlalchemy') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert shown.splitlines()[-1] == "loaded"


def test_import_is_light() -> None:
    code = (
        "import sys, time; start = time.process_time(); import askless; spent = time.process_time() - start;"
        "import askless.core.infer, askless.core.sampler;"
        "heavy = ('torch', 'fastapi', 'matplotlib', 'sqlalchemy', 'PIL');"
        "print(spent, *[name for name in heavy if name in sys.modules])"
    )
    spent, *loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    assert float(spent) < 1.0
    assert loaded == []


def test_an_interrupted_run_says_how_to_go_on(
    askless: Askless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "simulate", interrupted)
    run = askless("simulate", *SMALL, "--out", tmp_path / "run")
    assert run.returncode == 130
    assert "--resume" in run.stderr


def test_a_place_that_cannot_be_written_is_one_sentence(askless: Askless, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = askless("simulate", *SMALL, "learner_method=ds_model", "--out", tmp_path / "file" / "run")
    assert run.returncode == 2
    assert "Not a directory; fix that, or write elsewhere" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
