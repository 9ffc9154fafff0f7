"""A copy of a log in a file of SQLite that is whole, also while others write to the log."""

import json
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path

from askless.errors import StoreError
from askless.store.log import append_entries, create_log, has_log, open_log, read_entries, read_header, read_items
from askless.store.postgres import is_address

N_WRITTEN_AT_ONCE = 10_000


def copy_log(log: str | Path, target: Path) -> None:
    """Copies what is committed now: a file by SQLite's own backup, a log in PostgreSQL from one look at it.

    Args:
        log: as for `open_log`.
        target: a file to make.

    Raises:
        StoreError: no log, a damaged one, or no room for the copy.
    """
    if is_address(log):
        _copy_from_server(str(log), target)
    else:
        _copy_file(Path(log), target)


def _copy_from_server(log: str, target: Path) -> None:
    if not has_log(log):
        raise StoreError("There is no log in PostgreSQL yet; nothing has been asked or answered.")
    with closing(open_log(log)) as opened, opened.reading() as source:
        header = read_header(source)
        dataset, prototypes = read_items(source, tuple(json.loads(header["classes"])))
        with closing(create_log(target, dataset, prototypes, header)) as copy, copy.transaction() as connection:
            entries = read_entries(source)
            while some := list(islice(entries, N_WRITTEN_AT_ONCE)):
                append_entries(connection, some)


def _copy_file(log: Path, target: Path) -> None:
    if not log.is_file():
        raise StoreError(f"There is no log at {log}; nothing has been asked or answered yet.")
    try:
        with (
            closing(sqlite3.connect(f"{log.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            problems = find_damage(copy)
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreError(f"The log {log} cannot be copied to {target} ({error}); see `askless doctor`.") from error
    if problems:
        raise StoreError(f"The log {log} is damaged ({problems[0]}); restore an older backup.")


def find_damage(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with a database, in its words; nothing if it is whole."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found
