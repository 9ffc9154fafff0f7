"""An export is whole or not there, and nothing that is not its own is ever lost."""

import base64
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from PIL import Image

from askless.data.labels_out.files import File, ItemImage
from askless.data.labels_out.folder import SEAL, write_export
from askless.data.labels_out.item_images import Way, place_image
from askless.errors import DataError

FILES: list[File] = [("a.txt", [b"one", b"two"]), ("deep/er/b.txt", [b""]), ("deep/image", ItemImage(7))]


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "JPEG")
    return buffer.getvalue()


PIXELS = jpeg()


def place(item: int, target: Path) -> None:
    target.write_text(f"image {item}")


def tree(folder: Path) -> dict[str, bytes]:
    """Without the seal, in which there is when an image was written."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_files_and_images_are_written_and_an_own_export_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    assert write_export(folder, FILES, place) == 3
    first = tree(folder)
    assert first == {
        "a.txt": b"onetwo",
        "deep/er/b.txt": b"",
        "deep/image": b"image 7",
    }
    write_export(folder, FILES, place)
    assert tree(folder) == first
    write_export(folder, FILES[:1], place)
    assert set(tree(folder)) == {"a.txt"}
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("what", ["a file", "a folder", "an empty folder", "a changed export", "a link", "no text"])
def test_what_is_foreign_stays_and_force_puts_it_aside(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "out"
    match what:
        case "a file":
            folder.write_text("mine")
        case "a folder":
            (folder / "deep").mkdir(parents=True)
            (folder / "mine.txt").write_text("mine")
        case "an empty folder":
            folder.mkdir()
        case "a changed export":
            write_export(folder, FILES, place)
            (folder / "model.pt").write_text("mine")
        case "a link":
            (tmp_path / "elsewhere").mkdir()
            folder.symlink_to(tmp_path / "elsewhere")
        case "no text":
            folder.mkdir()
            (folder / SEAL).write_bytes(b"\xff")
    before = tree(tmp_path)
    with pytest.raises(DataError, match=r"out is there and is no export .* --force rename it to out\.old"):
        write_export(folder, FILES, place)
    assert tree(tmp_path) == before
    write_export(folder, FILES, place, is_forced=True)
    assert (folder / "a.txt").read_text() == "onetwo"
    assert os.path.lexists(tmp_path / "out.old")
    assert set(before.values()) <= set(tree(tmp_path).values())
    (folder / "more").touch()
    with pytest.raises(DataError, match=r"out\.old is there too"):
        write_export(folder, FILES, place, is_forced=True)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_failure_on_the_way_leaves_all_as_it_was(tmp_path: Path, is_there: bool) -> None:
    folder = tmp_path / "out"
    if is_there:
        write_export(folder, FILES, place)
    before = tree(tmp_path)

    def broken() -> Iterator[File]:
        yield FILES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_export(folder, broken(), place)
    assert tree(tmp_path) == before
    assert folder.exists() == is_there


@pytest.mark.parametrize("name", ["a.txt", "deep/image"])
def test_an_edit_that_keeps_the_size_is_not_lost(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    write_export(folder, FILES, place)
    path = folder / name
    times = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    if name == "a.txt":
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    else:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1_000_000_000))
    with pytest.raises(DataError, match="is no export as askless left it"):
        write_export(folder, FILES, place)


def test_places_that_cannot_be_written_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/out cannot be written .*--out"):
        write_export(tmp_path / "file" / "out", FILES, place)
    with pytest.raises(DataError, match="cannot be an export"):
        write_export(Path("/"), FILES, place, is_forced=True)
    here = tmp_path / "here"
    (here / "below").mkdir(parents=True)
    monkeypatch.chdir(here / "below")
    with pytest.raises(DataError, match="is where you are"):
        write_export(here, FILES, place, is_forced=True)


@pytest.mark.parametrize("name", ["/etc/x", "deep/../../x", ".."])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="would lie outside of the export"):
        write_export(tmp_path / "out", [(name, [b"mine"])], place)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", Way)
def test_images_are_copied_or_linked(tmp_path: Path, way: Way) -> None:
    (tmp_path / "x.jpg").write_bytes(PIXELS)
    target = tmp_path / "target.jpg"
    place_image("x.jpg", tmp_path, target, way)
    assert target.read_bytes() == PIXELS
    assert target.is_symlink() == (way == Way.SYMLINK)
    assert target.samefile(tmp_path / "x.jpg") == (way != Way.COPY)
    with pytest.raises(DataError, match=r"(?s)gone\.jpg.*put it back"):
        place_image("gone.jpg", tmp_path, tmp_path / "other", way)


def test_images_in_tars_and_uris_are_copied_only(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(PIXELS)
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(tmp_path / "x.jpg", "deep/x.jpg")
    uri = f"data:image/jpeg;base64,{base64.b64encode(PIXELS).decode()}"
    for number, image in enumerate(["shard.tar::deep/x.jpg", uri, f"data:image/jpeg,{quote_from_bytes(PIXELS)}"]):
        target = tmp_path / f"{number}"
        place_image(image, tmp_path, target, Way.COPY)
        assert target.read_bytes() == PIXELS
        with pytest.raises(DataError, match="nothing to link; export copies"):
            place_image(image, tmp_path, tmp_path / "other", Way.SYMLINK)


def test_a_hard_link_that_cannot_be_made_names_the_others(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    (tmp_path / "there").touch()
    with pytest.raises(DataError, match=r"cannot be linked .* export copies or symbolic links"):
        place_image("x.jpg", tmp_path, tmp_path / "there", Way.HARDLINK)


def test_links_count_by_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(PIXELS)

    def link(item: int, target: Path) -> None:
        place_image("x.jpg", tmp_path, target, Way.SYMLINK)

    folder = tmp_path / "out"
    write_export(folder, FILES, link)
    write_export(folder, FILES, link)
    (folder / "deep" / "image").unlink()
    (folder / "deep" / "image").symlink_to(tmp_path)
    with pytest.raises(DataError, match="is no export as askless left it"):
        write_export(folder, FILES, link)
