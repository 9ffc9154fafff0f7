"""One process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from askless.errors import AsklessError


@contextmanager
def hold(lock: Path, otherwise: AsklessError) -> Iterator[None]:
    """Holds a lock file for as long as the block takes; raises `otherwise` at once if another process holds it."""
    held = FileLock(lock, thread_local=False)  # whichever thread ends the block
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise otherwise from None
    try:
        yield
    finally:
        held.release()
