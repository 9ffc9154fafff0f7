"""Which of the processes of a campaign infers: the one that holds the turn, until it ends or dies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from askless.errors import StoreError
from askless.store.postgres import Address, is_address, lock_key, open_engine


@contextmanager
def hold_inference(place: str | Path) -> Iterator[Callable[[], bool]]:
    """Gives a question to ask before every inference: whether it is this process's turn.

    It takes the turn as soon as nobody else has it, and keeps it until the block is done, the process dies or the
    server of the database drops it. That two infer by accident wastes time and nothing else: one is overtaken.

    Args:
        place: of the log, see `create_log`.

    Raises:
        StoreError: (by the question) the database cannot be reached.
    """
    with _on_server(Address.read(str(place))) if is_address(place) else _by_file(Path(place)) as is_mine:
        yield is_mine


@contextmanager
def _by_file(log: Path) -> Iterator[Callable[[], bool]]:
    lock = FileLock(log.with_name(f"{log.name}.inference.lock"), thread_local=False)

    def is_mine() -> bool:
        try:
            if not lock.is_locked:
                lock.acquire(timeout=0)
        except Timeout:
            return False
        return True

    try:
        yield is_mine
    finally:
        lock.release()


@contextmanager
def _on_server(address: Address) -> Iterator[Callable[[], bool]]:
    engine = open_engine(address)
    key = lock_key(address, "inference")
    held: Connection | None = None

    def is_mine() -> bool:
        nonlocal held
        if held is not None:
            try:
                held.exec_driver_sql("SELECT 1")
                return True
            except DBAPIError:
                held.close()
                held = None
        try:
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT", is_reading=True)
            if connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (key,)).scalar():
                held = connection
            else:
                connection.close()
        except DBAPIError as error:
            raise StoreError(f"{address} cannot be reached ({error.orig}).") from error
        return held is not None

    try:
        yield is_mine
    finally:
        if held is not None:
            held.close()
        engine.dispose()
