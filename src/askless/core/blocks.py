"""Work row by row: in blocks that stay in a core's cache, side by side where there is a crew."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import ContextVar
from typing import TypeVar

Task = TypeVar("Task")

NUMBERS_PER_BLOCK = 2**16
MIN_ROWS = 256
MIN_TASKS = 4
"""Fewer are done before another thread would have begun."""

crew: ContextVar[tuple[ThreadPoolExecutor, int] | None] = ContextVar("crew", default=None)
"""Who helps this thread, and how many (`askless.cores.side_by_side`); the helpers themselves have none."""


def blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Rows in pieces that stay in a core's cache while they are worked on."""
    size = max(NUMBERS_PER_BLOCK // n_columns, MIN_ROWS)
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def for_each(tasks: Sequence[Task], do: Callable[[Task], object]) -> None:
    """Calls `do` for every task, in any order, perhaps several at once; each writes to places of its own.

    After an error no task is begun any more, and none is under way when it is raised.
    """
    pool, n_helpers = (crew.get() if len(tasks) >= MIN_TASKS else None) or (None, 0)
    waiting = iter(tasks)

    def work() -> None:
        try:
            for task in waiting:
                do(task)
        except BaseException:
            for _ in waiting:
                pass
            raise

    helping = [pool.submit(work) for _ in range(n_helpers)] if pool else []
    try:
        work()
    finally:
        wait(helping)
    for helper in helping:
        helper.result()
