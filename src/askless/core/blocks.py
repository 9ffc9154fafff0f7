"""Work row by row: in blocks that stay in a core's cache, side by side on the cores there are."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Task = TypeVar("Task")

NUMBERS_PER_BLOCK = 2**16
MIN_ROWS = 256
MIN_TASKS = 4
"""Fewer are done before another thread would have begun."""

_crew: ContextVar[tuple[ThreadPoolExecutor, int] | None] = ContextVar("crew", default=None)
"""Who helps this thread, and how many; the helpers themselves have none."""


@contextmanager
def side_by_side() -> Iterator[None]:
    """Inside, BLAS keeps to one thread, and `for_each` has as many as BLAS would have had.

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


def blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Rows in pieces that stay in a core's cache while they are worked on."""
    size = max(NUMBERS_PER_BLOCK // n_columns, MIN_ROWS)
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def for_each(tasks: Sequence[Task], do: Callable[[Task], object]) -> None:
    """Calls `do` for every task, in any order, perhaps several at once; each writes to places of its own."""
    crew = _crew.get() if len(tasks) >= MIN_TASKS else None
    pool, n_helpers = crew or (None, 0)
    waiting = iter(tasks)

    def work() -> None:
        for task in waiting:
            do(task)

    helping = [pool.submit(work) for _ in range(n_helpers)] if pool else []
    work()
    for helper in helping:
        helper.result()


@cache
def _threadpools() -> ThreadpoolController:
    """Looked for once: it takes some milliseconds."""
    return ThreadpoolController()
