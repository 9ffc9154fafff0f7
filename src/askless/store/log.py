"""The append-only log in a database: the only truth that is kept.

Its place is a file of SQLite, memory, or a schema of PostgreSQL. In each of them one transaction at a time writes, a
commit is on disk when it returns, and who reads waits for nobody.
"""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, Engine, bindparam, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from askless.errors import StoreError
from askless.store import postgres, schema, sqlite
from askless.store.entries import Entry, Kind
from askless.types import Dataset, Prototypes

if TYPE_CHECKING:
    from alembic.config import Config

STORES = {"sqlite": sqlite, "postgresql": postgres}
KINDS = {kind.value: kind for kind in Kind}
"""Looked up for every entry that is read: a third of the time of `Kind(value)`."""

N_READ = 10_000
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
READ_ENTRIES = (
    select(schema.entry)
    .where(schema.entry.c.position > bindparam("after"))
    .order_by(schema.entry.c.position)
    .limit(bindparam("n_most"))
)
MIGRATING = threading.Lock()
"""Alembic keeps what it is doing in global variables."""
MIGRATIONS = resources.files("askless") / "store" / "migrations"


class Log:
    """An opened log. Use `create_log` or `open_log`.

    Args:
        engine: to its database.
        name: of its place, for messages.
        path: beside which estimates are kept; none keeps none.
    """

    def __init__(self, engine: Engine, name: str, path: Path | None) -> None:
        self._engine = engine
        self.name = name
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the log that waits for nobody who writes."""
        with self._readable_errors(), self._engine.connect() as connection:
            connection.execution_options(is_reading=True)
            with connection.begin():
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Everything inside is committed together at the end, or not at all."""
        with self._readable_errors(), self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            advice = STORES[self._engine.dialect.name].ADVICE
            raise StoreError(f"The log {self.name} cannot be used ({reason}); {advice}.") from error


def create_log(
    place: str | Path | None,
    dataset: Dataset,
    prototypes: Prototypes,
    header: dict[str, bytes],
    folder: Path | None = None,
) -> Log:
    """A new log that holds the items and the header.

    Args:
        place: a file, `postgresql://user@host/database?schema=name`, or none for memory.
        dataset: N items, K classes.
        prototypes: items whose label is known.
        header: what else is to be known of the campaign.
        folder: where estimates are kept if the log is no file.

    Raises:
        StoreError: there is one already, it cannot be made, or an id or path is no text that a database can hold.
    """
    _check_texts(dataset)

    def fill(connection: Connection) -> None:
        _migrate(connection)
        known = dict(zip(prototypes.item.tolist(), prototypes.label.tolist(), strict=True))
        images = dataset.images or (None,) * dataset.n_items
        connection.execute(insert(schema.campaign), [{"key": key, "value": value} for key, value in header.items()])
        rows = ((i, dataset.items[i], images[i], known.get(i)) for i in range(dataset.n_items))
        STORES[connection.dialect.name].write_rows(connection, schema.item, rows)

    if place is None:
        log = Log(sqlite.open_engine(None), "in memory", None)
        with log.transaction() as connection:
            fill(connection)
        return log
    if postgres.is_address(place):
        address = postgres.Address.read(str(place))
        log = _log_on_server(address, folder)
        with _closed_if_it_fails(log), log.transaction() as connection:
            postgres.make_schema(connection, address)
            fill(connection)
        return log
    path = Path(place)
    with sqlite.new_file(path) as new:
        log = Log(sqlite.open_engine(new, is_new=True), str(new), None)
        with closing(log), log.transaction() as connection:
            fill(connection)
    return Log(sqlite.open_engine(path), str(path), path)


def open_log(place: str | Path, folder: Path | None = None) -> Log:
    """The log at a place, brought up to date; for the arguments see `create_log`.

    Raises:
        StoreError: there is none, it is not one, is damaged, or was made by a newer askless.
    """
    if postgres.is_address(place):
        log = _log_on_server(postgres.Address.read(str(place)), folder)
    else:
        path = Path(place)
        sqlite.check_whole(path)
        log = Log(sqlite.open_engine(path), str(path), path)
    with _closed_if_it_fails(log):
        with log.reading() as connection:
            tables = inspect(connection).get_table_names()
            if not tables:
                raise StoreError(f"There is no log at {log.name}; check the address, or create the campaign first.")
            if schema.entry.name not in tables:
                raise StoreError(f"{log.name} is a database but no log of askless; check the path.")
            is_current = _is_current(connection)
        if not is_current:
            with log.transaction() as connection:
                _migrate(connection)
    return log


def has_log(place: str | Path) -> bool:
    """Whether a log, or anything else, is at this place.

    Raises:
        StoreError: it cannot be looked at.
    """
    if not postgres.is_address(place):
        return Path(place).exists()
    with closing(_log_on_server(postgres.Address.read(str(place)), None)) as log, log.reading() as connection:
        return bool(inspect(connection).get_table_names())


def _log_on_server(address: postgres.Address, folder: Path | None) -> Log:
    return Log(postgres.open_engine(address), str(address), None if folder is None else folder / "log.db")


@contextmanager
def _closed_if_it_fails(log: Log) -> Iterator[None]:
    try:
        yield
    except BaseException:
        log.close()
        raise


def _check_texts(dataset: Dataset) -> None:
    for text in chain(dataset.items, dataset.images or ()):
        if UNSTORABLE.search(text):
            raise StoreError(
                f"{text!r} holds a NUL character or half of a surrogate pair, which a database cannot keep; rename it."
            )


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
    while True:  # in pieces, since a driver may hold the whole of an answer
        with connection.execute(wanted, {"after": after, "n_most": N_READ}) as found:
            rows = found.cursor.fetchall()  # as the driver has them: SQLAlchemy's rows take twice as long
        yield from map(_entry, rows)
        if len(rows) < N_READ:
            return
        after = rows[-1][0]


def append_entries(connection: Connection, entries: Iterable[Entry]) -> None:
    if rows := [_row(entry) for entry in entries]:
        STORES[connection.dialect.name].write_rows(connection, schema.entry, rows)


def _entry(row: Sequence[Any]) -> Entry:
    position, kind, *fields, payload = row
    try:
        return Entry._make((position, KINDS[kind], *fields, None if payload is None else json.loads(payload)))
    except (ValueError, KeyError) as error:
        raise StoreError(f"Entry {position} of the log is damaged ({error}); restore a backup.") from error


def _row(entry: Entry) -> tuple[Any, ...]:
    """In the order of the columns, which is that of the fields."""
    position, kind, *fields, payload = entry
    return position, str(kind), *fields, None if payload is None else json.dumps(payload, separators=(",", ":"))


def _migrate(connection: Connection) -> None:
    from alembic import command, util

    config = _migrations()
    config.attributes["connection"] = connection
    try:
        with MIGRATING:
            command.upgrade(config, "head")
    except util.CommandError as error:
        raise StoreError(f"This log was made by a newer askless ({error}); update askless to open it.") from error


def _is_current(connection: Connection) -> bool:
    """Whether nothing is left to migrate, which is seen without waiting for those who write."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(_migrations()).get_current_head()


def _migrations() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
