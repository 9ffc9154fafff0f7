"""Many simulations side by side, on the cores there are, in one folder that one can go on with."""

import json
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from joblib import cpu_count
from threadpoolctl import threadpool_limits

from askless.config import config_from_settings
from askless.errors import AsklessError, ConfigError, DataError
from askless.simulate.experiment import Row
from askless.simulate.folder import alone, make_folder, read_sealed, remove_made, write_sealed
from askless.simulate.run import CONFIG_FILE, SUMMARY_FILE, simulate, write_config
from askless.simulate.variants import Variant

SWEEP_FILE = "sweep.toml"


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """How far one simulation of a sweep is.

    Args:
        variant: which one.
        folder: its run folder.
        state: finished as soon as its summary is on disk.
        row: the last row of metrics.csv that was written since the sweep was started or resumed.
        summary: what `simulate` returns, once finished.
        error: why it failed: a sentence, or the traceback of a fault of askless.
    """

    variant: Variant
    folder: Path
    state: State = State.WAITING
    row: Row | None = None
    summary: Mapping[str, Any] | None = None
    error: str | None = None


def sweep(
    variants: Sequence[Variant],
    folder: Path,
    *,
    resume: bool = False,
    n_jobs: int | None = None,
    on_change: Callable[[Standing], None] = lambda standing: None,
) -> list[Standing]:
    """Runs simulations to their ends, each as `simulate` does it, and exactly so.

    A run that fails, or whose process is killed, stops no other. Processes are spawned: a script that calls this needs
    `if __name__ == "__main__":`.

    Args:
        variants: see `expand`.
        folder: gets sweep.toml (all settings of all runs) and a run folder of its name for each variant.
        resume: go on in a folder that is there already: what is finished stays, what was cut off goes on.
        n_jobs: how many run at a time; none takes the cores that this process may use.
        on_change: called in this process when a run begins, has another row, is finished or has failed.

    Returns:
        How each ended, in the order of the variants: finished or failed.

    Raises:
        ConfigError: the folder is there and `resume` is false, it belongs to another sweep, or another process is at
            work in it.
    """
    made: list[Path] = []
    if resume:
        _check_same_variants(folder, variants)
    elif folder.exists():
        raise ConfigError(f"The sweep folder {folder} exists; go on with it by --resume, or choose another by --out.")
    else:
        made = make_folder(folder)
        write_sealed(folder / SWEEP_FILE, "sweep", _settings(variants))
    with alone(folder):
        ends = _run_all([_look_up(variant, folder) for variant in variants], n_jobs or cpu_count(), on_change)
    if not any(folder.glob("*/log.db")):
        remove_made(made)
    return ends


def read_sweep(folder: Path) -> list[Variant]:
    """The variants that a sweep folder was made with.

    Raises:
        ConfigError: it is no sweep folder, or its sweep.toml was changed.
    """
    return [
        Variant(run["name"], run["varied"], config_from_settings(run["settings"]).with_absolute_paths())
        for run in read_sealed(folder / SWEEP_FILE, "sweep")["run"]
    ]


def _settings(variants: Sequence[Variant]) -> dict[str, Any]:
    return {
        "run": [
            {
                "name": variant.name,
                "varied": variant.varied,
                "settings": variant.config.with_absolute_paths().to_settings(),
            }
            for variant in variants
        ]
    }


def _check_same_variants(folder: Path, variants: Sequence[Variant]) -> None:
    before = read_sweep(folder)
    variants = [replace(variant, config=variant.config.with_absolute_paths()) for variant in variants]
    changed = [variant.name for variant in (*before, *variants) if not (variant in before and variant in variants)]
    if changed:
        raise ConfigError(
            f"The sweep in {folder} is another one, or has other settings ({changed[0]}); resume it by --out and "
            "--resume alone, or start another by --out."
        )


def _look_up(variant: Variant, sweep_folder: Path) -> Standing:
    """Finished or waiting, as its folder says."""
    standing = Standing(variant, sweep_folder / variant.name)
    file = standing.folder / SUMMARY_FILE
    if not file.exists():
        return standing
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        del summary["versions"]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file} is damaged ({error}); delete {standing.folder} and resume the sweep.") from error
    return replace(standing, state=State.FINISHED, summary=summary)


def _run_all(standings: list[Standing], n_jobs: int, on_change: Callable[[Standing], None]) -> list[Standing]:
    waiting = [i for i, standing in enumerate(standings) if standing.state is State.WAITING]
    workers: dict[Connection, BaseProcess] = {}
    running: dict[Connection, int] = {}

    def change(i: int, standing: Standing) -> None:
        standings[i] = standing
        on_change(standing)

    try:
        for standing in standings:
            on_change(standing)
        while waiting or running:
            while waiting and len(running) < n_jobs:
                free = (worker for worker in workers if worker not in running and workers[worker].is_alive())
                idle = next(free, None)
                if idle is None:
                    idle, process = _start_worker()
                    workers[idle] = process
                i = running[idle] = waiting.pop(0)
                _make_run_folder(standings[i])
                idle.send((standings[i].variant.config, standings[i].folder))
                change(i, replace(standings[i], state=State.RUNNING))
            for worker in cast(list[Connection], wait(list(running))):
                i = running[worker]
                message = _hear(worker, workers)
                if message is not None:
                    change(i, replace(standings[i], **message))
                else:
                    del running[worker]
                    change(i, _end(standings[i]))
    finally:
        for process in workers.values():
            process.terminate()
            process.join()
    return standings


def _hear(worker: Connection, workers: dict[Connection, BaseProcess]) -> dict[str, Any] | None:
    """What changed in the `Standing` of a worker's run, or none when the worker is through with it or has died."""
    try:
        message: dict[str, Any] | None = worker.recv()
    except (EOFError, ConnectionResetError):
        workers.pop(worker).join()
        message = None
    return message


def _end(standing: Standing) -> Standing:
    """What has become of a run whose worker is through with it."""
    end = _look_up(standing.variant, standing.folder.parent)
    if end.state is State.FINISHED:
        return replace(end, row=standing.row)
    lost = (
        "Its process was ended from outside, perhaps for lack of memory; go on by --resume, perhaps with fewer --jobs."
    )
    return replace(standing, state=State.FAILED, error=standing.error or lost)


def _make_run_folder(standing: Standing) -> None:
    standing.folder.mkdir(exist_ok=True)
    if not (standing.folder / CONFIG_FILE).exists():
        write_config(standing.variant.config, standing.folder)


def _start_worker() -> tuple[Connection, BaseProcess]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there,), daemon=True)
    with _interrupts_held_back():
        process.start()
    there.close()
    return here, process


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; those started meanwhile never hear it, they are ended by this one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(sweeper: Connection) -> None:
    """A worker: simulates what it is sent and answers with what changes in the `Standing`, then with none."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with threadpool_limits(limits=1):
        while True:
            config, folder = sweeper.recv()
            try:
                simulate(config, folder, resume=True, on_round=lambda row: sweeper.send({"row": row}))
            except (AsklessError, OSError) as error:
                sweeper.send({"error": str(error)})
            except Exception:
                sweeper.send({"error": traceback.format_exc()})
            sweeper.send(None)


def _end_with_parent() -> None:
    """A run whose sweep was killed would stand in the way of the sweep that goes on."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
