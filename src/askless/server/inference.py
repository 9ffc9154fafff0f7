"""Inference beside the web process: a child that infers whenever there is enough news, and may die of it.

The child is asked by a line on its stdin and answers by one line of JSON on its stdout: the `Refresh` that the web
process writes into the log, or what went wrong. The arrays pass by file. Nobody who answers or looks on waits for it.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from askless.campaign import Campaign
from askless.errors import AsklessError
from askless.results import Refresh
from askless.server.settings import PageSettings
from askless.store.turn import hold_inference
from askless.workspace import open_beside

NICENESS = 10
SECONDS_BETWEEN_LOOKS = 0.25
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
PATIENCE_SECONDS = 1800.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class InferenceState:
    """How the inference is doing.

    Args:
        is_running: whether its process is alive.
        last_error: what went wrong the last time; none if that went well.
        last_seconds: how long the last one took; none before the first.
        n_behind: changes that it has not seen yet, see `Status.n_new`.
    """

    is_running: bool
    last_error: str | None
    last_seconds: float | None
    n_behind: int


class Inference:
    """The child as the web process sees it: asked when it is due, stopped when it hangs, started again when it died.

    Args:
        campaign: gets what the child finds.
        page: how much news makes an inference due.
        command: starts the child.
        store: where the log is; of several servers of one campaign, one infers.
        patience_seconds: a child that infers for longer is taken for hanging.
        pause_seconds: before the child is started again after its first failure; doubles with every further one.
    """

    def __init__(
        self,
        campaign: Campaign,
        page: PageSettings,
        command: Sequence[str],
        store: str | Path,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._campaign = campaign
        self._page = page
        self._command = command
        self._store = store
        self._patience_seconds = patience_seconds
        self._pause_seconds = pause_seconds
        self._child: subprocess.Popen[str] | None = None
        self._last_error: str | None = None
        self._last_seconds: float | None = None
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="inference", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the child, whatever it is doing: what it has not handed over can be inferred again."""
        self._is_closing.set()
        if self._child:
            self._child.kill()
        if self._thread.ident:
            self._thread.join()

    def state(self) -> InferenceState:
        child = self._child
        is_running = child is not None and child.poll() is None
        return InferenceState(is_running, self._last_error, self._last_seconds, self._campaign.n_new or 0)

    def _supervise(self) -> None:
        with hold_inference(self._store) as is_mine:
            self._infer_when_due(is_mine)
        self._end_child()

    def _infer_when_due(self, is_mine: Callable[[], bool]) -> None:
        pause = self._pause_seconds
        inferred_at = time.monotonic()
        while not self._is_closing.wait(SECONDS_BETWEEN_LOOKS):
            try:
                if self._is_due(time.monotonic() - inferred_at) and is_mine():
                    self._infer()
                    pause, inferred_at = self._pause_seconds, time.monotonic()
            except Exception as error:  # whatever it is, people go on answering
                self._last_error = str(error) or type(error).__name__
                self._end_child()
                self._is_closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _is_due(self, seconds: float) -> bool:
        n_new = self._campaign.n_new
        if n_new is None:
            return True
        return n_new >= self._page.refresh_answers or (n_new > 0 and seconds >= self._page.refresh_seconds)

    def _infer(self) -> None:
        start = time.monotonic()
        self._campaign.take(self._ask_child())
        self._last_error, self._last_seconds = None, time.monotonic() - start

    def _ask_child(self) -> Refresh:
        child = self._child = self._child or self._start_child()
        assert child.stdin is not None
        assert child.stdout is not None
        if self._is_closing.is_set():
            raise AsklessError("Serving ends.")
        alarm = threading.Timer(self._patience_seconds, child.kill)
        alarm.start()
        try:
            child.stdin.write("infer\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            alarm.cancel()
        if not line:
            raise AsklessError(f"The inference process ended with exit code {child.wait()}; it is started again.")
        answer = json.loads(line)
        if "error" in answer:
            raise AsklessError(answer["error"])
        return Refresh(**answer)

    def _start_child(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD,
            start_new_session=True,  # Ctrl-C is for the server, which ends this one
        )

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with contextlib.suppress(BrokenPipeError):
                child.communicate()


def child_command(folder: Path) -> list[str]:
    """What starts the inference of a campaign folder."""
    return [sys.executable, "-m", "askless.server.inference", str(folder)]


def answer_requests(folder: Path) -> None:
    """The child: infers once for each line it is sent, until the other end is closed."""
    if sys.platform != "win32":
        os.nice(NICENESS)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a learner prints is no answer
        try:
            with closing(open_beside(folder)) as campaign:
                for _ in sys.stdin:
                    print(json.dumps(asdict(campaign.infer_now())), file=answers, flush=True)
        except AsklessError as error:
            print(json.dumps({"error": str(error)}), file=answers, flush=True)


if __name__ == "__main__":
    answer_requests(Path(sys.argv[1]))
