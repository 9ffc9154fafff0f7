"""serving.json: who serves a campaign, and where; written so that no other user of the machine can read it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from askless.data.durable import write_private
from askless.data.folder import CampaignFolder


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
    write_private(temporary, json.dumps(asdict(server)))
    temporary.replace(place.serving)
    try:
        yield
    finally:
        announced = find_server(place)
        if announced is None or announced.pid == server.pid:  # another server of the same log may have come since
            place.serving.unlink(missing_ok=True)


def find_server(place: CampaignFolder) -> Server | None:
    """Who was announced last; after a kill it may be gone."""
    with suppress(OSError, ValueError, TypeError):
        return Server(**json.loads(place.serving.read_text(encoding="utf-8")))
    return None
