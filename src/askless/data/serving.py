"""serving-PID@MACHINE.json: a server of a campaign, and where; no other user of the machine can read it."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from askless.data.durable import write_private
from askless.data.folder import CampaignFolder

PATH = "/api/serving"
"""Where a server answers with status 204 whoever has its token."""
SECONDS_TO_ANSWER = 3.0


@dataclass(frozen=True)
class Server:
    """One process that serves a campaign; several may if its log is in PostgreSQL.

    Args:
        url: where this machine reaches the server.
        public_url: where everybody else does.
        pid: of its process.
        token: of an admin, that no other process takes.
    """

    url: str
    public_url: str
    pid: int
    token: str


@contextmanager
def announce(place: CampaignFolder, server: Server) -> Iterator[None]:
    """For as long as the block takes, commands find this server; what servers left that were killed here goes."""
    machine = socket.gethostname()
    for path in place.root.glob(f"serving-*@{machine}.json"):
        if _ask(path) is None:
            path.unlink(missing_ok=True)
    own = place.root / f"serving-{server.pid}@{machine}.json"
    temporary = own.with_suffix(".tmp")
    write_private(temporary, json.dumps(asdict(server)))
    temporary.replace(own)
    try:
        yield
    finally:
        own.unlink(missing_ok=True)


def find_server(place: CampaignFolder) -> Server | None:
    """The first server of a campaign that was announced and answers; a file alone is not believed."""
    servers = (_ask(path) for path in sorted(place.root.glob("serving-*@*.json")))
    return next((server for server in servers if server is not None), None)


def _ask(announcement: Path) -> Server | None:
    """The server that an announcement speaks of, if that very process answers there."""
    import httpx

    with suppress(OSError, ValueError, TypeError, httpx.HTTPError, httpx.InvalidURL):
        server = Server(**json.loads(announcement.read_text(encoding="utf-8")))
        headers = {"Authorization": f"Bearer {server.token}"}
        reply = httpx.get(f"{server.url}{PATH}", headers=headers, timeout=SECONDS_TO_ANSWER, trust_env=False)
        if reply.status_code == 204:
            return server
    return None
