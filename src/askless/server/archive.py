"""An export on its way out as a zip: nothing of it is ever on the server's disk, or whole in its memory."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator

from askless.data.labels_out.files import File, ItemImage

TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file, so that an export of the same labels is the same, byte by byte."""


class _Outbox(io.RawIOBase):
    """What was written since it was last emptied; it cannot go back, so `zipfile` writes sizes behind the files."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._written += content
        return len(content)

    def empty(self) -> bytes:
        content = bytes(self._written)
        self._written.clear()
        return content


def stream_zip(files: Iterable[File], read_image: Callable[[int], bytes]) -> Iterator[bytes]:
    """The bytes of a zip of these files, as they come.

    Args:
        files: of an export.
        read_image: the content of an item's image.

    Raises:
        DataError: an image is not there, or a format cannot be made.
    """
    out = _Outbox()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files:
            is_image = isinstance(content, ItemImage)
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_STORED if is_image else zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                for chunk in [read_image(content.item)] if isinstance(content, ItemImage) else content:
                    file.write(chunk)
                    yield out.empty()
    yield out.empty()
