"""Sweeps: each run as if it were alone, kills, failures, one folder that one can go on with."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from small_simulation import QUICK, write_folder
from test_resume import assert_same_folders

from askless.errors import ConfigError, DataError
from askless.simulate import sweep as module
from askless.simulate.folder import alone
from askless.simulate.run import simulate
from askless.simulate.sweep import Standing, State, read_sweep, sweep
from askless.simulate.variants import Variant, expand
from worker_threads import work_in_threads

pytestmark = pytest.mark.slow

Swept = tuple[Path, list[Variant], list[Standing], list[Standing]]

LISTS = ["learner_method=ds_model,improved_lean", "seed=0,1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "small")


@pytest.fixture(scope="module")
def swept(data: Path) -> Swept:
    """A sweep of four runs that nothing disturbed: folder, variants, ends, and all that was told meanwhile."""
    variants = expand([f"dataset={data}", *QUICK, *LISTS])
    told: list[Standing] = []
    ends = sweep(variants, data.parent / "swept", n_jobs=2, on_change=told.append)
    return data.parent / "swept", variants, ends, told


@pytest.fixture
def threads_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    work_in_threads(monkeypatch)


def test_each_run_is_as_if_it_were_alone(swept: Swept, tmp_path: Path) -> None:
    folder, variants, ends, _ = swept
    assert [end.variant for end in ends] == variants
    for end in ends:
        summary = simulate(end.variant.config, tmp_path / end.variant.name)
        assert_same_folders(tmp_path / end.variant.name, folder / end.variant.name)
        assert end.state is State.FINISHED
        assert {**(end.summary or {}), "seconds": 0} == {**summary, "seconds": 0}
    names = {variant.name for variant in variants}
    assert {path.name for path in folder.iterdir()} - {".lock"} == names | {"sweep.toml"}


def test_what_is_told_while_it_runs(swept: Swept) -> None:
    folder, variants, _, told = swept
    assert [standing.state for standing in told[:4]] == [State.WAITING] * 4
    running = 0
    for variant in variants:
        own = [standing for standing in told if standing.variant == variant]
        n_rows = len((folder / variant.name / "metrics.csv").read_text().splitlines()) - 1
        rounds = [standing.row["round"] for standing in own if standing.row and standing.state is State.RUNNING]
        assert rounds == list(range(n_rows))
        assert [standing.state for standing in own[1:]] == [State.RUNNING] * (1 + n_rows) + [State.FINISHED]
    for standing in told[4:]:
        running += (standing.state is State.RUNNING and standing.row is None) - (standing.state is State.FINISHED)
        assert running <= 2


def test_a_finished_sweep_is_looked_up_and_not_run_again(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, variants, ends, _ = swept
    monkeypatch.setattr(module, "_start_worker", lambda: pytest.fail("a worker was started"))
    again = sweep(read_sweep(folder), folder, resume=True)
    assert [end.summary for end in again] == [end.summary for end in ends]
    assert read_sweep(folder) == variants


@pytest.mark.usefixtures("threads_for_processes")
def test_what_is_missing_runs_and_what_has_failed_is_said(data: Path, tmp_path: Path) -> None:
    """One worker goes on after a failure; one that was never begun leaves a folder that can be begun."""
    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    (broken / "labels.npy").unlink()
    variants = expand([f"dataset={broken},{data}", *QUICK, "learner_method=ds_model"])
    first, second = sweep(variants, tmp_path / "sweep", n_jobs=1)
    assert (first.state, second.state) == (State.FAILED, State.FINISHED)
    assert first.error is not None
    assert "labels" in first.error
    shutil.copy(data / "labels.npy", broken)
    shutil.rmtree(tmp_path / "sweep" / second.variant.name)
    told: list[Standing] = []
    first, second = sweep(variants, tmp_path / "sweep", resume=True, n_jobs=1, on_change=told.append)
    assert (first.state, second.state) == (State.FINISHED, State.FINISHED)
    assert first.row is not None
    assert second.row is not None, "a run whose folder was deleted is run anew"


def test_a_run_whose_process_dies_stops_no_other(data: Path, tmp_path: Path) -> None:
    variants = expand([f"dataset={data}", *QUICK, "learner_method=improved_lean", "seed=0,1"])
    deaths = []

    def kill_the_first(standing: Standing) -> None:
        if standing.variant is variants[0] and standing.row and not deaths:
            (worker,) = multiprocessing.active_children()
            os.kill(worker.pid or 0, signal.SIGKILL)
            deaths.append(worker)

    first, second = sweep(variants, tmp_path / "sweep", n_jobs=1, on_change=kill_the_first)
    assert (first.state, second.state) == (State.FAILED, State.FINISHED)
    assert "ended from outside" in (first.error or "")
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("threads_for_processes")
def test_a_sweep_in_vain_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ends = sweep(expand([f"dataset={tmp_path / 'empty'}", "seed=0,1"]), tmp_path / "runs" / "sweep", n_jobs=1)
    assert [end.state for end in ends] == [State.FAILED] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}

    def work_beside(standing: Standing) -> None:
        (tmp_path / "runs" / "another").mkdir(exist_ok=True)

    sweep(expand([f"dataset={tmp_path / 'empty'}", "seed=0,1"]), tmp_path / "runs" / "sweep", on_change=work_beside)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["another"]


def test_a_folder_belongs_to_one_sweep(swept: Swept, data: Path, tmp_path: Path) -> None:
    folder, variants, _, _ = swept
    with pytest.raises(ConfigError, match=r"exists; go on with it by --resume"):
        sweep(variants, folder)
    for lists in (["learner_method=ds_model,improved_lean", "seed=0,2"], [*LISTS, "max_risk=0.2"], LISTS[1:]):
        with pytest.raises(ConfigError, match=r"is another one, or has other settings \(.*seed="):
            sweep(expand([f"dataset={data}", *QUICK, *lists]), folder, resume=True)
    with pytest.raises(ConfigError, match=r"is no sweep folder \(No such file or directory: sweep.toml\)"):
        sweep(variants, tmp_path, resume=True)
    with alone(folder), pytest.raises(ConfigError, match="Another process is at work"):
        sweep(variants, folder, resume=True)


@pytest.mark.parametrize(
    ("name", "change", "error", "message"),
    [
        ("sweep.toml", lambda text: text.replace("seed = 0", "seed = 3", 1), ConfigError, "a sweep keeps its settings"),
        ("{run}/summary.json", lambda text: text[:40], DataError, "delete .* and resume the sweep"),
        ("{run}/summary.json", lambda text: "[]", DataError, "is damaged"),
    ],
)
def test_what_was_damaged_is_said(
    swept: Swept,
    tmp_path: Path,
    name: str,
    change: Callable[[str], str],
    error: type[Exception],
    message: str,
) -> None:
    folder, variants, _, _ = swept
    copy = shutil.copytree(folder, tmp_path / "copy")
    file = copy / name.format(run=variants[1].name)
    file.write_text(change(file.read_text()))
    with pytest.raises(error, match=message):
        sweep(variants, copy, resume=True)


@pytest.mark.usefixtures("threads_for_processes")
def test_a_fault_of_askless_is_told_with_its_place(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "simulate", lambda *_, **__: 1 / 0)
    (end, _) = sweep(expand([f"dataset={data}", *QUICK, "seed=0,1"]), tmp_path / "sweep", n_jobs=1)
    assert "Traceback" in (end.error or "")
    assert "ZeroDivisionError" in (end.error or "")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.usefixtures("threads_for_processes")
def test_interrupted_killed_and_resumed_equals_uninterrupted(swept: Swept, data: Path, tmp_path: Path) -> None:
    whole, variants, _, _ = swept
    folder = tmp_path / "sweep"
    command = [sys.executable, "-m", "askless", "simulate", "--out", str(folder)]

    def run_until(n_rows: int, sign: signal.Signals, *arguments: str) -> tuple[int, str]:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=let_interrupt,
        )
        deadline = time.monotonic() + 100
        while count_rows(folder) < n_rows:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        if sign == signal.SIGINT:
            os.killpg(process.pid, sign)
        else:
            process.send_signal(sign)
        return process.wait(timeout=30), process.communicate()[1]

    code, said = run_until(3, signal.SIGINT, f"dataset={data}", *QUICK, *LISTS, "--jobs", "2")
    assert code == 130
    assert "Interrupted. Nothing is lost: go on with askless simulate" in said
    assert "Traceback" not in said
    n_rows = count_rows(folder)
    code, _ = run_until(n_rows + 6, signal.SIGKILL, "--resume", "--jobs", "1")
    assert code == -signal.SIGKILL
    assert not all((folder / variant.name / "summary.json").exists() for variant in variants)

    for lock in folder.glob("*/.lock"):  # the worker ends when it notices that its sweep is gone
        FileLock(lock).acquire(timeout=30).lock.release()
    ends = sweep(read_sweep(folder), folder, resume=True, n_jobs=1)
    assert [end.state for end in ends] == [State.FINISHED] * 4
    assert (folder / "sweep.toml").read_bytes() == (whole / "sweep.toml").read_bytes()
    for variant in variants:
        assert_same_folders(whole / variant.name, folder / variant.name)


def let_interrupt() -> None:
    """A shell that started these tests in the background has told them, and so their children, to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def count_rows(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*/metrics.csv"))
