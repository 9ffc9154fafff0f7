"""The fold over a log, one kind of entry at a time. (`test_campaign.py` compares it with live writing.)"""

import json
from typing import Any

import numpy as np
import pytest

from askless.errors import StoreError
from askless.store.entries import Entry, Kind
from askless.store.ledger import Ledger
from askless.types import SkipReason
from small_campaign import fold


class Writer:
    """Entries at the positions that follow each other, folded as they come."""

    def __init__(self) -> None:
        self.ledger = Ledger(6, 3)
        self.entries: list[Entry] = []

    def add(self, kind: Kind, **fields: Any) -> int:
        entry = Entry(self.ledger.position + 1, kind, 0.0, **fields)
        self.ledger.apply(entry)
        self.entries.append(entry)
        return entry.position

    def join(self, name: str) -> int:
        return self.add(Kind.JOINED, annotator=len(self.ledger.names), payload={"name": name})

    def lease(self, annotator: int, *items: int, end: float = 9.0) -> int:
        batch = self.ledger.position + 1
        return self.add(Kind.LEASED, annotator=annotator, batch=batch, payload={"items": list(items), "end": end})

    def answer(self, batch: int, item: int, label: int | None, answer_id: bytes | None = None) -> int:
        kind = Kind.SKIPPED if label is None else Kind.ANSWERED
        annotator = self.ledger.batches[batch].annotator
        return self.add(kind, annotator=annotator, batch=batch, item=item, label=label, answer_id=answer_id)

    def refresh(self, n_annotations: int, confident: int) -> int:
        payload = {"upto": self.ledger.position, "n_annotations": n_annotations, "confident": confident, "digest": ""}
        return self.add(Kind.REFRESHED, payload=payload)


@pytest.fixture
def log() -> Writer:
    writer = Writer()
    writer.join("ann")
    writer.join("bob")
    return writer


def counts(ledger: Ledger) -> tuple[int, int, list[int], list[int]]:
    promised = sorted(ledger.promised_items().tolist())
    return ledger.n_annotations, ledger.n_late, ledger.n_labels.tolist(), promised


def test_an_empty_ledger() -> None:
    ledger = Ledger(6, 3)
    assert (ledger.names, ledger.n_promised, ledger.n_new, ledger.stopped) == ([], 0, 0, None)
    assert len(ledger.annotations()) == ledger.annotations().n_annotators == 0
    assert ledger.promised_items().dtype == np.int64
    assert counts(ledger) == (0, 0, [0] * 6, [])


def test_joined(log: Writer) -> None:
    assert log.ledger.names == ["ann", "bob"]
    assert log.ledger.index == {"ann": 0, "bob": 1}
    assert log.ledger.asked(1).tolist() == []
    assert log.ledger.annotations().n_annotators == 2


def test_leased(log: Writer) -> None:
    a, b = log.lease(1, 4, 0), log.lease(0, 2, end=7.5)
    assert counts(log.ledger) == (0, 0, [0] * 6, [0, 2, 4])
    assert log.ledger.n_promised == 3
    assert log.ledger.live[a].batch.items == (4, 0)
    assert (log.ledger.live[b].batch.annotator, log.ledger.live[b].batch.lease_end) == ("ann", 7.5)
    assert [log.ledger.n_asked(j) for j in (0, 1)] == [1, 2]
    assert log.ledger.asked(1).tolist() == []


def test_answered(log: Writer) -> None:
    batch = log.lease(1, 4, 0)
    log.answer(batch, 0, 2, b"a" * 16)
    assert counts(log.ledger) == (1, 0, [1, 0, 0, 0, 0, 0], [4])
    assert log.ledger.answer_ids == {b"a" * 16: (1, 0, batch, 4)}
    assert log.ledger.asked(1).tolist() == [0]
    assert log.ledger.n_asked(1) == 2
    log.answer(batch, 4, 1)
    assert counts(log.ledger) == (2, 0, [1, 0, 0, 0, 1, 0], [])
    assert log.ledger.live == {}
    assert batch in log.ledger.batches
    annotations = log.ledger.annotations()
    assert (annotations.item.tolist(), annotations.annotator.tolist()) == ([0, 4], [1, 1])
    assert annotations.label.tolist() == [2, 1]


