"""Entries to write and read in tests of logs."""

import threading
from collections import Counter
from collections.abc import Callable

from askless.store.entries import Entry, Kind
from askless.store.journal import Journal
from askless.store.ledger import Ledger
from askless.store.log import Log, read_entries
from small_campaign import K, N


def joined(position: int) -> Entry:
    return Entry(position, Kind.JOINED, 0.0, annotator=position - 1, payload={"name": f"name {position}"})


def read_all(log: Log, after: int = 0) -> list[Entry]:
    with log.transaction() as connection:
        return list(read_entries(connection, after))


def join_many(journal: Journal, who: str, n: int) -> None:
    for i in range(n):
        with journal.writing() as (ledger, append):
            append(Kind.JOINED, annotator=len(ledger.names), payload={"name": f"{who} {i}"})


def run_together(tasks: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, started at once; what one raises is raised here."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], None]) -> None:
        start.wait()
        try:
            task()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def assert_nothing_lost_or_doubled(entries: list[Entry], acknowledged: list[str]) -> None:
    """Also that no item was ever promised to two people at once."""
    ledger = Ledger(N, K)
    for entry in entries:
        promised = set(ledger.promised_items().tolist())
        ledger.apply(entry)
        if entry.kind == Kind.LEASED:
            assert not promised & set((entry.payload or {})["items"])
    answered = [entry for entry in entries if entry.kind == Kind.ANSWERED]
    ids = Counter(entry.answer_id.hex() for entry in answered if entry.answer_id)
    assert max(Counter((entry.annotator, entry.item) for entry in answered).values()) == 1
    assert max(ids.values()) == 1
    assert set(acknowledged) <= set(ids)
    assert len(set(acknowledged)) == len(acknowledged)
