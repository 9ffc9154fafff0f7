"""The inference process: it may die, hang or fail for ever, and people go on answering."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from askless.campaign import Campaign
from askless.server.inference import Inference
from askless.server.live import LiveCampaign
from askless.server.settings import PageSettings
from askless.types import Answer
from askless.workspace import open_campaign
from small_folder import TRUTH, make_folder
from waiting import wait_for

AT_ONCE = PageSettings(refresh_answers=1)
PEOPLE_ALONE = '[campaign.learner]\nalgo = "dummy"\n'


def answer(campaign: Campaign, name: str) -> int:
    """One batch, as a person would; returns how many items it had."""
    (batch,) = campaign.ask([name])
    return campaign.tell(batch.id, [Answer(item, int(TRUTH[item])) for item in batch.items]).n_accepted


@contextmanager
def inferring(folder: Path, script: str, page: PageSettings = AT_ONCE, **given: float) -> Iterator[Campaign]:
    """A campaign whose inference process is a few lines of Python."""
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        inference = Inference(campaign, page, [sys.executable, "-c", script], pause_seconds=0.01, **given)
        campaign.inference = inference
        inference.start()
        try:
            yield campaign
        finally:
            inference.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "birds", settings=f"batch_size = 2\n{PEOPLE_ALONE}[page]\nrefresh_answers = 1\n")


def test_what_the_child_finds_is_what_a_refresh_finds(folder: Path) -> None:
    with LiveCampaign(folder) as live:
        assert answer(live.campaign, "ann") == 2
        wait_for(lambda: live.campaign.n_new == 0)
        state = live.inference()
        assert state.is_running
        assert state.last_error is None
        assert state.last_seconds > 0
        assert state.n_behind == 0
        estimate = live.campaign.estimate
    assert not state.is_running or not live.inference().is_running
    with closing(open_campaign(folder)) as campaign:
        again = campaign.refresh()
    assert again.posterior.tolist() == estimate.posterior.tolist()
