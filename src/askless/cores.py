"""The cores of this machine: as many for blocks as BLAS would have had, for as long as an inference lasts."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import RLock

from threadpoolctl import ThreadpoolController

from askless.core.blocks import crew


@contextmanager
def side_by_side() -> Iterator[None]:
    """Inside, BLAS keeps to one thread, and `for_each` has as many as BLAS would have had.

    Matrix products round differently with another number of threads; blocks do not, so that a computation gives the
    same everywhere that has the same processor and libraries. The threads of BLAS belong to the whole process, so that
    a second thread waits here until the first has left.
    """
    with _one_at_a_time:
        blas = _threadpools().select(user_api="blas")
        n_helpers = max((library.num_threads for library in blas.lib_controllers), default=1) - 1
        with blas.limit(limits=1), ThreadPoolExecutor(max(n_helpers, 1)) as pool:
            token = crew.set((pool, n_helpers))
            try:
                yield
            finally:
                crew.reset(token)


_one_at_a_time = RLock()


@cache
def _threadpools() -> ThreadpoolController:
    """Looked for once: it takes some milliseconds."""
    return ThreadpoolController()


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=lambda: crew.set(None))
