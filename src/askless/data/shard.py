"""Images inside tar files, named `shard.tar::member.jpg`, each read from where it lies in the shard."""

import tarfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from askless.data.image import MAX_BYTES, read_content
from askless.errors import DataError

SEPARATOR = "::"

DAMAGES = (tarfile.TarError, ValueError, OverflowError, EOFError)
"""What `tarfile` raises when it meets a damaged file."""


def read_source(root: Path, path: str) -> bytes:
    """The bytes of an image.

    Args:
        root: what a relative path is relative to.
        path: a file, or a member of a tar file.

    Raises:
        DataError: in a few words, why they cannot be read.
    """
    file, member = _locate(root, path)
    return read_content(file) if member is None else read_member(file, member)


def version(root: Path, path: str) -> str:
    """By this a file that was changed since is known: size and time of the last change; empty if it is not there."""
    try:
        found = _locate(root, path)[0].stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def read_member(shard: Path, member: str) -> bytes:
    """The bytes of one member of a tar file.

    Raises:
        DataError: in a few words, why they cannot be read.
    """
    try:
        offset, size = _places(shard, shard.stat().st_mtime_ns)[member]
        if size > MAX_BYTES:
            raise DataError(f"larger than {MAX_BYTES // 1_000_000} MB")
        with shard.open("rb") as file:
            file.seek(offset)
            content = file.read(size)
    except KeyError as error:
        raise DataError("not in its tar file") from error
    except (OSError, *DAMAGES) as error:
        raise DataError(f"unreadable: {error}") from error
    if len(content) < size:
        raise DataError("truncated")
    return content


def _locate(root: Path, path: str) -> tuple[Path, str | None]:
    """The file, and which member of it."""
    shard, is_member, member = path.partition(f".tar{SEPARATOR}")
    if not is_member or (root / path).exists():
        return root / path, None
    return root / f"{shard}.tar", member


@lru_cache(maxsize=64)
def _places(shard: Path, changed: int) -> dict[str, tuple[int, int]]:
    """Offset and size of each member of a shard that was last changed then; the first of equal names counts.

    Of a damaged shard what comes before the damage.
    """
    places: dict[str, tuple[int, int]] = {}
    with tarfile.open(shard, "r:") as tar, suppress(*DAMAGES):
        for member in tar:
            if member.isreg() and not member.issparse():
                places.setdefault(member.name, (member.offset_data, member.size))
    return places
