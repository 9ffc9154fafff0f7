"""Where a log may lie: SQLite needs locks that hold, and those of network file systems do not."""

import os
from pathlib import Path

from askless.errors import StoreError

NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "glusterfs", "lustre", "fuse.")
"""What their kinds begin with."""

LOCAL = ("fuse.fuse-overlayfs",)
"""The exceptions: what containers without root lie on."""


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The kind of the file system that a path lies on, such as `ext4`; none where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = os.path.realpath(path)
    best, kind = -1, None
    for line in lines:
        _, point, found, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if os.path.commonpath([place, point]) == point and len(point) >= best:
            best, kind = len(point), found
    return kind


def is_network(kind: str | None) -> bool:
    return kind is not None and kind.startswith(NETWORK) and kind not in LOCAL


def refuse_network(path: Path) -> None:
    """Raises StoreError if a log at `path` would lie on a network file system."""
    kind = file_system(path)
    if is_network(kind):
        raise StoreError(
            f"{path} lies on a network file system ({kind}), on which SQLite loses entries; move the campaign to a "
            "disk of this machine, or keep its log in PostgreSQL."
        )
