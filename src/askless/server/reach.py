"""Commands about a campaign ask its server: the one that serves it now, or one without a network in this process."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from askless.data.folder import CampaignFolder
from askless.errors import DataError, StoreError
from askless.server.app import create_app
from askless.server.live import LiveCampaign, ServedError

SECONDS_TO_WAIT = 60.0
NOWHERE = "http://askless"

Call = Callable[..., Any]
"""Called with method, path below /api/manage, and, by keyword, what is sent as JSON; returns what came back."""


@dataclass(frozen=True)
class Server:
    """What serving.json says, while a campaign is served.

    Args:
        url: where this machine reaches the server.
        public_url: where everybody else does.
        pid: of its process.
        token: of an admin.
    """

    url: str
    public_url: str
    pid: int
    token: str


@contextmanager
def announce(place: CampaignFolder, server: Server) -> Iterator[None]:
    """For as long as the block takes, commands find this server."""
    temporary = place.serving.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(server), file)
    temporary.replace(place.serving)
    try:
        yield
    finally:
        place.serving.unlink(missing_ok=True)


def find_server(place: CampaignFolder) -> Server | None:
    """Who was announced last; after a kill it may be gone."""
    with suppress(OSError, ValueError, TypeError):
        return Server(**json.loads(place.serving.read_text(encoding="utf-8")))
    return None


@contextmanager
def reach(folder: Path) -> Iterator[Call]:
    """Yields what calls the manager's interface of a campaign.

    Raises:
        DataError: the server refuses what it is asked for; or no such campaign.
        StoreError: somebody else has the campaign and does not answer.
    """
    place = CampaignFolder(folder)
    try:
        live = LiveCampaign(folder)
    except ServedError as served:
        server = find_server(place)
        if server is None:
            raise served from None
        yield _caller(server.url, server.token, httpx.AsyncHTTPTransport(), served)
        return
    try:
        token = live.links.token(live.admin())
        yield _caller(NOWHERE, token, httpx.ASGITransport(create_app(live)), StoreError("No answer."))
    finally:
        live.close()


def _caller(url: str, token: str, transport: httpx.AsyncBaseTransport, otherwise: StoreError) -> Call:
    async def request(method: str, path: str, content: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url=url, timeout=SECONDS_TO_WAIT) as client:
            return await client.request(method, f"/api/manage{path}", headers=headers, json=content)

    def call(method: str, path: str, *, content: object = None) -> Any:
        try:
            response = asyncio.run(request(method, path, content))
        except httpx.TransportError:
            raise otherwise from None
        if response.is_error:
            raise DataError(_detail(response))
        return response.json()

    return call


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The server answers {response.status_code} to {response.request.url.path}; see what it printed."
