"""Chromium, and campaigns served to it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from askless.server.live import LiveCampaign
from browser_place import Place, Serve
from served_campaign import make_campaign, serving


@pytest.fixture(scope="module")
def chromium(browser_arguments: dict[str, Any]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments)
        yield browser
        browser.close()


@pytest.fixture
def serve(chromium: Browser, tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(**campaign: Any) -> Place:
            live = LiveCampaign(make_campaign(tmp_path / "shapes", **campaign))
            stack.callback(live.close)
            return Place(chromium, stack, live, stack.enter_context(serving(live)))

        yield start
