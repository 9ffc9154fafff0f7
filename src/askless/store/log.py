"""The append-only log in a database: the only truth on disk.

One transaction at a time writes (`BEGIN IMMEDIATE`); a commit is on disk when it returns (WAL, synchronous FULL).
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import URL, Connection, Dialect, Engine, bindparam, create_engine, event, insert, inspect, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from askless.errors import StoreError
from askless.store import schema
from askless.store.entries import Entry, Kind
from askless.types import Dataset, Prototypes

READ_ENTRIES = (
    select(schema.entry).where(schema.entry.c.position > bindparam("after")).order_by(schema.entry.c.position)
)
MIGRATIONS = resources.files("askless") / "store" / "migrations"


class Log:
    """An opened log. Use `create_log` or `open_log`."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self._engine = engine
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the log that waits for nobody who writes."""
        with _readable_errors(self.path), self._engine.connect() as connection:
            connection.execution_options(is_reading=True)
            with connection.begin():
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Everything inside is committed together at the end, or not at all."""
        with _readable_errors(self.path), self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def create_log(path: Path | None, dataset: Dataset, prototypes: Prototypes, header: dict[str, bytes]) -> Log:
    """A new log at `path`, or in memory for None, holding the items and the header.

    Raises:
        StoreError: a file is there already, or cannot be made.
    """
    if path is None:
        log = Log(_engine(None), None)
        _fill(log, dataset, prototypes, header)
        return log
    if path.exists():
        raise StoreError(f"{path} exists already; open it, or choose another name.")
    if not path.parent.is_dir():
        raise StoreError(f"The folder {path.parent} for the log does not exist; make it first.")
    new = path.with_name(f"{path.name}.{uuid4().hex}.new")
    log = Log(_engine(new, is_new=True), new)
    try:
        _fill(log, dataset, prototypes, header)
        log.close()
        _remove_companions(path)  # a log that was deleted may have left its -wal, which must not flow into this one
        os.link(new, path)  # unlike a rename, it never replaces what somebody else has made meanwhile
    except FileExistsError as error:
        raise StoreError(f"{path} exists already; open it, or choose another name.") from error
    finally:
        log.close()
        new.unlink(missing_ok=True)
        _remove_companions(new)
    return Log(_engine(path), path)


def _remove_companions(path: Path) -> None:
    """Removes the files that SQLite keeps beside a log."""
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _fill(log: Log, dataset: Dataset, prototypes: Prototypes, header: dict[str, bytes]) -> None:
    known = dict(zip(prototypes.item.tolist(), prototypes.label.tolist(), strict=True))
    images = dataset.images or (None,) * dataset.n_items
    with log.transaction() as connection:
        _migrate(connection)
        connection.execute(insert(schema.campaign), [{"key": key, "value": value} for key, value in header.items()])
        connection.execute(
            insert(schema.item),
            [
                {"position": i, "id": dataset.items[i], "image": images[i], "known_label": known.get(i)}
                for i in range(dataset.n_items)
            ],
        )


def open_log(path: Path) -> Log:
    """The log at `path`, brought up to date.

    Raises:
        StoreError: no such file, not a log, damaged, or made by a newer askless.
    """
    if not path.is_file():
        raise StoreError(f"There is no log at {path}; check the path, or create the campaign first.")
    _check_whole(path)
    log = Log(_engine(path), path)
    try:
        with log.transaction() as connection:
            if not inspect(connection).has_table("entry"):
                raise StoreError(f"{path} is a database but no log of askless; check the path.")
            _migrate(connection)
    except StoreError:
        log.close()
        raise
    return log


def _check_whole(path: Path) -> None:
    """Where the last page of a file was cut off, SQLite would read zeros, unless a -wal beside it mends that."""
    try:
        with path.open("rb") as file:
            head = file.read(18)
            n_bytes = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise StoreError(f"The log {path} cannot be read ({error.strerror}); check its permissions.") from error
    if not head.startswith(b"SQLite format 3\0"):
        raise StoreError(f"{path} is no log of askless; check the path.")
    page_size = max(int.from_bytes(head[16:], "big"), 512)
    if n_bytes % page_size and not path.with_name(f"{path.name}-wal").exists():
        raise StoreError(f"The end of the log {path} is missing; restore a backup.")


def read_header(connection: Connection) -> dict[str, bytes]:
    return {row.key: row.value for row in connection.execute(select(schema.campaign))}


def read_items(connection: Connection, classes: tuple[str, ...]) -> tuple[Dataset, Prototypes]:
    rows = connection.execute(select(schema.item).order_by(schema.item.c.position)).all()
    images = tuple(row.image for row in rows)
    known = [(row.position, row.known_label) for row in rows if row.known_label is not None]
    dataset = Dataset(tuple(row.id for row in rows), classes, None if None in images else images)
    return dataset, Prototypes(*np.array(known, np.int64).reshape(-1, 2).T)


def read_entries(connection: Connection, after: int = 0, kind: Kind | None = None) -> Iterator[Entry]:
    """Entries behind position `after`, in order; all, or those of one kind."""
    wanted = READ_ENTRIES if kind is None else READ_ENTRIES.where(schema.entry.c.kind == kind.value)
    for row in connection.execute(wanted, {"after": after}):
        try:
            payload = None if row.payload is None else json.loads(row.payload)
            yield Entry(row[0], Kind(row[1]), row[2], row[3], row[4], row[5], row[6], row[7], row[8], payload)
        except ValueError as error:
            raise StoreError(f"Entry {row[0]} of the log is damaged ({error}); restore a backup.") from error


def append_entries(connection: Connection, entries: Iterable[Entry]) -> None:
    rows = [_row(entry) for entry in entries]
    if rows:
        connection.exec_driver_sql(_insert_sql(connection.dialect), rows)


@cache
def _insert_sql(dialect: Dialect) -> str:
    """Compiled once and handed to the driver: rows are plain already, and there are millions of them."""
    return str(insert(schema.entry).compile(dialect=dialect))


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "position": entry.position,
        "kind": entry.kind.value,
        "time": entry.time,
        "annotator": entry.annotator,
        "batch": entry.batch,
        "item": entry.item,
        "label": entry.label,
        "response_ms": entry.response_ms,
        "answer_id": entry.answer_id,
        "payload": None if entry.payload is None else json.dumps(entry.payload, separators=(",", ":")),
    }


def _engine(path: Path | None, *, is_new: bool = False) -> Engine:
    if path is None:
        engine = create_engine(
            "sqlite://", poolclass=StaticPool, paramstyle="named", connect_args={"check_same_thread": False}
        )
    else:
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            paramstyle="named",
            connect_args={"check_same_thread": False, "timeout": 30},
        )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        if is_new:
            connection.execute("PRAGMA journal_mode = WAL")  # the file remembers; a foreign file is left as it is
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("is_reading")
        connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")

    return engine


def _migrate(connection: Connection) -> None:
    from alembic import command, util
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except util.CommandError as error:
        raise StoreError(f"This log was made by a newer askless ({error}); update askless to open it.") from error


@contextmanager
def _readable_errors(path: Path | None) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise StoreError(
            f"The log {path or 'in memory'} cannot be used ({error.orig}); check that it is a whole askless log, "
            "that its disk has room, and that no other program holds it."
        ) from error
