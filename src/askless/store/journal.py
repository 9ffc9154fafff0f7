"""A ledger kept in step with its log, also when other processes write to the same log."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection

from askless.errors import StoreError
from askless.store.entries import Entry, Kind
from askless.store.ledger import Ledger
from askless.store.log import Log, append_entries, read_entries


class Append(Protocol):
    """Adds an entry at the next position; its fields are those of `Entry`."""

    def __call__(self, kind: Kind, **fields: Any) -> Entry: ...


class Journal:
    """The way to a log for everyone: inside `reading` and `writing`, `ledger` says what the log says.

    Threads take turns. Processes do too, since a writing transaction locks the log before it looks. Where
    `n_extensions` is set, the log of a campaign that somebody else has extended since is not read any more. Where
    `is_alone` is set, no other process writes, so that looking needs no look at the disk.
    """

    def __init__(self, log: Log, n_items: int, n_classes: int, clock: Callable[[], float] = time.time) -> None:
        self.log = log
        self.clock = clock
        self._size = n_items, n_classes
        self.ledger = Ledger(*self._size)
        self.n_extensions: int | None = None
        self.is_alone = False
        self._whole: Ledger | None = None
        self._lock = threading.RLock()
        self._append: Append | None = None
        self._writer = 0

    def is_writing(self) -> bool:
        """Whether this thread is inside `writing`."""
        return self._append is not None and self._writer == threading.get_ident()

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        with self._lock:
            if self._append is None and not (self.is_alone and self.ledger.position):
                with self._never_ahead(), self.log.reading() as connection:
                    self._catch_up(connection)
            yield self.ledger

    @contextmanager
    def glancing(self) -> Iterator[Ledger]:
        """For one look-up by a key: as `reading`, but where nobody else writes, without waiting for a commit.

        What it finds may be in the making. After a commit that failed it waits until the log has been read again.
        """
        if self.is_alone and (whole := self._whole):
            yield whole
            return
        with self.reading() as ledger:
            yield ledger

    @contextmanager
    def writing(self) -> Iterator[tuple[Ledger, Append]]:
        """One transaction: all entries appended inside are on disk at its end, or none.

        Inside another one it is part of that, and on disk at the end of the outer one.
        """
        with self._lock:
            if self._append is not None:
                yield self.ledger, self._append
                return
            written: list[Entry] = []
            self._append, self._writer = self._appender(written), threading.get_ident()
            try:
                with self._never_ahead(), self.log.transaction() as connection:
                    self._catch_up(connection)
                    yield self.ledger, self._append
                    append_entries(connection, written)
            finally:
                self._append = None

    @contextmanager
    def _never_ahead(self) -> Iterator[None]:
        """After a failure inside, the ledger may say more than the log: it is emptied, and read anew when next used."""
        before = self.ledger.position
        try:
            yield
        except BaseException:
            if self.ledger.position != before:
                self.ledger, self._whole = Ledger(*self._size), None
            raise

    def _appender(self, written: list[Entry]) -> Append:
        def append(kind: Kind, **fields: Any) -> Entry:
            entry = Entry(self.ledger.position + 1, kind, self.clock(), **fields)
            self.ledger.apply(entry)
            written.append(entry)
            return entry

        return append

    def _catch_up(self, connection: Connection) -> None:
        for entry in read_entries(connection, self.ledger.position):
            self.ledger.apply(entry)
        self._whole = self.ledger
        if self.n_extensions is not None and len(self.ledger.extensions) > self.n_extensions:
            raise StoreError(
                "The campaign has new items, classes or features since it was opened here; open it again to go on."
            )
