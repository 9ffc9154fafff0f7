"""The command as a terminal shows it."""

import os
import subprocess
import sys


def run_on_a_terminal(*arguments: str, timeout: float) -> tuple[int, bytes]:
    """Runs `askless` with a pseudo-terminal as its stderr; gives the exit code and all that was shown there."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "askless", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:
        pass
    os.close(master)
    return process.wait(timeout=timeout), shown
