"""Worker processes: one that dies takes one task with it, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from askless.data.pool import call_for_each


def square_or_die(number: int) -> int:
    if number in (3, 20, 21):
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fail(number: int) -> int:
    raise OSError(28, "No space left on device")


def test_a_task_that_kills_its_process_has_no_outcome_and_all_others_have() -> None:
    tasks = list(range(40))
    outcomes = dict(call_for_each(square_or_die, tasks, 2))
    assert outcomes == {number: None if number in (3, 20, 21) else number * number for number in tasks}


def test_no_tasks_need_no_process() -> None:
    assert list(call_for_each(square_or_die, [], 2)) == []


def test_what_the_function_raises_comes_out() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(call_for_each(fail, [1, 2], 2))


def is_alive(process: int) -> bool:
    """Zombies are dead."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux to look at processes")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import os, time\n"
        "def sleep(path):\n    open(path + '.tmp', 'w').write(str(os.getpid()))\n    os.replace(path + '.tmp', path)\n"
        "    time.sleep(600)\n"
    )
    code = (
        "from sleeper import sleep\nfrom askless.data.pool import call_for_each\nlist(call_for_each(sleep, ['pid'], 1))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    try:
        while not (tmp_path / "pid").exists():
            assert parent.poll() is None
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()
    worker = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while is_alive(worker):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.02)
