"""Work row by row: in blocks that stay in a core's cache, side by side on the cores there are."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from threadpoolctl import ThreadpoolController

NUMBERS_PER_BLOCK = 2**16
MIN_ROWS = 256
MIN_BLOCKS = 4
"""Fewer are done before another thread would have begun."""

_crew: ContextVar[tuple[ThreadPoolExecutor, int] | None] = ContextVar("crew", default=None)
"""Who helps this thread, and how many; the helpers themselves have none."""


@contextmanager
def side_by_side() -> Iterator[None]:
    """Inside, BLAS keeps to one thread, and `for_each_block` has as many as BLAS would have had.

    Matrix products round differently with another number of threads; blocks do not, so that a computation gives the
    same everywhere that has the same processor and libraries.
    """
    blas = _threadpools().select(user_api="blas")
    n_helpers = max((library.num_threads for library in blas.lib_controllers), default=1) - 1
    with blas.limit(limits=1), ThreadPoolExecutor(max(n_helpers, 1)) as pool:
        token = _crew.set((pool, n_helpers))
        try:
            yield
        finally:
            _crew.reset(token)


def for_each_block(n_rows: int, n_columns: int, do: Callable[[slice], None]) -> None:
    """Calls `do` for every block of rows, in any order, perhaps several at once; `do` writes to its own rows only."""
    size = max(NUMBERS_PER_BLOCK // n_columns, MIN_ROWS)
    blocks = [slice(start, start + size) for start in range(0, n_rows, size)]
    waiting = iter(blocks)

    def work() -> None:
        for rows in waiting:
            do(rows)

    crew = _crew.get()
    pool, n_helpers = crew if crew and len(blocks) >= MIN_BLOCKS else (None, 0)
    helping = [pool.submit(work) for _ in range(n_helpers)] if pool else []
    work()
    for helper in helping:
        helper.result()


@cache
def _threadpools() -> ThreadpoolController:
    """Looked for once: it takes some milliseconds."""
    return ThreadpoolController()
