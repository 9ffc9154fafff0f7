"""Killed and resumed equals uninterrupted: the same log entry by entry, the same labels, risks and batches."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from small_simulation import PRESETS, configure, write_folder

from askless.campaign import Campaign
from askless.settings import SimulationConfig
from askless.simulate import run
from askless.simulate.crowd import Crowd
from askless.simulate.crowds import make_crowd
from askless.simulate.experiment import run_rounds
from askless.simulate.run import simulate
from askless.simulate.sources import Source, load
from askless.store.entries import Entry, Kind
from askless.types import Estimate
from killing import Killed, killed_at, until_it_lives
from small_campaign import assert_same, assert_same_estimate, fold, read, read_file

pytestmark = pytest.mark.slow

GREEDY = "sampler.algo=greedy_task_assignment"
PROMISE = "promise.target_accuracy=0.7"


def live(log: Path, config: SimulationConfig) -> Campaign:
    """Runs or goes on to the end, as `askless simulate` does but without its files; the campaign is closed."""
    source, _ = source_and_crowd(config.dataset)
    crowd = make_crowd(config, source)
    campaign = run._open_or_create(log, config, source, crowd)
    try:
        for _ in run_rounds(campaign, crowd):
            pass
    finally:
        campaign.close()
    return campaign


@cache
def source_and_crowd(dataset: str) -> tuple[Source, Crowd]:
    config = configure(Path(dataset))
    source = load(config)
    return source, make_crowd(config, source)


class Uninterrupted:
    """What comes out if nothing happens, worked out once for each configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.of = cache(self._of)

    def _of(self, *overrides: str) -> tuple[SimulationConfig, list[Entry], Estimate]:
        config = configure(self.folder, *overrides)
        log = self.folder.parent / f"{'-'.join(overrides)}.db"
        campaign = live(log, config)
        return config, read_file(log), campaign.estimate


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    return Uninterrupted(write_folder(tmp_path_factory.mktemp("uninterrupted") / "small"))


@pytest.mark.parametrize(
    ("n", "is_committed", "harm"), [(1, True, "none"), (2, False, "none"), (2, True, "snapshot deleted")]
)
@pytest.mark.parametrize(
    "method",
    [(name,) for name in PRESETS] + [("efficient_annotation", GREEDY), ("lean", GREEDY), ("ds_model", PROMISE)],
)
def test_killed_at_every_nth_transaction(
    tmp_path: Path, uninterrupted: Uninterrupted, method: tuple[str, ...], n: int, is_committed: bool, harm: str
) -> None:
    preset, *others = method
    config, entries, estimate = uninterrupted.of(f"learner_method={preset}", *others)
    log = tmp_path / "log.db"

    def after_death() -> None:
        written = read_file(log)
        assert written == entries[: len(written)]
        if harm == "snapshot deleted":
            for file in tmp_path.glob("*.npz"):
                file.unlink()

    n_deaths = until_it_lives(lambda: live(log, config), n, is_committed=is_committed, after_death=after_death)
    refreshes = [entry for entry in entries if entry.kind == Kind.REFRESHED]
    assert len(refreshes) >= 4
    assert n_deaths >= len(refreshes)
    assert read_file(log) == entries
    campaign = live(log, config)
    assert read_file(log) == entries
    assert_same_estimate(campaign.estimate, estimate)
    assert_same(campaign._journal.ledger, fold(entries, *campaign._journal._size))


def test_a_kill_between_snapshot_and_commit(tmp_path: Path, uninterrupted: Uninterrupted) -> None:
    config, entries, estimate = uninterrupted.of("learner_method=efficient_annotation")
    log = tmp_path / "log.db"
    entry = [entry for entry in entries if entry.kind == Kind.REFRESHED][2]
    position, upto = entry.position, (entry.payload or {})["upto"]

    def stale() -> bool:
        return log.with_name(f"log.db.estimate-{upto}.npz").exists()

    for n in range(1, 20):
        with killed_at(n, is_committed=False), pytest.raises(Killed):
            live(log, config)
        if stale():
            break
        for file in tmp_path.iterdir():
            file.unlink()
    assert len(read_file(log)) < position
    # What lies there is none of this campaign's until it is written again.
    log.with_name(f"log.db.estimate-{upto}.npz").write_bytes(b"from a process that was killed")
    campaign = live(log, config)
    assert read_file(log) == entries
    assert_same_estimate(campaign.estimate, estimate)
    assert not stale()


@pytest.mark.parametrize("sampler", ["random", "greedy_task_assignment"])
def test_on_disk_equals_in_memory(tmp_path: Path, uninterrupted: Uninterrupted, sampler: str) -> None:
    config, entries, estimate = uninterrupted.of("learner_method=improved_lean", f"sampler.algo={sampler}")
    source, crowd = source_and_crowd(config.dataset)
    campaign = run._create(None, config, source, crowd)
    for _ in run_rounds(campaign, crowd):
        pass
    assert read(campaign) == entries
    assert_same_estimate(campaign.estimate, estimate)
    campaign.close()


@pytest.mark.parametrize("preset", ["ds_model", "efficient_annotation"])
def test_a_run_folder_is_the_same_after_kills(tmp_path: Path, uninterrupted: Uninterrupted, preset: str) -> None:
    config, _, _ = uninterrupted.of(f"learner_method={preset}")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    simulate(config, whole)
    until_it_lives(
        lambda: simulate(config, killed, resume=killed.exists()), 3, is_committed=False, after_death=lambda: None
    )
    assert_same_folders(whole, killed)


def assert_same_folders(a: Path, b: Path) -> None:
    """Equal but for the time it took."""
    assert read_file(a / "log.db") == read_file(b / "log.db")
    for name in ("labels.csv", "riskiest.json", "config.toml"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    rows, summaries = [], []
    for folder in (a, b):
        with (folder / "metrics.csv").open(newline="") as file:
            rows.append([{**row, "seconds": ""} for row in csv.DictReader(file)])
        summaries.append(json.loads((folder / "summary.json").read_text()) | {"seconds": None})
    assert rows[0] == rows[1]
    assert summaries[0] == summaries[1]
    with np.load(a / "evaluation.npz") as first, np.load(b / "evaluation.npz") as second:
        assert sorted(first) == sorted(second)
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
    assert {file.name for file in a.iterdir()} == {file.name for file in b.iterdir()} - {"report.html"}


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_process_is_killed_and_another_goes_on(tmp_path: Path) -> None:
    settings = ["learner_method=improved_lean", "batch_size=3", "n_batches=2", "max_risk=0"]
    config = configure(write_folder(tmp_path / "small", n_items=96), *settings)
    simulate(config, tmp_path / "whole")
    n_rows = len((tmp_path / "whole" / "metrics.csv").read_text().splitlines())
    assert n_rows > 20

    chance = random.Random(3)
    overrides = tmp_path / "config.toml"
    overrides.write_text(tomli_w.dumps(config.to_settings()))
    killed = tmp_path / "killed"
    command = [str(Path(sys.executable).with_name("askless")), "simulate", "--out", str(killed)]
    process = subprocess.Popen([*command, "--config", str(overrides)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    due = chance.randrange(3, 8)
    deadline = time.monotonic() + 60
    while count_lines(killed / "metrics.csv") < due:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(chance.random() * 0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "summary.json").exists()
    assert len(read_file(killed / "log.db")) < len(read_file(tmp_path / "whole" / "log.db"))

    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert_same_folders(tmp_path / "whole", killed)


def count_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
