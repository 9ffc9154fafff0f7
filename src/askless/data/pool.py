"""A function called for many tasks in worker processes, none of which can take the others down."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TypeVar

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")

TASKS_PER_CHUNK = 8


def call_for_each(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], n_processes: int
) -> Iterator[tuple[Task, Outcome | None]]:
    """Calls `function` for every task; in the order in which they finish.

    Args:
        function: can be pickled, as can tasks and outcomes.
        tasks: T of them.
        n_processes: most processes at once.

    Yields:
        A task and its outcome; none for a task that ends its process (a decoder that crashes, no memory left).

    Raises:
        Whatever `function` raises.
    """
    chunks = deque(tuple(tasks[start : start + TASKS_PER_CHUNK]) for start in range(0, len(tasks), TASKS_PER_CHUNK))
    while chunks:
        running: dict[Future[list[Outcome]], tuple[Task, ...]] = {}
        with _start(min(n_processes, len(chunks))) as pool:
            try:
                while chunks or running:
                    while chunks and len(running) < 2 * n_processes:
                        future = pool.submit(_call_each, function, chunks[0])
                        running[future] = chunks.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield from zip(running[future], future.result(), strict=True)
                        del running[future]
            except BrokenProcessPool:
                pass
        yield from _call_alone(function, deque(task for chunk in running.values() for task in chunk))


def _call_alone(function: Callable[[Task], Outcome], tasks: deque[Task]) -> Iterator[tuple[Task, Outcome | None]]:
    """One at a time, to find out which of them ends its process."""
    while tasks:
        with _start(1) as pool:
            try:
                while tasks:
                    outcome: Outcome | None = pool.submit(function, tasks[0]).result()
                    yield tasks.popleft(), outcome
            except BrokenProcessPool:
                yield tasks.popleft(), None


def _call_each(function: Callable[[Task], Outcome], tasks: tuple[Task, ...]) -> list[Outcome]:
    return [function(task) for task in tasks]


def _start(n_processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(n_processes, get_context("spawn"), _begin)


def _begin() -> None:
    """In a worker: Ctrl-C is for the parent to handle, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
