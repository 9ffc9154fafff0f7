"""Entries to write and read in tests of logs."""

import threading
from collections.abc import Callable

from askless.store.entries import Entry, Kind
from askless.store.journal import Journal
from askless.store.log import Log, read_entries


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
