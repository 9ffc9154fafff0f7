"""The inference process: it may die, hang or fail for ever, and people go on answering."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from askless.campaign import Campaign
from askless.server.inference import Inference, child_command
from askless.server.live import LiveCampaign
from askless.server.settings import PageSettings
from askless.types import Answer
from askless.workspace import open_campaign
from server.waiting import wait_for
from small_folder import TRUTH, make_folder

AT_ONCE = PageSettings(refresh_answers=1)


def answer(campaign: Campaign, name: str) -> int:
    """One batch, as a person would; returns how many items it had."""
    (batch,) = campaign.ask([name])
    return campaign.tell(batch.id, [Answer(item, int(TRUTH[item])) for item in batch.items]).n_accepted


@contextmanager
def inference(folder: Path, script: str, **given: float) -> Iterator[tuple[Campaign, Inference]]:
    """A campaign whose inference process is a few lines of Python."""
    command = [sys.executable, "-c", script]
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        served = Inference(campaign, AT_ONCE, command, pause_seconds=0.01, **given)
        served.start()
        try:
            yield campaign, served
        finally:
            served.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "birds", settings='[campaign.learner]\nalgo = "dummy"\n')


def test_what_the_child_finds_is_what_a_refresh_finds(folder: Path, tmp_path: Path) -> None:
    other = make_folder(tmp_path / "other", settings='[campaign.learner]\nalgo = "dummy"\n')
    with closing(open_campaign(other)) as alone, LiveCampaign(folder) as live:
        wait_for(lambda: live.campaign.n_refreshes == 1)
        alone.refresh()
        for name in ("ann", "bob"):
            assert answer(live.campaign, name) == answer(alone, name) > 0
        alone.refresh()
        assert live.inference().n_behind == alone.annotations().n_annotations * 0 + len(alone.annotations())
