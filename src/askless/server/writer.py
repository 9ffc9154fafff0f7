"""One commit for all who wait: what requests ask and tell is done in groups, each of them one transaction.

While a group is on its way to the disk, the next one gathers. Nobody is answered before their group is on disk.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from askless.campaign import Campaign

MAX_TOGETHER = 50
"""So that the first of a group does not wait for more than some tenths of a second of work."""
T = TypeVar("T")


class Waiting(NamedTuple):
    """Who waits for what."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class Outcome(NamedTuple):
    """What a piece of work returned, or why it failed."""

    result: Any
    error: BaseException | None = None


class Writer:
    """Works on the log of a campaign in one thread, in the order in which it was asked to."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._waiting: deque[Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "writer")

    async def do(self, work: Callable[[], T]) -> T:
        """Returns what `work` returns, once all that it told the campaign is on disk.

        Args:
            work: uses the campaign, and nothing else; it may be done again if the first time came to nothing.

        Raises:
            Exception: that of `work`, of which nothing is kept then, or of the commit.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(Waiting(work, loop, future))
        self._thread.submit(self._do_next)
        return await future

    def close(self) -> None:
        """Does what is still to be done."""
        self._thread.shutdown()

    def _do_next(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_TOGETHER))]
        outcomes = [*zip(group, self._do(group), strict=True)] if group else []
        for loop in {one.loop for one in group}:
            with suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(_answer, [pair for pair in outcomes if pair[0].loop is loop])

    def _do(self, group: Sequence[Waiting]) -> list[Outcome]:
        try:
            with self._campaign.transaction():
                return [self._attempt(one) for one in group]
        except _HalfDoneError as half_done:
            if len(group) == 1:
                return [Outcome(None, half_done.__cause__)]
            return [outcome for one in group for outcome in self._do([one])]
        except BaseException as error:
            return [Outcome(None, error) for _ in group]

    def _attempt(self, one: Waiting) -> Outcome:
        n_before = self._campaign.n_entries
        try:
            return Outcome(one.work())
        except Exception as error:
            if self._campaign.n_entries != n_before:
                raise _HalfDoneError from error
            return Outcome(None, error)


class _HalfDoneError(Exception):
    """A piece of work failed after it had written something, so that its whole group has to be undone."""


def _answer(outcomes: Sequence[tuple[Waiting, Outcome]]) -> None:
    for (_, _, future), (result, error) in outcomes:
        if future.done():  # whoever asked has gone away
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
