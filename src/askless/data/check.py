"""One look at one image: what it is, or why it is no item, and its thumbnails. Runs in worker processes."""

import os
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from askless.data.folder import THUMBNAIL_SIZES, CampaignFolder
from askless.data.image import look_at
from askless.data.shard import read_source, version
from askless.errors import DataError

LOSSLESS_UP_TO = 64
"""Pixels: in pictures as small as this every single one counts."""


class Check(NamedTuple):
    """What was found.

    Args:
        path: as in `ItemRow`.
        version: of the file that was looked at.
        reason: why it is no item; empty if it is one.
        width, height, bytes, digest: as in `ItemRow`.
        remark: what is remarkable, in words.
    """

    path: str
    version: str
    reason: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    digest: str = ""
    remark: str = ""


def check(folder: CampaignFolder, path: str) -> Check:
    """Decodes an image and makes its thumbnails.

    Raises:
        OSError: a thumbnail cannot be written.
    """
    seen = version(folder.root, path)
    try:
        content = read_source(folder.root, path)
        picture = look_at(content, at_least=max(THUMBNAIL_SIZES))
    except DataError as error:
        return Check(path, seen, str(error))
    digest = blake2b(content, digest_size=16).hexdigest()
    make_thumbnails(folder, digest, picture.image)
    remarks = [*picture.remarks, *_wrong_extension(path, picture.format)]
    return Check(path, seen, "", *picture.size, len(content), digest, "; ".join(remarks))


def make_thumbnails(folder: CampaignFolder, digest: str, image: Image.Image) -> None:
    """Writes what is not there yet; each file is whole or not there.

    Args:
        folder: gets them.
        digest: of the file that the image comes from.
        image: as `look_at` gives it; it is shrunk.
    """
    for size in sorted(THUMBNAIL_SIZES, reverse=True):
        image.thumbnail((size, size), Image.Resampling.HAMMING)
        path = folder.thumbnail(digest, size)
        if is_written(path):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.unfinished / f"{os.getpid()}.webp"
        image.save(temporary, "WEBP", quality=80, method=0, lossless=max(image.size) <= LOSSLESS_UP_TO)
        os.replace(temporary, path)


def is_written(file: Path) -> bool:
    """Whether there is such a file and, as a power cut may leave it empty, something in it."""
    return file.exists() and file.stat().st_size > 0


def _wrong_extension(path: str, form: str) -> list[str]:
    suffix = PurePosixPath(path).suffix.lower()
    named = Image.registered_extensions().get(suffix, "")
    is_right = not suffix or named == form or {named, form} == {"JPEG", "MPO"}
    return [] if is_right else [f"wrong extension: it is {form}"]
