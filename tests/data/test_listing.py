"""Images are found wherever they are said to be, in an order that is the same everywhere; the rest is reported."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from pictures import fill, jpeg, write_shard

from askless.data import shard as shard_module
from askless.data.formats.anywhere import list_images
from askless.data.formats.listing import Candidate, Listing
from askless.data.shard import read_source
from askless.errors import DataError


def listed(source: Path, campaign: Path | None = None) -> Listing:
    return list_images(source, campaign or source.parent / "campaign")


def items(listing: Listing) -> list[str]:
    return [one.item for one in listing.candidates]


def labels(listing: Listing) -> dict[str, str]:
    return {one.item: one.label for one in listing.candidates}


def test_nested_folders_in_the_order_of_their_ids(tmp_path: Path) -> None:
    names = ["b/10.jpg", "b/9.jpg", "B/1.jpg", "b.jpg", "a b/ü\n.JPG", "z", "b/c/d/e.png", "b/9.JPG"]
    listing = listed(fill(tmp_path / "photos", *names))
    assert items(listing) == sorted(names)
    assert listing.skipped == []
    assert labels(listing)["b/c/d/e.png"] == "b", "the first folder, as torchvision's ImageFolder has it"
    assert labels(listing)["b.jpg"] == ""


def test_a_path_is_relative_if_it_lies_in_the_campaign(tmp_path: Path) -> None:
    photos = fill(tmp_path / "campaign" / "photos", "a/1.jpg")
    expected = Candidate("a/1.jpg", "photos/a/1.jpg", "a")
    assert list_images(photos, tmp_path / "campaign").candidates == [expected]
    elsewhere = list_images(photos, tmp_path / "camp").candidates
    assert elsewhere == [Candidate("a/1.jpg", str(photos / "a/1.jpg"), "a")]


def test_the_campaign_itself_is_not_looked_at(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "a.jpg", "campaign/thumbnails/b.webp")
    listing = list_images(photos, photos / "campaign")
    assert (items(listing), listing.skipped) == (["a.jpg"], [])
    with pytest.raises(DataError, match="is the campaign folder itself"):
        list_images(photos, photos)


def test_what_is_hidden_or_made_by_the_system_is_one_line(tmp_path: Path) -> None:
    names = ["a.jpg", ".b.jpg", ".git/c.jpg", ".git/d.jpg", "__MACOSX/._a.jpg", "e/Thumbs.db", "e/.DS_Store"]
    photos = fill(tmp_path / "photos", *names)
    listing = listed(photos)
    assert items(listing) == ["a.jpg"]
    skipped = {Path(path).relative_to(photos).as_posix(): reason for path, reason in listing.skipped}
    system = "left behind by the operating system"
    assert skipped == {
        ".b.jpg": "hidden", ".git": "hidden", "__MACOSX": system, "e/.DS_Store": "hidden", "e/Thumbs.db": system
    }  # fmt: skip


def test_links_are_followed_but_no_folder_is_entered_twice(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "a/1.jpg")
    fill(tmp_path / "elsewhere", "2.jpg")
    (photos / "b").symlink_to(tmp_path / "elsewhere")
    (photos / "a" / "up").symlink_to(photos)
    (photos / "a" / "self.jpg").symlink_to(photos / "a" / "self.jpg")
    (photos / "link.jpg").symlink_to(photos / "a" / "1.jpg")
    listing = listed(photos)
    assert items(listing) == ["a/1.jpg", "a/self.jpg", "b/2.jpg", "link.jpg"]
    assert listing.skipped == [(str(photos / "a/up"), "a link to a folder that was read already")]


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    assert items(listed(fill(tmp_path / "photos", "x.jpg/y.jpg"))) == ["x.jpg/y.jpg"]


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = fill(tmp_path / "photos", "a/1.jpg", "b/2.jpg")
    scandir = os.scandir

    def forbid(folder: str) -> object:
        if folder.endswith("a"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", forbid)
    listing = listed(photos)
    assert items(listing) == ["b/2.jpg"]
    assert listing.skipped == [(str(photos / "a"), "unreadable: permission denied")]


def test_names_that_are_not_utf8_are_reported(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "a.jpg")
    (Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.jpg"))).write_bytes(jpeg())
    listing = listed(photos)
    assert items(listing) == ["a.jpg"]
    assert listing.skipped == [(f"{photos}/caf\\udce9.jpg", "its name is not text in UTF-8; rename it")]


def test_names_with_a_zero_byte_are_reported(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,item\na.jpg,a\0b\n")
    listing = listed(tmp_path / "m.csv")
    assert (listing.candidates, [reason for _, reason in listing.skipped]) == (
        [],
        ["its name is not text in UTF-8; rename it"],
    )


def test_labels_come_from_metadata_files_if_there_are_any(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "train/1.jpg", "train/2.jpg", "test/x/3.jpg", "test/4.jpg")
    (photos / "train" / "metadata.csv").write_text("file_name,label,text\n1.jpg,cat,hello\ngone.jpg,dog,\n")
    lines = [{"file_name": "./x/3.jpg", "label": 1}, {"file_name": "4.jpg", "label": None}]
    (photos / "test" / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    listing = listed(photos)
    assert labels(listing) == {"test/4.jpg": "", "test/x/3.jpg": "1", "train/1.jpg": "cat", "train/2.jpg": ""}
    assert listing.skipped == [(str(photos / "train/gone.jpg"), "named in metadata.csv, but not there")]


def test_a_metadata_file_at_the_top_names_files_below(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "a/1.jpg")
    (photos / "metadata.csv").write_text("file_name,label\na/1.jpg,cat\n")
    assert labels(listed(photos)) == {"a/1.jpg": "cat"}
    (photos / "metadata.csv").write_text("name,label\na/1.jpg,cat\n")
    with pytest.raises(DataError, match=r"metadata\.csv needs exactly one column file_name"):
        listed(photos)


def test_shards_of_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cat, dog = jpeg(0), jpeg(1)
    members = {
        "d/1.jpg": cat,
        "d/1.cls": b"1\n",
        "d/1.json": b'{"caption": "a cat"}',
        "2.left.png": dog,
        "2.json": b'{"label": "dog"}',
        "3.jpg": b"",
        "3.cls": b"\xff",
        "4.jpg": dog,
        "4.json": b"[" * 5000,
        "5.jpg": dog,
        "5.cls": b"x" * 1_000_001,
        "6.txt": b"a caption",
    }
    shard = write_shard(tmp_path / "000.tar", members)
    listing = listed(shard)
    known = {"d/1.jpg": "1", "2.left.png": "dog", "3.jpg": "", "4.jpg": "", "5.jpg": "", "6.txt": ""}
    assert labels(listing) == {f"000.tar::{name}": label for name, label in known.items()}
    assert read_source(tmp_path, listing.candidates[0].path) == cat
    assert read_source(tmp_path, "000.tar::2.left.png") == dog
    monkeypatch.setattr(shard_module, "MAX_BYTES", 3)
    with pytest.raises(DataError, match="larger than 0 MB"):
        read_source(tmp_path, "000.tar::2.left.png")
    for path, reason in (("000.tar::7.jpg", "not in its tar file"), ("001.tar::1.jpg", "unreadable: .*No such file")):
        with pytest.raises(DataError, match=reason):
            read_source(tmp_path, path)


def test_shards_in_a_folder_beside_files(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "a.jpg", "x.jpg")
    write_shard(photos / "b.tar", {"2.jpg": jpeg(5), "1.jpg": jpeg(6)})
    listing = listed(photos)
    assert items(listing) == ["a.jpg", "b.tar::2.jpg", "b.tar::1.jpg", "x.jpg"]
    odd = fill(tmp_path / "odd", "b.tar::c.jpg")
    assert read_source(tmp_path, listed(odd).candidates[0].path) == (odd / "b.tar::c.jpg").read_bytes()


def test_odd_members_of_a_shard_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("link.jpg", tarfile.SYMTYPE), ("folder.jpg", tarfile.DIRTYPE), ("pipe", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd"
            tar.addfile(info)
        for content in (b"first", b"second"):
            info = tarfile.TarInfo("../twice.jpg")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    listing = listed(path)
    assert items(listing) == ["a.tar::../twice.jpg"]
    assert read_source(tmp_path, listing.candidates[0].path) == b"first"
    assert [reason for _, reason in listing.skipped] == [
        "not a file", "not a file", "an image before it has the same id: a.tar::../twice.jpg"
    ]  # fmt: skip


def test_a_shard_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", {f"{i}.jpg": jpeg(i) for i in range(3)})
    content = shard.read_bytes()
    shard.write_bytes(content[:2600])
    listing = listed(shard)
    assert items(listing) == ["a.tar::0.jpg", "a.tar::1.jpg"]
    assert listing.skipped == [(str(shard), "unreadable after 2 images: unexpected end of data")]
    assert read_source(tmp_path, "a.tar::0.jpg") == jpeg(0)
    with pytest.raises(DataError, match="truncated"):
        read_source(tmp_path, "a.tar::1.jpg")
    shard.write_bytes(content[:1536] + b"\xff" * 512 + content[2048:])
    listing = listed(shard)
    assert items(listing) == ["a.tar::0.jpg"]
    assert listing.skipped == [(str(shard), "unreadable after 1 images: damaged at byte 1536")]


MANIFEST = """path,item,label,use,note
a.jpg,one,cat,gold,x
../up.jpg,,,,
a.jpg,one,,,
,three,,,
https://example.org/b.jpg,four,,,
b.jpg,five,cat,silver,
b.jpg,six,,gold,
{folder}/c.jpg,seven,dog,,
"""


def check_manifest(table: Path) -> None:
    listing = listed(table)
    folder = table.parent
    assert listing.candidates == [
        Candidate("one", f"{folder}/a.jpg", "cat", "gold"),
        Candidate("../up.jpg", f"{folder.parent}/up.jpg"),
        Candidate("seven", f"{folder}/c.jpg", "dog"),
    ]
    assert listing.skipped == [
        (f"{folder}/a.jpg", "an image before it has the same id: one"),
        (f"{table}, row 4", "it has no path"),
        ("https://example.org/b.jpg", "on a network; fetch it, and name the file"),
        ("b.jpg", "its use is neither prototype nor gold: silver"),
        ("b.jpg", "it has the use gold, but no label"),
    ]


def test_manifests_in_csv_json_lines_and_parquet(tmp_path: Path) -> None:
    table = tmp_path / "manifest.csv"
    table.write_text(MANIFEST.format(folder=tmp_path))
    check_manifest(table)
    header, *rows = [line.split(",") for line in table.read_text().splitlines()]
    objects = [{name: value or None for name, value in zip(header, row, strict=True)} for row in rows]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, objects)))
    check_manifest(tmp_path / "manifest.jsonl")
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(objects), tmp_path / "manifest.parquet")
    check_manifest(tmp_path / "manifest.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", b"image,path\na,b\n", "needs exactly one column path or image or file_name"),
        ("m.csv", b"name\na\n", "its columns are 'name'; rename"),
        ("m.csv", b"path,label,label\na,b,c\n", "two columns of one name"),
        ("m.csv", b"path,label\na,b,c\n", "3 fields in row 1, but its header has 2"),
        ("m.csv", b"path\n\xff\n", "not a table in UTF-8"),
        ("m.csv", b'path\n"' + b"x" * 200_000, "not a table in UTF-8"),
        ("m.jsonl", b'{"path": "a"}\n{"path":\n', "Line 2 of .* is not JSON"),
        ("m.jsonl", b'["path"]\n', "is no JSON object"),
        ("m.parquet", b"PAR1", "not a Parquet file"),
        ("m.txt", b"a.jpg", "name a folder, a table"),
        ("m.tar.gz", b"", "an uncompressed .tar"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        listed(tmp_path / name)


def test_a_table_without_rights_and_a_place_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "m.csv"
    table.write_text("path\n")

    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(DataError, match=r"m\.csv cannot be read \(Permission denied\)"):
        listed(table)
    with pytest.raises(DataError, match=r"There are no images at .*nowhere; name a folder"):
        listed(tmp_path / "nowhere")
