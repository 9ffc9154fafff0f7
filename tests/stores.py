"""The kinds of stores that a log may lie in, for the tests that each of them must pass."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from askless.store.log import Log, create_log, open_log
from askless.types import Dataset, Prototypes

DATASET = Dataset(("a, b", "ünï\ncödé \U0001f41d", '"', ""), ("ant", "bee"))
HEADER = {"classes": b'["ant", "bee"]', "seed": b"3", "odd": bytes(range(256)), "empty": b""}
NONE_KNOWN = Prototypes.none()


class Store:
    """How a test makes a log and opens it a second time.

    Args:
        place: none for memory.
    """

    def __init__(self, place: str | Path | None) -> None:
        self.place = place
        self._opened: list[Log] = []

    def create(self, dataset: Dataset = DATASET, prototypes: Prototypes = NONE_KNOWN) -> Log:
        self._opened.append(create_log(self.place, dataset, prototypes, HEADER))
        return self._opened[-1]

    def again(self) -> Log:
        """The same log by another connection; in memory there is only one."""
        if self.place is not None:
            self._opened.append(open_log(self.place))
        return self._opened[-1]

    def execute(self, *statements: str) -> list[Any]:
        """Rows of each statement, past askless; a database that is not there yet is made."""
        if isinstance(self.place, str):
            address, _, schema = self.place.partition("?schema=")
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                connection.execute(f"SET search_path TO {schema}")
                cursors = [connection.execute(statement) for statement in statements]
                return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
        assert self.place is not None
        with closing(sqlite3.connect(self.place)) as connection, connection:
            return [connection.execute(statement).fetchall() for statement in statements]

    def close(self) -> None:
        for log in self._opened:
            log.close()
        if isinstance(self.place, str):
            address, _, schema = self.place.partition("?schema=")
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute("SET lock_timeout = '10s'")
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
