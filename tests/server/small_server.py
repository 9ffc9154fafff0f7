"""A small campaign that is served: pictures, gold, three people with answers, a link for every role."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from askless.server.app import create_app
from askless.server.live import LiveCampaign
from askless.store.entries import Entry, Kind
from askless.types import Answer
from small_folder import TRUTH, make_folder

N_PROTOTYPES, N_KNOWN = 3, 6
START = 1_700_000_000.0
DAY = 86400.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    """A live campaign, a client of its application, and the token of each kind of person."""

    live: LiveCampaign
    client: TestClient
    clock: Clock
    tokens: dict[str, str]

    def get(self, path: str, who: str = "admin") -> Any:
        return self.client.get(path, headers=self.headers(who))

    def post(self, path: str, body: Any = None, who: str = "admin") -> Any:
        return self.client.post(path, json=body, headers=self.headers(who))

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"} if self.tokens[who] else {}

    def log(self, kind: Kind) -> list[Entry]:
        return [entry for entry in self.live.campaign.entries() if entry.kind == kind]


@contextmanager
def serve(folder: Path, *, settings: str = "", is_answered: bool = True) -> Iterator[Served]:
    """The folder of `small_folder`, with gold, under a clock that stands still; nothing infers but `refresh`."""
    make_folder(folder, n_prototypes=N_PROTOTYPES, n_known=N_KNOWN, settings=settings)
    clock = Clock()
    live = LiveCampaign(folder, clock=clock)
    try:
        if is_answered:
            answer(live, clock)
        invite = live.campaign.invite
        ids = {role: invite(role, role) for role in ("annotator", "viewer", "admin")}
        tokens = {role: live.links.token(place) for role, place in ids.items()}
        invite("spare", "annotator")
        ended, revoked = invite("late", "admin", START - 1), invite("gone", "admin")
        live.campaign.revoke(revoked)
        tokens |= {"ended": live.links.token(ended), "revoked": live.links.token(revoked)}
        tokens |= {"nobody": "", "forger": forge(tokens["admin"]), "never": live.links.token(10**6)}
        yield Served(live, TestClient(create_app(live), raise_server_exceptions=False), clock, tokens)
    finally:
        live.close()


def forge(token: str) -> str:
    """The same content under a signature that is another one."""
    content, _, signature = token.rpartition(".")
    return f"{content}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def answer(live: LiveCampaign, clock: Clock) -> None:
    """Ann is right, bob is sometimes wrong, also about gold, and eve reports a broken image; ten seconds each."""
    campaign = live.campaign
    for i in range(N_PROTOTYPES, 12):
        clock.now += 10
        campaign.record("ann", [Answer(i, int(TRUTH[i]), 1000 + i)])
        campaign.record("bob", [Answer(i, int(TRUTH[i] + (i % 4 == 0)) % 3, 900 + i)])
    campaign.record("eve", [Answer(12, None, 700, reason="broken"), Answer(13, None, 800), Answer(6, 2, 100)])  # type: ignore[arg-type]
    campaign.refresh()
