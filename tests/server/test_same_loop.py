"""The same crowd in process and over HTTP: equal logs, row by row."""

from contextlib import closing
from pathlib import Path
from typing import Protocol
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient

from askless.campaign import Campaign
from askless.server.app import create_app
from askless.server.live import LiveCampaign
from askless.simulate import noise
from askless.simulate.crowds import Crowd, annotator_names
from askless.simulate.drawn import ConfusionCrowd
from askless.store.entries import Kind
from askless.types import Answer, Batch, SkipReason
from askless.workspace import open_campaign
from small_campaign import Clock, read_file
from small_folder import CLASSES, TRUTH, make_folder

SETTINGS = """
budget = 30
batch_size = 20
[campaign.learner]
max_epochs = 10
hidden_size = 8
minibatch_size = 32
[page]
ahead = 5
"""
PEOPLE = annotator_names(4)


def make_crowd() -> Crowd:
    confusion = noise.uniform(len(PEOPLE), len(CLASSES), 0.7, 0.1, 5)
    return ConfusionCrowd(
        names=PEOPLE, confusion=confusion, truth=TRUTH, seed=5, population_counts=confusion.mean(axis=0)
    )


class Way(Protocol):
    """How an annotator comes to the campaign."""

    campaign: Campaign

    def ask(self, name: str) -> list[Batch]: ...

    def tell(self, name: str, batch: Batch, answers: list[Answer]) -> None: ...

    def undo(self, name: str, batch: Batch, answer: Answer) -> None: ...


class InProcess:
    def __init__(self, campaign: Campaign, ahead: int) -> None:
        self.campaign = campaign
        self._ahead = ahead

    def ask(self, name: str) -> list[Batch]:
        batches: list[Batch] = []
        while sum(len(batch.items) for batch in batches) < self._ahead:
            more = self.campaign.ask([name], 1, batch_size=self._ahead)
            if not more:
                break
            batches += more
        return batches

    def tell(self, name: str, batch: Batch, answers: list[Answer]) -> None:
        self.campaign.tell(batch.id, answers)

    def undo(self, name: str, batch: Batch, answer: Answer) -> None:
        assert answer.id is not None
        assert self.campaign.undo(name, answer.id)


class OverHttp:
    """Everything twice: a page that has not heard of an acknowledgement sends again."""

    def __init__(self, live: LiveCampaign, client: TestClient, tokens: dict[str, str]) -> None:
        self.campaign = live.campaign
        self._names = live.item_names
        self._client = client
        self._headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}

    def ask(self, name: str) -> list[Batch]:
        reply = self._client.post("/api/batches", json={}, headers=self._headers[name]).raise_for_status().json()
        return [
            Batch(batch["id"], name, tuple(self._names.item(one["item"]) for one in batch["items"]), batch["ends"])
            for batch in reply["batches"]
        ]

    def tell(self, name: str, batch: Batch, answers: list[Answer]) -> None:
        self._send(name, [self._event(batch, answer) | {"response_ms": answer.response_ms} for answer in answers])

    def undo(self, name: str, batch: Batch, answer: Answer) -> None:
        event = self._event(batch, answer)
        undo = {"id": str(UUID(int=1)), "kind": "undo", "undoes": event["id"], "label": None, "reason": None}
        self._send(name, [event | undo])

    def _event(self, batch: Batch, answer: Answer) -> dict[str, object]:
        return {
            "id": str(UUID(bytes=answer.id)),
            "kind": "answer",
            "batch": batch.id,
            "item": self._names.name(answer.item),
            "label": answer.label,
            "reason": answer.reason,
        }

    def _send(self, name: str, events: list[dict[str, object]]) -> None:
        for status in ("kept", "repeated"):
            reply = self._client.post("/api/events", json={"events": events}, headers=self._headers[name])
            assert {result["status"] for result in reply.raise_for_status().json()["results"]} == {status}


def drive(way: Way, clock: Clock) -> None:
    """Rounds until the campaign stops. Now and then somebody is unsure, or takes the last answer back."""
    rng = np.random.default_rng(0)
    crowd = make_crowd()
    way.campaign.take(way.campaign.infer_now())
    for _ in range(30):
        for name in PEOPLE:
            for batch in way.ask(name):
                answers = [
                    Answer(one.item, None, 700, rng.bytes(16), SkipReason.UNSURE)
                    if rng.random() < 0.1
                    else Answer(one.item, one.label, 900, rng.bytes(16))
                    for one in crowd.answer(batch)
                ]
                clock.now += 3
                way.tell(name, batch, answers)
                if rng.random() < 0.2:
                    way.undo(name, batch, answers[-1])
                    way.tell(name, batch, [Answer(answers[-1].item, 0, 400, rng.bytes(16))])
        way.campaign.take(way.campaign.infer_now())
        if way.campaign.stopped:
            return
    raise AssertionError("It does not stop.")


def in_process(folder: Path, clock: Clock) -> None:
    with closing(open_campaign(folder, keeps_estimates=True, clock=clock)) as campaign:
        for name in PEOPLE:
            campaign.invite(name, "annotator")
        drive(InProcess(campaign, 5), clock)


def over_http(folder: Path, clock: Clock) -> None:
    with closing(LiveCampaign(folder, clock=clock)) as live, TestClient(create_app(live)) as client:
        tokens = {name: live.links.token(live.campaign.invite(name, "annotator")) for name in PEOPLE}
        drive(OverHttp(live, client, tokens), clock)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return [make_folder(tmp_path / name, settings=SETTINGS, n_known=10) for name in ("one", "two")]


def test_the_same_crowd_leaves_the_same_log(folders: list[Path]) -> None:
    one, two = folders
    in_process(one, Clock())
    over_http(two, Clock())
    here, there = read_file(one / "log.db"), read_file(two / "log.db")
    for a, b in zip(here, there, strict=True):
        assert a == b
    kinds = {entry.kind for entry in here}
    assert kinds >= {Kind.ANSWERED, Kind.SKIPPED, Kind.UNDONE, Kind.REFRESHED, Kind.STOPPED, Kind.INVITED}
    assert sum(entry.kind == Kind.ANSWERED for entry in here) >= 30
