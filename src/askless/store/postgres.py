"""A log in PostgreSQL: a schema per campaign, so that many share a database.

A transaction that writes takes a lock of its campaign before it looks, as `BEGIN IMMEDIATE` does on SQLite: one at a
time writes, and positions have no gaps. One that reads sees the log as it is when it begins, and waits for nobody.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError

from askless.errors import StoreError

ADVICE = "check that the server runs, that its disk has room and what this user may do there, and try again"

SESSION_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    "tcp_keepalives_idle": "30",  # a machine that vanished while it was writing gives its lock back
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


@dataclass(frozen=True)
class Address:
    """The database of a log and its schema there; as text, without the password."""

    url: URL
    schema: str

    @classmethod
    def read(cls, text: str) -> Self:
        """From `postgresql://user@host/database?schema=name`; without one, the schema is `askless`.

        Raises:
            StoreError: it is no such address.
        """
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            url = None
        if url is None or url.drivername != "postgresql" or not url.database:
            raise StoreError(
                "What was given as the place of a log is neither a file nor the address of a database; write "
                "postgresql://user@host/database?schema=name."
            )
        schema = url.query.get("schema", "askless")
        if not isinstance(schema, str) or not re.fullmatch(r"(?!pg_)[a-z_][a-z0-9_]{0,62}", schema):
            raise StoreError(
                f"The schema {schema!r} cannot be used; write up to 63 small letters, digits and _, not beginning with "
                "a digit or pg_."
            )
        return cls(url.difference_update_query(["schema"]), schema)

    def __str__(self) -> str:
        shown = self.url.update_query_dict({"schema": self.schema})
        return shown.render_as_string(hide_password=True)


def is_address(place: str | Path) -> bool:
    """Whether the place of a log is a database on a server, and not a file."""
    return isinstance(place, str) and "://" in place


def address_of_folder(text: str, folder: Path) -> str:
    """An address with a schema of its own for a campaign folder, if it names none.

    Raises:
        StoreError: it is no address.
    """
    address = Address.read(text)
    if "schema" in make_url(text).query:
        return text
    name = re.sub(r"[^a-z0-9]+", "_", folder.absolute().name.lower())[:40].strip("_")
    schema = f"askless_{name}_{blake2b(str(folder.absolute()).encode('utf-8', 'replace'), digest_size=4).hexdigest()}"
    return address.url.update_query_dict({"schema": schema}).render_as_string(hide_password=False)


def open_engine(address: Address) -> Engine:
    """Raises StoreError where the driver is not installed."""
    try:
        import psycopg

        engine = create_engine(
            address.url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "application_name": "askless"},
        )
    except ImportError as error:
        raise StoreError("A log in PostgreSQL needs psycopg; install askless[postgres].") from error
    settings = SESSION_SETTINGS | {"search_path": address.schema}
    key = lock_key(address, "write")

    @event.listens_for(engine, "connect")
    def _prepare(connection: "psycopg.Connection[Any]", _: object) -> None:
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.commit()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_reading = bool(connection.get_execution_options().get("is_reading"))
        driver: Any = connection.connection.dbapi_connection
        level = psycopg.IsolationLevel
        driver.isolation_level = level.REPEATABLE_READ if is_reading else level.READ_COMMITTED
        driver.read_only = is_reading
        if not is_reading:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (key,))

    return engine


def lock_key(address: Address, purpose: str) -> int:
    """By which the processes of one campaign lock each other out; a database has 2^64 of them."""
    name = f"askless {purpose} {address.schema}"
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def make_schema(connection: Connection, address: Address) -> None:
    """Raises StoreError if there is something in the schema already."""
    names = inspect(connection).get_schema_names()
    if address.schema in names and inspect(connection).get_table_names():
        raise StoreError(f"{address} exists already; open it, or choose another schema.")
    if address.schema not in names:
        connection.exec_driver_sql(f'CREATE SCHEMA "{address.schema}"')


def write_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Rows of plain values, in the order of the columns; COPY takes them six times as fast as INSERT."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
