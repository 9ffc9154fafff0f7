"""`askless simulate` with comma lists, as a newcomer meets it."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from askless import cli
from askless.cli import simulate as command
from askless.cli import sweep as display
from askless.report.groups import Group
from askless.simulate.sweep import Standing, State
from askless.simulate.variants import expand
from worker_threads import work_in_threads

SMALL = ["n_data_per_class=15", "learner.max_epochs=20", "crowd.n_annotators=8", "batch_size=10", "n_batches=3"]
LISTS = ["learner_method=majority_vote,ds_model", "seed=0,1"]
NAMES = [f"learner_method={method},seed={seed}" for method in ("majority_vote", "ds_model") for seed in (0, 1)]

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in an empty folder, its workers threads; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    work_in_threads(monkeypatch)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["askless", "simulate", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.slow
def test_a_sweep_from_end_to_end(simulate: Command) -> None:
    code, out, err = simulate(*SMALL, *LISTS, "--jobs", "1")
    assert code == 0, err
    folder = Path("runs/sweep-learner_method=majority_vote,ds_model-seed=0,1")
    assert str(folder / "report.html") in out
    assert "mean over seeds" in out
    assert [line.partition(": ")[0] for line in err.splitlines()] == NAMES
    page = (folder / "report.html").read_text(encoding="utf-8")
    for name in NAMES:
        assert (folder / name / "report.html").exists()
        assert f'href="{name.replace("=", "%3D").replace(",", "%2C")}/report.html"' in page

    code, _, err = simulate(*SMALL, *LISTS)
    assert code == 2
    assert "exists; go on with it by --resume" in err
    labels = (folder / NAMES[0] / "labels.csv").read_bytes()
    (folder / NAMES[3] / "report.html").unlink()  # as after a kill right before it was written
    code, out, err = simulate("--out", str(folder), "--resume", "--json")
    assert code == 0, err
    assert (folder / NAMES[0] / "labels.csv").read_bytes() == labels
    assert (folder / NAMES[3] / "report.html").exists()
    told = json.loads(out)
    assert [(run["name"], run["error"]) for run in told["runs"]] == [(name, None) for name in NAMES]
    for run, name in zip(told["runs"], NAMES, strict=True):
        assert run["summary"] | {"versions": 0} == json.loads((folder / name / "summary.json").read_text()) | {
            "versions": 0
        }
    assert [group["settings"] for group in told["groups"]] == [
        {"learner_method": "majority_vote"},
        {"learner_method": "ds_model"},
    ]
    for group, runs in zip(told["groups"], (told["runs"][:2], told["runs"][2:]), strict=True):
        assert group["seeds"] == [0, 1]
        for key in ("accuracy", "annotations_per_item", "ece", "finished_share"):
            values = [run["summary"][key] for run in runs]
            assert group[key] == {
                "mean": pytest.approx(sum(values) / 2), "low": min(values), "high": max(values), "n_known": 2, "n": 2,
            }  # fmt: skip
        costs = [run["summary"]["reached"]["0.80"] for run in runs]
        assert group["reached"]["0.80"]["n_known"] == sum(cost is not None for cost in costs)


@pytest.mark.slow
def test_runs_that_fail_are_told_at_the_end(simulate: Command) -> None:
    code, out, err = simulate(*SMALL, "learner_method=ds_model", "dataset=digits,nowhere", "--json", "--out", "sweep")
    assert code == 2
    good, bad = json.loads(out)["runs"]
    assert good["summary"]["method"] == "ds_model"
    assert bad["summary"] is None
    assert "neither 'digits' nor a folder" in bad["error"]
    *_, error, remedy = err.splitlines()
    assert error == f"askless: dataset=nowhere: {bad['error']}"
    assert remedy == "askless: Fix that, then go on with askless simulate --out sweep --resume"
    assert Path("sweep/report.html").exists()


@pytest.mark.slow
def test_a_sweep_in_vain_is_one_sentence_and_leaves_nothing(simulate: Command, tmp_path: Path) -> None:
    code, out, err = simulate("dataset=nowhere", "seed=0,1,2", "--jobs", "1")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("askless: all 3 runs: ")
    assert [line for line in err.splitlines() if line.startswith("askless")] == err.splitlines()[-1:]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seed=0,,1"], "has an empty place in its list"),
        (["seed=1,2,1"], "are the same simulation"),
        (["learner_method=lean,leen", "seed=0,1"], "did you mean 'lean'"),
        (["seed=0,1", "--config", "missing.toml"], "missing.toml"),
    ],
)
def test_bad_lists_are_one_sentence_and_nothing_is_written(
    simulate: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, out, err = simulate(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_interrupted_sweep_says_how_to_go_on(simulate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_sweep", interrupted)
    code, _, err = simulate("seed=0,1")
    assert code == 130
    assert "go on with askless simulate --out runs/sweep-seed=0,1 --resume" in err


def test_dozens_of_runs_stay_readable() -> None:
    """Failed and running ones first; what has no room is counted."""
    variants = expand(["learner_method=lean,ds_model", f"seed={','.join(map(str, range(20)))}"])
    states = [State.FINISHED] * 12 + [State.FAILED] + [State.RUNNING] * 2 + [State.WAITING] * 25
    row = {"round": 7, "annotations_per_item": 0.5, "posterior_all_top1": 0.75, "finished_share": 0.25, "seconds": 3.2}
    summary = {"annotations_per_item": 1.5, "accuracy": 0.9375, "finished_share": 1.0, "seconds": 9.1}
    standings = [
        Standing(
            variant, Path(variant.name), state,
            row=row if state is State.RUNNING else None, summary=summary if state is State.FINISHED else None,
        )
        for variant, state in zip(variants, states, strict=True)
    ]  # fmt: skip
    console = Console(width=100)
    with console.capture() as capture:
        console.print(display.progress_table(standings, max_rows=6))
    head, *lines, foot = capture.get().splitlines()
    assert head.split() == ["learner_method", "seed", "round", "per", "item", "accuracy", "finished", "seconds"]
    assert [line.split() for line in lines[:4]] == [
        ["lean", "12", "failed", "-", "-", "-", "-"],
        ["lean", "13", "running", "7", "0.50", "0.750", "25%", "3.2"],
        ["lean", "14", "running", "7", "0.50", "0.750", "25%", "3.2"],
        ["lean", "0", "finished", "1.50", "0.938", "100%", "9.1"],
    ]
    assert len(lines) == 6
    assert foot.strip() == "40 runs: 1 failed, 2 running, 12 finished, 25 waiting (34 not shown)"


def test_values_in_brackets_are_shown_as_they_are() -> None:
    values = ["[cat,dog]", "[/a]"]
    runs = [Standing(replace(expand()[0], varied={"classes": value}), Path(value)) for value in values]
    group = Group("classes=[/a]", ())
    console = Console(width=150)
    with console.capture() as capture:
        console.print(display.progress_table(runs, max_rows=6), display._grouped_table([group]))
    for value in (*values, group.name):
        assert value in capture.get()


def test_one_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(display, "progress", Console(file=written, force_terminal=True, width=100, height=30))
    variants = expand(["learner_method=ds_model", "seed=0,1"])
    with display._display_runs() as show:
        for state in (State.WAITING, State.RUNNING, State.FAILED):
            for variant in variants:
                show(Standing(variant, Path(variant.name), state))
    assert written.getvalue().startswith("\x1b[?25l"), "the cursor is hidden while the table changes"
    assert "2 runs: 2 failed" in written.getvalue()
