"""Processes that answer one campaign at once, one of them killed and started again: nothing is lost or doubled."""

import subprocess
import sys
from pathlib import Path

import pytest

from askless.store.entries import Kind
from log_entries import assert_nothing_lost_or_doubled, read_all
from small_campaign import assert_same, create, fold, reopen
from stores import Store

pytestmark = pytest.mark.slow


def start(store: Store, name: str) -> "subprocess.Popen[str]":
    script = Path(__file__).parents[1] / "answering_process.py"
    return subprocess.Popen(
        [sys.executable, str(script), str(store.place), name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_process_loses_nothing_and_holds_nobody_up(kept_store: Store) -> None:
    assert kept_store.place is not None
    create(kept_store.place, max_risk=0.0, sampler={"max_per_item": 3, "max_per_annotator": 40}).close()
    acknowledged: list[str] = []
    with start(kept_store, "bob") as bob:
        for n_before_the_kill in (1, 12):
            with start(kept_store, "ann") as ann:
                assert ann.stdout is not None
                lines = [ann.stdout.readline() for _ in range(n_before_the_kill)]
                ann.kill()
                lines += ann.stdout.readlines()
                acknowledged += [line.split()[0] for line in lines if line.endswith("acknowledged\n")]
        told, problems = bob.communicate(timeout=60)
        assert bob.returncode == 0, problems
        acknowledged += [line.split()[0] for line in told.splitlines()]
    with start(kept_store, "ann") as ann:
        told, problems = ann.communicate(timeout=60)
        assert ann.returncode == 0, problems
        acknowledged += [line.split()[0] for line in told.splitlines()]
    log = kept_store.again()
    entries = read_all(log)
    assert_nothing_lost_or_doubled(entries, acknowledged)
    n_answered = sum(entry.kind == Kind.ANSWERED for entry in entries)
    assert n_answered == 2 * 40
    assert n_answered - len(acknowledged) <= 2, "what was in flight when a process was killed"
    campaign = reopen(kept_store.place)
    assert len(campaign.annotations()) == n_answered
    assert_same(campaign._journal.ledger, fold(entries))
    campaign.close()
