"""A copy of a log that is whole, also while others write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from askless.errors import StoreError


def copy_log(log: Path, target: Path) -> None:
    """Copies what is committed now into a file of its own, by SQLite's own backup.

    Raises:
        StoreError: no log, a damaged one, or no room for the copy.
    """
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
