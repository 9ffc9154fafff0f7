"""A server killed under load: what it has acknowledged is in its log, once."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from askless.data.folder import CampaignFolder
from askless.server.answers import State
from askless.server.live import LiveCampaign
from askless.store.entries import Kind
from served_campaign import make_campaign
from server_process import TABLES, started
from small_campaign import read_file

pytestmark = pytest.mark.slow

N_ITEMS, N_KILLS, N_ANSWERS_BETWEEN = 32, 3, 30


class Browser:
    """What a page does: answers go into an outbox, and are sent until they are acknowledged, whatever happens."""

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}
        self.outbox: dict[str, dict[str, Any]] = {}
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []

    def work(self, url: str) -> None:
        """Asks and answers until the campaign is over, or the server is gone."""
        with httpx.Client(base_url=url, headers=self._headers, timeout=20) as client:
            try:
                while True:
                    self._send(client)
                    held = client.post("/api/batches", json={}).raise_for_status().json()
                    if held["state"] == State.FINISHED:
                        return
                    if not held["batches"]:
                        time.sleep(0.02)  # others hold what is left
                    for batch in held["batches"]:
                        for one in batch["items"]:
                            event = {"kind": "answer", "batch": batch["id"], "item": one["item"], "label": 0}
                            number = str(uuid4())
                            self.outbox[number] = event | {"id": number}
                            self._send(client)
            except httpx.TransportError:
                return

    def _send(self, client: httpx.Client) -> None:
        if self.outbox:
            reply = client.post("/api/events", json={"events": list(self.outbox.values())}).raise_for_status()
            for result in reply.json()["results"]:
                if result["status"] == "refused":
                    self.refused.append(result["detail"])
                self.acknowledged.add(result["id"])
                del self.outbox[result["id"]]


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "shapes", N_ITEMS, settings=TABLES)
    with closing(LiveCampaign(folder)) as live:
        people = [live.campaign.invite(name, "annotator") for name in ("ann", "bob", "eve", "joe")]
        browsers = [Browser(live.links.token(one)) for one in people]

    def n_acknowledged() -> int:
        return sum(len(browser.acknowledged) for browser in browsers)

    with ThreadPoolExecutor(len(browsers)) as pool:
        for n_kill in range(N_KILLS + 1):
            with started("serve", folder) as (server, said):
                work = [pool.submit(browser.work, said["url"]) for browser in browsers]
                if n_kill < N_KILLS:
                    n_before_the_kill = N_ANSWERS_BETWEEN * (n_kill + 1)
                    while n_acknowledged() < n_before_the_kill and not any(one.done() for one in work):
                        time.sleep(0.002)
                    server.kill()
                for one in work:
                    one.result(60)
    entries = [entry for entry in read_file(CampaignFolder(folder).log) if entry.kind == Kind.ANSWERED]
    there = [str(UUID(bytes=entry.answer_id)) for entry in entries]
    assert len(there) == len(set(there)) == len({(entry.annotator, entry.item) for entry in entries})
    assert set.union(*(browser.acknowledged for browser in browsers)) == set(there)
    assert len(there) == 4 * N_ITEMS
    assert [browser.refused for browser in browsers] == [[]] * 4
