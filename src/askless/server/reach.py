"""Commands about a campaign ask its server: the one that serves it now, or one without a network in this process."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from askless.data.folder import CampaignFolder
from askless.data.serving import Server, find_server
from askless.errors import DataError, StoreError
from askless.server.app import create_app
from askless.server.live import LiveCampaign

SECONDS_TO_WAIT = 60.0
USUAL_URL = "http://127.0.0.1:8000"
"""Where a campaign is served if nobody says otherwise."""


class Manager:
    """The manager's interface of a campaign, from outside of its server.

    Args:
        server: who to ask.
        transport: the way there.
        is_serving: whether people can use its links now.
    """

    def __init__(self, server: Server, transport: httpx.AsyncBaseTransport, *, is_serving: bool) -> None:
        self._server = server
        self._transport = transport
        self.is_serving = is_serving

    def get(self, path: str) -> Any:
        """What is at a path below /api/manage.

        Raises:
            DataError: the server refuses.
            StoreError: nobody answers.
        """
        return self._request("GET", path, None)

    def post(self, path: str, content: object = None) -> Any:
        """Orders something; returns and raises as `get`."""
        return self._request("POST", path, content)

    def link(self, link: str) -> str:
        """A link of this server as people reach it."""
        parts = urlsplit(link)
        return f"{self._server.public_url.rstrip('/')}{parts.path}#{parts.fragment}"

    def _request(self, method: str, path: str, content: object) -> Any:
        try:
            response = asyncio.run(self._send(method, path, content))
        except httpx.TransportError as error:
            raise StoreError(
                f"The server of this campaign (process {self._server.pid}) does not answer ({error!r}); see what it "
                "printed, end it and serve anew."
            ) from None
        if response.is_error:
            raise DataError(_detail(response))
        return response.json() if response.content else None

    async def _send(self, method: str, path: str, content: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._server.token}"}
        async with httpx.AsyncClient(
            transport=self._transport, base_url=self._server.url, timeout=SECONDS_TO_WAIT
        ) as client:
            return await client.request(method, f"/api/manage{path}", headers=headers, json=content)


@contextmanager
def reach(folder: Path, *, is_looking: bool = False) -> Iterator[Manager]:
    """Yields the manager's interface: of the server that serves the campaign now, or of one within this process.

    Args:
        folder: of the campaign.
        is_looking: nothing will be ordered, so that a campaign which has not begun is not begun either.

    Raises:
        ServedError: another process has the campaign, and is no server that answers.
        DataError, ConfigError, StoreError: the folder cannot be used.
    """
    if server := find_server(CampaignFolder(folder)):
        yield Manager(server, httpx.AsyncHTTPTransport(), is_serving=True)
        return
    with closing(LiveCampaign(folder, is_looking=is_looking)) as live:
        here = Server(USUAL_URL, USUAL_URL, os.getpid(), live.own_token)
        yield Manager(here, httpx.ASGITransport(create_app(live)), is_serving=False)


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The server answers {response.status_code} to {response.request.url.path}; see what it printed."
