"""The inference process: it may die, hang or fail for ever, and people go on answering."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from askless.campaign import Campaign
from askless.server.inference import Inference, InferenceState, child_command
from askless.server.live import LiveCampaign
from askless.server.settings import PageSettings
from askless.types import Answer
from askless.workspace import open_campaign
from small_folder import TRUTH, make_folder
from waiting import wait_for

PEOPLE_ALONE = 'batch_size = 2\n[campaign.learner]\nalgo = "dummy"\n'


def answer(campaign: Campaign, name: str) -> int:
    """One batch, as a person would; returns how many items it had."""
    (batch,) = campaign.ask([name])
    return campaign.tell(batch.id, [Answer(item, int(TRUTH[item])) for item in batch.items]).n_accepted


@contextmanager
def inferring(
    folder: Path,
    script: str,
    page: PageSettings | None = None,
    patience_seconds: float = 60,
    pause_seconds: float = 0.01,
) -> Iterator[tuple[Campaign, Inference]]:
    """A campaign whose inference process is a few lines of Python."""
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        inference = Inference(
            campaign,
            page or PageSettings(refresh_answers=1),
            [sys.executable, "-c", script, *child_command(folder)[1:]],
            folder / "log.db",
            patience_seconds=patience_seconds,
            pause_seconds=pause_seconds,
        )
        inference.start()
        with closing(inference):
            yield campaign, inference


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "birds", settings=f"{PEOPLE_ALONE}[page]\nrefresh_answers = 1\n")


def test_what_the_child_finds_is_what_a_refresh_finds(folder: Path) -> None:
    with LiveCampaign(folder) as live:
        assert answer(live.campaign, "ann") == 2
        wait_for(lambda: live.campaign.n_new == 0 and live.inference().last_seconds)
        state = live.inference()
        assert (state.is_running, state.last_error, state.n_behind) == (True, None, 0)
        estimate = live.campaign.estimate
        annotations = live.campaign.annotations()
    assert annotations.n_annotators == estimate.confusion.n_annotators == 1
    with closing(open_campaign(folder)) as campaign:
        again = campaign.refresh()
    np.testing.assert_array_equal(again.posterior, estimate.posterior)


def test_before_the_first_inference_people_are_asked_and_nobody_waits(folder: Path) -> None:
    with inferring(folder, "input()") as (campaign, inference):
        start = time.monotonic()
        assert answer(campaign, "ann") + answer(campaign, "bob") == 4
        assert time.monotonic() - start < 5
        assert campaign.n_refreshes == 0
        wait_for(lambda: inference.state().is_running)


@pytest.mark.slow
def test_a_killed_child_is_started_again(folder: Path) -> None:
    with LiveCampaign(folder) as live:
        for name in ("ann", "bob", "eve"):
            answer(live.campaign, name)
            wait_for(lambda: live.campaign.n_new == 0)
            child = live._inference._child
            assert child is not None
            os.kill(child.pid, signal.SIGKILL)
        wait_for(lambda: not live.inference().is_running)
        answer(live.campaign, "zoe")
        wait_for(lambda: live.campaign.n_new == 0 and live.inference().is_running)
        assert live.campaign.status().n_annotations == 8


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("input(); print('thinking ...', flush=True); input()", "Expecting value"),
        ('input(); print(\'{"error": "No room."}\', flush=True); input()', "No room."),
        ("input(); print('{\"upto\": 7}', flush=True); input()", "missing"),
    ],
)
def test_a_child_that_always_fails_stops_nobody(folder: Path, script: str, complaint: str) -> None:
    with inferring(folder, script) as (campaign, inference):
        for name in ("ann", "bob"):
            assert answer(campaign, name) == 2
            wait_for(lambda: complaint in (inference.state().last_error or ""))
        assert inference.state().n_behind == 0
        assert campaign.status().n_annotations == 4


def test_a_child_that_hangs_is_ended(folder: Path) -> None:
    with inferring(folder, "import time; time.sleep(600)", patience_seconds=0.3) as (campaign, inference):
        wait_for(lambda: "exit code -9" in (inference.state().last_error or ""))
        assert answer(campaign, "ann") == 2


def test_failures_come_at_longer_and_longer_intervals(folder: Path, tmp_path: Path) -> None:
    times = tmp_path / "times"
    script = f"import time; open({str(times)!r}, 'a').write(f'{{time.monotonic()}}\\n'); raise SystemExit(1)"
    with inferring(folder, script, pause_seconds=0.4):
        wait_for(lambda: times.exists() and len(times.read_text().splitlines()) >= 3)
    first, second, third = [float(line) for line in times.read_text().splitlines()][:3]
    assert second - first >= 0.4
    assert third - second >= 0.8


@pytest.mark.parametrize(
    ("page", "n_answers", "is_due"),
    [
        (PageSettings(refresh_answers=3, refresh_seconds=3600), 1, False),
        (PageSettings(refresh_answers=3, refresh_seconds=3600), 2, True),
        (PageSettings(refresh_answers=100, refresh_seconds=0.1), 0, False),
        (PageSettings(refresh_answers=100, refresh_seconds=0.1), 1, True),
    ],
)
def test_when_an_inference_is_due(folder: Path, page: PageSettings, n_answers: int, is_due: bool) -> None:
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        campaign.refresh()
        inference = Inference(campaign, page, [], folder / "log.db")
        for name in ("ann", "bob")[:n_answers]:
            answer(campaign, name)
        assert inference._is_due(1.0) == is_due


def test_without_an_estimate_one_is_due(folder: Path) -> None:
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        assert Inference(campaign, PageSettings(), [], folder / "log.db")._is_due(0.0)
        assert Inference(campaign, PageSettings(), [], folder / "log.db").state() == InferenceState(
            False, None, None, 0
        )


def test_closing_ends_a_child_at_work(folder: Path) -> None:
    with inferring(folder, "import time; time.sleep(600)") as (_, inference):
        wait_for(lambda: inference.state().is_running)
        child = inference._child
        assert child is not None
    assert child.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_the_child_ends_with_its_parent_and_says_what_is_wrong(folder: Path) -> None:
    with closing(open_campaign(folder)) as campaign:
        campaign.join(["ann"])
    with subprocess.Popen(child_command(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("infer\n")
        child.stdin.flush()
        assert '"upto": 1' in child.stdout.readline()
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
        child.stdin.close()
        assert child.wait(60) == 0
    np.save(folder / "features.npy", np.zeros((24, 2), np.float32))
    refused = subprocess.run(child_command(folder), input="infer\n", capture_output=True, text=True, timeout=60)
    assert refused.stdout.startswith('{"error": "These features')
