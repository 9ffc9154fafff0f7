"""A log in a file of SQLite, or in memory.

One transaction at a time writes (`BEGIN IMMEDIATE`); a commit is on disk when it returns (WAL, synchronous FULL).
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, insert
from sqlalchemy.pool import StaticPool

from askless.errors import StoreError

ADVICE = (
    "check that it is a whole askless log, that it and its folder may be written, that its disk has room, and that no "
    "other program holds it"
)


def open_engine(path: Path | None, *, is_new: bool = False) -> Engine:
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


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file to fill, which is at `path` when the block is done; a block that fails leaves nothing."""
    if path.exists():
        raise StoreError(f"{path} exists already; open it, or choose another name.")
    if not path.parent.is_dir():
        raise StoreError(f"The folder {path.parent} for the log does not exist; make it first.")
    new = path.with_name(f"{path.name}.{uuid4().hex}.new")
    try:
        yield new
        _remove_companions(path)  # a log that was deleted may have left its -wal, which must not flow into this one
        os.link(new, path)  # unlike a rename, it never replaces what somebody else has made meanwhile
    except FileExistsError as error:
        raise StoreError(f"{path} exists already; open it, or choose another name.") from error
    finally:
        new.unlink(missing_ok=True)
        _remove_companions(new)


def _remove_companions(path: Path) -> None:
    """Removes the files that SQLite keeps beside a log."""
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def check_whole(path: Path) -> None:
    """Raises StoreError if there is no file of SQLite, or its end is missing.

    Where the last page of a file was cut off, SQLite would read zeros, unless a -wal beside it mends that.
    """
    if not path.is_file():
        raise StoreError(f"There is no log at {path}; check the path, or create the campaign first.")
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


def write_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Rows of plain values, in the order of the columns, handed to the driver: there may be millions of them."""
    names = table.columns.keys()
    if named := [dict(zip(names, row, strict=True)) for row in rows]:
        connection.exec_driver_sql(_insert_sql(connection.dialect, table), named)


@cache
def _insert_sql(dialect: Dialect, table: Table) -> str:
    return str(insert(table).compile(dialect=dialect))
