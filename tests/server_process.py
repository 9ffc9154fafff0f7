"""`askless` as a process of its own, as a user starts it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TABLES = """
max_risk = 0.0
batch_size = 4
[campaign.sampler]
max_per_item = 4
[campaign.learner]
algo = "dummy"
"""
"""Settings of a campaign in which everybody answers everything, and nobody waits for a machine."""


@contextmanager
def started(*arguments: object) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """The process, once it serves, and what it says by --json; it is killed at the end if it is still there."""
    command = [sys.executable, "-m", "askless", *map(str, arguments), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            yield process, json.loads(line)
        finally:
            process.kill()
