"""The images of items on their way into an export: copied, or linked to where they lie."""

import base64
import os
import urllib.parse
from enum import StrEnum
from pathlib import Path

from askless.data.labels_out.bare_image import without_metadata
from askless.data.shard import SEPARATOR, read_source
from askless.errors import DataError


class Way(StrEnum):
    """copy: the image without metadata. hardlink: a second name of the very file, on the same disk only. symlink: its
    absolute path."""

    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"


def place_image(image: str, root: Path, target: Path, way: Way) -> None:
    """Makes `target` from the image of an item.

    Args:
        image: a path, `shard.tar::member`, or a `data:` URI.
        root: what a relative path is relative to.
        target: must not exist.

    Raises:
        DataError: the image is not there, or is no file that can be linked.
    """
    is_file = SEPARATOR not in image and not image.startswith("data:")
    if way != Way.COPY and not is_file:
        raise DataError(f"The image {image[:80]} is no file of its own, so there is nothing to link; export copies.")
    source = (root / image).absolute()
    if way == Way.COPY:
        target.write_bytes(bare_image(image, root))
    elif not source.is_file():
        raise DataError(f"The image {source} is gone; put it back.")
    elif way == Way.SYMLINK:
        target.symlink_to(source)
    else:
        try:
            os.link(source, target)
        except OSError as error:
            raise DataError(
                f"{source} cannot be linked ({error.strerror}); export copies or symbolic links."
            ) from error


def bare_image(image: str, root: Path) -> bytes:
    """The image of an item as a file without metadata.

    Raises:
        DataError: the image is not there.
    """
    try:
        return without_metadata(_content(image, root))
    except DataError as error:
        raise DataError(f"The image {image[:80]} cannot be copied ({error}); put it back.") from error


def _content(image: str, root: Path) -> bytes:
    if image.startswith("data:"):
        head, _, body = image.partition(",")
        return base64.b64decode(body) if head.endswith(";base64") else urllib.parse.unquote_to_bytes(body)
    return read_source(root, image)
