"""A served campaign with people at browsers, and what they do there."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from askless.server.live import LiveCampaign
from askless.store.entries import Entry, Kind
from small_campaign import read

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


class Place:
    """A served campaign, and browsers in which people have it open."""

    def __init__(self, chromium: Browser, stack: ExitStack, live: LiveCampaign, url: str) -> None:
        self.live, self.url = live, url
        self._chromium, self._stack = chromium, stack

    def link(self, name: str = "ann") -> str:
        return self.live.link(self.live.campaign.invite(name, "annotator"), self.url)

    def browser(self, **options: Any) -> BrowserContext:
        """With windows of its own; whatever goes wrong in one of them fails the test."""
        context = self._chromium.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        self._stack.callback(context.close)
        context.on("weberror", lambda error: pytest.fail(str(error.error)))
        context.on("dialog", lambda dialog: pytest.fail(dialog.message))
        context.on("console", fail_if_refused)
        return context

    def open(self, name: str = "ann", **options: Any) -> Page:
        page = self.browser(**options).new_page()
        page.goto(self.link(name))
        return page

    def entries(self, *kinds: Kind) -> list[Entry]:
        return [entry for entry in read(self.live.campaign) if entry.kind in kinds]


Serve = Callable[..., Place]
"""Serves a campaign with these arguments of `make_campaign` until the test is over."""


def fail_if_refused(message: Any) -> None:
    if "Content Security Policy" in message.text:
        pytest.fail(message.text)


def shown(page: Page) -> str:
    """Waits for the picture in question; its address differs for every picture."""
    page.wait_for_selector("#stage img")
    return str(page.get_attribute("#stage img", "src"))


def press(page: Page, key: str) -> None:
    """A key once there is a picture, until another picture or a notice has taken its place."""
    before = shown(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "before => !document.querySelector(`#stage img[src='${before}']`) || document.querySelector('#work').hidden",
        arg=before,
    )


def wait_until_sent(page: Page) -> None:
    expect(page.locator("#sync")).to_have_text("Saved")
