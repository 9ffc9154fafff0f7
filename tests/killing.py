"""A way to be killed at every n-th transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from askless.store import journal as journal_module
from askless.store.log import Log


class Killed(BaseException):
    """Nothing catches it but a test, as nothing catches a kill."""


@contextmanager
def killed_at(n: int, *, is_committed: bool) -> Iterator[None]:
    """Raises `Killed` at the end of the n-th transaction that writes: right before its commit, or right after."""
    append_entries, transaction = journal_module.append_entries, Log.transaction
    n_writes = 0
    is_due = False

    def append(connection: Connection, entries: list[Any]) -> None:
        nonlocal n_writes, is_due
        append_entries(connection, entries)
        n_writes += bool(entries)
        is_due = bool(entries) and n_writes == n
        if is_due and not is_committed:
            raise Killed

    @contextmanager
    def transact(log: Log) -> Iterator[Connection]:
        with transaction(log) as connection:
            yield connection
        if is_due:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "append_entries", append)
        patch.setattr(Log, "transaction", transact)
        yield


def until_it_lives(live: Callable[[], Any], n: int, *, is_committed: bool, after_death: Callable[[], None]) -> int:
    """Calls `live` again and again, each time killed at its n-th writing transaction, until it comes to its end.

    Returns:
        How often it was killed.
    """
    n_deaths = 0
    while True:
        try:
            with killed_at(n, is_committed=is_committed):
                live()
        except Killed:
            n_deaths += 1
            after_death()
        else:
            return n_deaths
