"""Threads in place of the workers of a sweep: the same work, without the seconds that a process takes to start."""

import multiprocessing
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import pytest

from askless.simulate import sweep


class WorkerThread:
    def __init__(self) -> None:
        self.here, there = multiprocessing.Pipe()
        self.thread = threading.Thread(target=self._work, args=(there,))
        self.thread.start()

    def _work(self, there: Connection) -> None:
        with suppress(EOFError):
            sweep._work(there)

    def is_alive(self) -> bool:
        return self.thread.is_alive()

    def terminate(self) -> None:
        self.here.close()

    def join(self) -> None:
        self.thread.join()


def work_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time if nothing else is said: alembic, which makes the tables of a log, is not safe among threads."""

    def start() -> tuple[Connection, Any]:
        worker = WorkerThread()
        return worker.here, worker

    monkeypatch.setattr(sweep, "_start_worker", start)
    monkeypatch.setattr(sweep, "cpu_count", lambda: 1)
    monkeypatch.setattr(sweep, "_end_with_parent", lambda: None)
