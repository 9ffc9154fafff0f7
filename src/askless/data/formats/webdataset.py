"""WebDataset: tar files in which members of one name are one sample, as in `7.jpg 7.cls 7.json`."""

import json
import tarfile
from pathlib import Path

from askless.data.formats.listing import Listing
from askless.data.shard import DAMAGES, SEPARATOR
from askless.errors import DataError

MAX_LABEL_BYTES = 1_000_000


def list_shard(shard: Path, item: str, listing: Listing) -> None:
    """Adds the images of a tar file, in their order.

    The label of a sample is what its `.cls` holds, or what its `.json` holds under `label`.

    Args:
        shard: an uncompressed tar file.
        item: what the ids of its images begin with.
        listing: gets them.
    """
    images: list[tuple[str, str]] = []
    labels: dict[str, str] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                key, _, extension = _split(member.name)
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    listing.skip(f"{shard}{SEPARATOR}{member.name}", "not a file")
                elif extension in ("cls", "json"):
                    label = _read_label(tar, member, extension)
                    labels[key] = label or labels.get(key, "")
                else:
                    images.append((key, member.name))
            _check_end(tar)
    except (DataError, OSError, *DAMAGES) as error:
        listing.skip(str(shard), f"unreadable after {len(images)} images: {error}")
    for key, name in images:
        listing.add(f"{item}{SEPARATOR}{name}", f"{shard}{SEPARATOR}{name}", labels.get(key, ""))


def _split(name: str) -> tuple[str, str, str]:
    """Key, dot, extension: the file name up to its first dot, and what follows."""
    folder, slash, file = name.rpartition("/")
    key, dot, extension = file.partition(".")
    return f"{folder}{slash}{key}", dot, extension.lower()


def _read_label(tar: tarfile.TarFile, member: tarfile.TarInfo, extension: str) -> str:
    if member.size > MAX_LABEL_BYTES:
        return ""
    file = tar.extractfile(member)
    content = file.read() if file else b""
    try:
        text = content.decode().strip()
        if extension == "cls":
            return text
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    label = value.get("label") if isinstance(value, dict) else None
    return str(label) if isinstance(label, str | int) else ""


def _check_end(tar: tarfile.TarFile) -> None:
    """`tarfile` takes a damaged header for the end of the file."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise DataError(f"damaged at byte {tar.offset}")
