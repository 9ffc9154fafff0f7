"""What many requests ask and tell at once is one commit: all of it or none, and nobody spoils it for the others."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from askless.campaign import Campaign
from askless.errors import AnswerError, ConfigError, StoreError
from askless.server.writer import MAX_TOGETHER, Writer
from askless.store.log import Log
from askless.types import Answer
from killing import Killed, killed_at
from log_entries import assert_nothing_lost_or_doubled, run_together
from small_campaign import TRUTH, assert_same, create, fold, read, read_file, reopen
from stores import Store

Work = Callable[[], Any]


@pytest.fixture
def campaign(place: str | Path) -> Iterator[Campaign]:
    campaign = create(place, keeps_estimates=True, max_risk=0.0, sampler={"max_per_item": 3})
    yield campaign
    campaign.close()


@pytest.fixture
def writer(campaign: Campaign) -> Iterator[Writer]:
    writer = Writer(campaign)
    yield writer
    writer.close()


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each that was begun."""
    begun: list[str] = []
    transaction = Log.transaction

    @contextmanager
    def noted(log: Log) -> Iterator[Connection]:
        begun.append("begun")
        with transaction(log) as connection:
            yield connection

    monkeypatch.setattr(Log, "transaction", noted)
    return begun


async def together(writer: Writer, *works: Work) -> list[Any]:
    """What each returns or raises; they have all come while the thread was busy."""
    gate = threading.Event()
    doings = [asyncio.ensure_future(writer.do(work)) for work in (lambda: gate.wait(20), *works)]
    await asyncio.sleep(0)
    gate.set()
    return (await asyncio.gather(*doings, return_exceptions=True))[1:]


def join(campaign: Campaign, name: str) -> Work:
    def work() -> str:
        campaign.join([name])
        return name

    return work


def test_what_comes_together_is_one_commit_in_its_order(
    campaign: Campaign, writer: Writer, transactions: list[str]
) -> None:
    names = [f"name {i}" for i in range(20)]
    assert asyncio.run(together(writer, *(join(campaign, name) for name in names))) == names
    assert len(transactions) == 2, "one for whoever kept the thread busy, one for all others"
    assert campaign.annotators == tuple(names)
    assert_same(campaign._journal.ledger, fold(read(campaign)))


def test_a_group_has_an_end(campaign: Campaign, writer: Writer, transactions: list[str]) -> None:
    names = [f"name {i}" for i in range(2 * MAX_TOGETHER)]
    asyncio.run(together(writer, *(join(campaign, name) for name in names)))
    assert len(transactions) == 3
    assert campaign.annotators == tuple(names)


def test_who_fails_before_writing_fails_alone(campaign: Campaign, writer: Writer, transactions: list[str]) -> None:
    def bad() -> None:
        campaign.tell(77, [Answer(0, 0)])

    ann, error, bob = asyncio.run(together(writer, join(campaign, "ann"), bad, join(campaign, "bob")))
    assert (ann, bob, campaign.annotators) == ("ann", "bob", ("ann", "bob"))
    assert isinstance(error, AnswerError)
    assert len(transactions) == 2


def test_who_fails_after_writing_leaves_nothing_behind_and_others_are_kept(campaign: Campaign, writer: Writer) -> None:
    def half_done() -> None:
        campaign.join(["eve"])
        raise ConfigError("Not eve.")

    ann, error, bob = asyncio.run(together(writer, join(campaign, "ann"), half_done, join(campaign, "bob")))
    assert (ann, bob, campaign.annotators) == ("ann", "bob", ("ann", "bob"))
    assert isinstance(error, ConfigError)
    assert_same(campaign._journal.ledger, fold(read(campaign)))


def test_nothing_is_acknowledged_that_could_not_be_committed(
    campaign: Campaign, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(connection: Connection, entries: list[Any]) -> None:
        if entries:
            raise StoreError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("askless.store.journal.append_entries", full)
        outcomes = asyncio.run(together(writer, join(campaign, "ann"), join(campaign, "bob")))
    assert [str(one) for one in outcomes] == ["The disk is full."] * 2
    assert campaign.annotators == ()
    assert asyncio.run(together(writer, join(campaign, "eve"))) == ["eve"]
    assert campaign.annotators == ("eve",)


@pytest.mark.parametrize("is_committed", [False, True])
def test_killed_on_the_way_nothing_acknowledged_is_lost(
    campaign: Campaign, writer: Writer, kept_store: Store, is_committed: bool
) -> None:
    before = asyncio.run(together(writer, join(campaign, "ann")))
    with killed_at(1, is_committed=is_committed):
        outcomes = asyncio.run(together(writer, join(campaign, "bob"), join(campaign, "eve")))
    assert before == ["ann"]
    assert [type(one) for one in outcomes] == [Killed, Killed], "so nobody was told that it is kept"
    assert kept_store.place is not None
    again = reopen(kept_store.place)
    assert again.annotators == (("ann", "bob", "eve") if is_committed else ("ann",))
    again.close()


def test_many_loops_and_threads_at_once(campaign: Campaign, writer: Writer, place: str | Path) -> None:
    acknowledged: list[str] = []

    async def answer(name: str) -> None:
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            batches, others = await writer.do(lambda: (campaign.ask([name]), campaign.leased()))
            if not batches and not others:
                return
            if not batches:
                await asyncio.sleep(0.001)  # others hold what is left
            for batch in batches:
                for item in batch.items:
                    one = Answer(item, int(TRUTH[item]), id=uuid4().bytes)
                    number = batch.id
                    await writer.do(lambda one=one, number=number: campaign.tell(number, [one], annotator=name))
                    assert one.id is not None
                    acknowledged.append(one.id.hex())

    async def all_of(names: list[str]) -> None:
        await asyncio.gather(*map(answer, names))

    crowds: list[Coroutine[Any, Any, None]] = [all_of([f"{who} {i}" for i in range(4)]) for who in ("ann", "bob")]
    run_together([lambda crowd=crowd: asyncio.run(crowd) for crowd in crowds])  # type: ignore[misc]
    entries = read_file(place)
    assert_nothing_lost_or_doubled(entries, acknowledged)
    assert len(acknowledged) == 3 * (campaign.dataset.n_items - len(campaign.prototypes))


def test_who_has_gone_away_is_written_all_the_same(campaign: Campaign, writer: Writer) -> None:
    async def leave() -> None:
        gate = threading.Event()
        first = asyncio.ensure_future(writer.do(lambda: gate.wait(20)))
        second = asyncio.ensure_future(writer.do(join(campaign, "ann")))
        await asyncio.sleep(0)
        second.cancel()
        gate.set()
        assert await first
        assert await writer.do(join(campaign, "bob")) == "bob"

    asyncio.run(leave())
    assert campaign.annotators == ("ann", "bob")
