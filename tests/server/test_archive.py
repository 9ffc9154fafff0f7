"""An export as a zip that is made while it is sent."""

import io
import zipfile

import pytest

from askless.data.labels_out.files import File, ItemImage
from askless.errors import DataError
from askless.server.archive import stream_zip


def files() -> list[File]:
    return [("card.md", [b"# Card\n", b"all\n"]), ("a/é.png", ItemImage(7)), ("empty.csv", [])]


def read(item: int) -> bytes:
    return b"image %d" % item


def test_a_zip_holds_every_file() -> None:
    content = b"".join(stream_zip(files(), read))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["card.md", "a/é.png", "empty.csv"]
        assert archive.read("card.md") == b"# Card\nall\n"
        assert archive.read("a/é.png") == b"image 7"
        assert archive.read("empty.csv") == b""


def test_the_same_files_are_the_same_bytes() -> None:
    assert b"".join(stream_zip(files(), read)) == b"".join(stream_zip(files(), read))


def test_it_comes_file_by_file() -> None:
    asked: list[int] = []

    def read_and_remember(item: int) -> bytes:
        asked.append(item)
        return bytes(1000)

    chunks = stream_zip([(f"{i}.png", ItemImage(i)) for i in range(100)], read_and_remember)
    assert len(next(chunks)) < 1100
    assert asked == [0]
    assert max(map(len, chunks)) < 12_000, "only the table of contents at the end is longer than a file"


def test_what_cannot_be_read_ends_it() -> None:
    def gone(item: int) -> bytes:
        raise DataError(f"The image of item {item} is gone; put it back.")

    with pytest.raises(DataError, match="item 7 is gone"):
        list(stream_zip(files(), gone))
