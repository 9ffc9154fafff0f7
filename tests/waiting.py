"""For what another process does in its own time."""

import time
from collections.abc import Callable


def wait_for(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns as soon as it is so; fails if that takes too long."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "It did not come to be."
        time.sleep(0.01)