def test_skipped_is_no_annotation_but_an_answer(log: Writer) -> None:
    batch = log.lease(0, 3)
    log.answer(batch, 3, None, b"s" * 16)
    assert counts(log.ledger) == (0, 0, [0] * 6, [])
    assert log.ledger.said == [{3: SkipReason.SKIP}, {}]
    assert log.ledger.asked(0).tolist() == [3]
    assert log.ledger.answer_ids == {b"s" * 16: (0, 3, batch, 4)}
    assert log.ledger.live == {}


def test_refused_changes_nothing_but_the_position(log: Writer) -> None:
    batch = log.lease(0, 3, 4)
    log.answer(batch, 3, 1)
    log.add(Kind.REFUSED, annotator=0, batch=batch, item=3, label=2, answer_id=b"r" * 16)
    assert counts(log.ledger) == (1, 0, [0, 0, 0, 1, 0, 0], [4])
    assert log.ledger.said[0] == {3: 1}
    assert log.ledger.answer_ids == {}
    assert log.ledger.position == 5


@pytest.mark.parametrize("kind", [Kind.RELEASED, Kind.EXPIRED])
def test_released_and_expired_free_what_is_left_and_late_answers_count(log: Writer, kind: Kind) -> None:
    batch = log.lease(0, 3, 4, 5)
    log.answer(batch, 3, 1)
    log.add(kind, batch=batch)
    assert counts(log.ledger) == (1, 0, [0, 0, 0, 1, 0, 0], [])
    assert log.ledger.n_asked(0) == 1
    log.answer(batch, 5, 0)
    assert counts(log.ledger) == (2, 1, [0, 0, 0, 1, 0, 1], [])


def test_a_late_answer_settles_the_item_where_it_is_leased_again(log: Writer) -> None:
    first = log.lease(0, 3, 4)
    log.add(Kind.EXPIRED, batch=first)
    again, other = log.lease(0, 4, 5), log.lease(1, 3)
    log.answer(first, 4, 1)
    log.answer(first, 3, 1)
    assert counts(log.ledger) == (2, 2, [0, 0, 0, 1, 1, 0], [3, 5])
    assert log.ledger.n_asked(0) == 3
    log.answer(again, 5, 1)
    assert list(log.ledger.live) == [other]


def test_refreshed_and_stopped(log: Writer) -> None:
    log.refresh(0, 2)
    log.refresh(7, 5)
    assert log.ledger.confident_history == [2, 5]
    assert log.ledger.n_new == -7
    log.add(Kind.STOPPED, payload={"reason": "budget"})
    assert log.ledger.stopped == "budget"


@pytest.mark.parametrize("position", [0, 2, 4, 5])
def test_positions_follow_each_other(log: Writer, position: int) -> None:
    with pytest.raises(StoreError, match=f"jumps from entry 2 to {position}"):
        log.ledger.apply(Entry(position, Kind.STOPPED, 0.0, payload={"reason": "budget"}))
    assert (log.ledger.position, log.ledger.stopped) == (2, None)


def test_annotations_are_a_copy(log: Writer) -> None:
    batch = log.lease(0, 3, 4)
    log.answer(batch, 3, 1)
    before = log.ledger.annotations()
    log.answer(batch, 4, 1)
    before.label[0] = 2
    assert len(before) == 1
    assert log.ledger.annotations().label.tolist() == [1, 1]


def test_payloads_are_plain_json(log: Writer) -> None:
    log.lease(0, 1)
    log.refresh(0, 0)
    for entry in log.entries:
        assert json.loads(json.dumps(entry.payload)) == entry.payload
    assert fold(log.entries, 6, 3) == log.ledger
