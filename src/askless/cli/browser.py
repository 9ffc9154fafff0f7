"""A personal link in a browser of this machine."""

import os
import sys
import webbrowser
from html import escape
from pathlib import Path

from askless.data.durable import write_private

LEADS_ON = '<!doctype html><meta charset="utf-8"><title>askless</title><meta http-equiv="refresh" content="0; url={}">'


def open_link(link: str, page: Path) -> None:
    """Opens it by way of a page that leads on to it and is for this user alone: whoever else works on the machine sees
    the command lines of browsers.

    Args:
        link: to open.
        page: a file to write; whoever calls removes it when the browser has had its time.
    """
    write_private(page, LEADS_ON.format(escape(link)))
    webbrowser.open(page.as_uri())


def has_display() -> bool:
    """Whether somebody would see it."""
    if not sys.stdout.isatty():
        return False
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
