"""Whatever a file holds, a parser reads it or raises the one error that it declares.

`pytest tests/data/test_parsers.py --hypothesis-profile thorough` tries 10,000 files on each.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, picture

from askless.data.classes import parse_classes, read_classes
from askless.data.folder import CampaignFolder
from askless.data.formats.anywhere import list_images
from askless.data.formats.rows import read_rows
from askless.data.image import look_at
from askless.data.item_table import ItemRow, read_items, to_csv
from askless.data.shard import read_member
from askless.data.survey import mend_journal
from askless.errors import AsklessError, DataError


def shard(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


IMAGES = [
    encode(picture(9, 7), form) for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
]
SHARD = shard({"é/a.jpg": b"x" * 50, "é/a.cls": b"1", "b.json": b'{"label": "cat"}', "x" * 150 + ".jpg": b"y"})
CSV = b'\xef\xbb\xbfpath,label,use\n"a, b.jpg",cat,gold\r\nb.jpg,,\n'
JSON_LINES = b'{"file_name": "a.jpg", "label": 1}\n\n{"file_name": "b.jpg", "label": null}\n'
CLASSES = json.dumps([{"name": "cat", "aliases": ["kitty"], "parent": "pets", "examples": ["a.jpg"]}, "dog"]).encode()
ITEMS = to_csv([ItemRow._fields, ItemRow("a", "a.jpg", 1, 2, 3, "00", "cat", "gold")]).encode()
SETTINGS = b'format = 1\n[campaign]\nseed = 3\nmax_risk = 0.2\n[campaign.sampler]\nalgo = "random"\n'
JOURNAL = b'["a.jpg", "1-2", "", 3, 4, 5, "00", ""]\n["b.jpg", "1-2", "truncated", 0, 0, 0, "", ""]\n'


def files(*seeds: bytes) -> st.SearchStrategy[bytes]:
    """Arbitrary bytes, and valid files with pieces replaced, left out, doubled or cut off."""

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        content = bytearray(draw(st.sampled_from(seeds)))
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(content)))
            end = start + draw(st.integers(0, 8))
            content[start:end] = draw(st.binary(max_size=8) | st.just(bytes(content[start : start + 40])))
        return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)

    return damaged() | st.binary(max_size=200)


def survives(parse: Callable[[Path], object], suffix: str, content: bytes, declared: type[Exception]) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / f"file{suffix}"
        file.write_bytes(content)
        message = ""
        try:
            parse(file)
        except declared as error:
            message = str(error)
    assert "\n" not in message


@given(content=files(*IMAGES))
def test_images(content: bytes) -> None:
    message = ""
    try:
        assert look_at(content).image.mode == "RGB"
    except DataError as error:
        message = str(error)
    assert "\n" not in message
    assert "0x" not in message, "an address: not the same twice"


@given(content=files(SHARD))
def test_shards(content: bytes) -> None:
    def read_all(file: Path) -> None:
        listing = list_images(file, file.parent / "campaign")
        for one in listing.candidates:
            with suppress(DataError):
                read_member(file, one.path.partition("::")[2])
        to_csv(listing.skipped).encode()

    survives(read_all, ".tar", content, DataError)


@pytest.mark.parametrize(("suffix", "seed"), [(".csv", CSV), (".jsonl", JSON_LINES)], ids=["csv", "jsonl"])
def test_manifests(suffix: str, seed: bytes) -> None:
    @given(content=files(seed))
    def check(content: bytes) -> None:
        survives(lambda file: list_images(file, file.parent / "campaign"), suffix, content, DataError)

    check()


def parquet() -> bytes:
    arrow = pytest.importorskip("pyarrow")
    stream = io.BytesIO()
    arrow.parquet.write_table(arrow.table({"path": ["a.jpg", "b.jpg"], "label": ["cat", None]}), stream)
    return stream.getvalue()


def test_parquet() -> None:
    pytest.importorskip("pyarrow.parquet")

    @given(content=files(parquet()))
    def check(content: bytes) -> None:
        survives(lambda file: list(read_rows(file)), ".parquet", content, DataError)

    check()


@given(content=files(CLASSES))
def test_classes_in_json(content: bytes) -> None:
    survives(read_classes, ".json", content, DataError)


@given(content=files(b"cat | it purrs\ndog\n"))
def test_classes_in_lines(content: bytes) -> None:
    survives(lambda file: parse_classes(str(file)), ".txt", content, DataError)


@given(content=files(ITEMS))
def test_items(content: bytes) -> None:
    survives(read_items, ".csv", content, DataError)


@given(content=files(JOURNAL))
def test_journals(content: bytes) -> None:
    survives(lambda file: list(mend_journal(file)), ".jsonl", content, DataError)


@given(content=files(SETTINGS))
def test_settings(content: bytes) -> None:
    def read(file: Path) -> None:
        folder = CampaignFolder(file.parent)
        file.rename(folder.settings)
        folder.read_config()

    survives(read, ".toml", content, AsklessError)
