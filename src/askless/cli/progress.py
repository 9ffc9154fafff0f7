"""How far a long command is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from askless.cli.terminal import note, progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def display_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yields what is to be told how many are done, of how many."""
    if not progress.is_terminal:
        yield _print_lines(what)
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), _SpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress, transient=True) as bar:
        task = bar.add_task(what)
        yield lambda n_done, n_total: bar.update(task, completed=n_done, total=n_total)


def _print_lines(what: str) -> Callable[[int, int], None]:
    start = last = time.monotonic()
    n_before: int | None = None

    def tell(n_done: int, n_total: int) -> None:
        nonlocal last, n_before
        now = time.monotonic()
        n_before = n_done if n_before is None else n_before
        if now > last + SECONDS_BETWEEN_LINES:
            last = now
            per_second = max(n_done - n_before, 1) / (now - start)
            left = timedelta(seconds=round((n_total - n_done) / per_second))
            note(f"{what}: {n_done} of {n_total}, {per_second:.0f} a second, {left} left")

    return tell


class _SpeedColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f} a second")
