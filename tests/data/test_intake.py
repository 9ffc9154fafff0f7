"""askless init and add: all good images in, all others named, and the same result however often it was interrupted."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from pictures import encode, fill, jpeg, picture, png_bomb, write_shard
from PIL import Image

from askless.data import intake as intake_module
from askless.data import survey as survey_module
from askless.data.classes import ClassInfo, parse_classes
from askless.data.folder import THUMBNAIL_SIZES, CampaignFolder
from askless.data.formats.listing import Listing
from askless.data.image import decode
from askless.data.intake import Intake, add, init
from askless.data.item_table import ItemRow, to_csv
from askless.errors import AsklessError, ConfigError, DataError

CLASSES = [ClassInfo("cat"), ClassInfo("dog")]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Without worker processes, which take long to start; `test_pool` tests these."""
    if "processes" in request.keywords:
        return

    def call(function: Callable[[Any], Any], tasks: Any, n_processes: int) -> Iterator[tuple[Any, Any]]:
        return ((task, function(task)) for task in tasks)

    monkeypatch.setattr(survey_module, "call_for_each", call)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def pairs(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    names = [Path(path).name for path, _ in lines]
    assert len(set(map(tuple, lines))) == len(lines)
    return dict(zip(names, [text for _, text in lines], strict=True))


def test_a_folder_becomes_a_campaign(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "b.jpg", "a/c.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    assert init(folder, photos, CLASSES, settings=["seed=7", "learner_method=ds_model"]) == Intake(
        n_items=2, n_new=2, n_classes=3, n_prototypes=0, n_gold=0, skipped={}, n_notes=0, n_unused_labels=0
    )
    dataset = folder.dataset()
    assert dataset.items == ("a/c.jpg", "b.jpg")
    assert dataset.classes == ("cat", "dog", "other")
    assert dataset.images == (str(photos / "a/c.jpg"), str(photos / "b.jpg"))
    assert (folder.read_config().seed, folder.read_config().learner_method) == (7, "ds_model")
    items = folder.read_items()
    assert items.rows()[1]._replace(digest="") == ItemRow(
        "b.jpg", str(photos / "b.jpg"), 40, 30, (photos / "b.jpg").stat().st_size, "", "", ""
    )
    assert np.array_equal(np.asarray(items.open_image(1)), np.asarray(decode(photos / "b.jpg")))
    files = {"askless.toml", "classes.json", "items.csv", "skipped.csv", "notes.csv", "thumbnails", ".lock"}
    assert {path.name for path in folder.root.iterdir()} == files


def test_thumbnails_are_small_and_tell_nothing(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    exif.get_ifd(0x8825)[1] = "N"
    (photos / "large.jpg").write_bytes(encode(picture(3000, 1500), exif=exif))
    (photos / "tiny.png").write_bytes(encode(picture(8, 8, seed=1), "PNG"))
    (photos / "thin.png").write_bytes(encode(picture(5000, 1, seed=1), "PNG"))
    before = contents(photos)
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, CLASSES)
    assert contents(photos) == before
    items = folder.read_items()
    sizes = {
        items.item[i]: [size_of(folder.thumbnail(items.digest[i], size)) for size in THUMBNAIL_SIZES]
        for i in range(len(items))
    }
    assert sizes == {
        "large.jpg": [(256, 128), (1024, 512)],
        "tiny.png": [(8, 8), (8, 8)],
        "thin.png": [(256, 1), (1024, 1)],
    }
    thumbnails = contents(folder.root / "thumbnails")
    assert len(thumbnails) == 6
    for name, content in thumbnails.items():
        assert not {b"EXIF", b"ICCP", b"XMP "} & {content[i : i + 4] for i in range(len(content))}
        assert b"secret" not in content
        assert not {"large", "tiny", "thin"} & set(name.replace("/", ".").split("."))
    tiny = folder.thumbnail(items.digest[items.index["tiny.png"]], 256)
    assert np.array_equal(np.asarray(decode(tiny)), np.asarray(picture(8, 8, seed=1))), "lossless"


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def bad_and_odd(photos: Path) -> None:
    fill(photos, "good.jpg", "same.jpg", "truncated.jpg", "really a png.jpg", "noextension")
    (photos / "same.jpg").write_bytes((photos / "good.jpg").read_bytes())
    (photos / "truncated.jpg").write_bytes(jpeg(3, 300, 200)[:900])
    (photos / "really a png.jpg").write_bytes(encode(picture(seed=4), "PNG"))
    (photos / "bomb.png").write_bytes(png_bomb())
    (photos / "empty.jpg").touch()
    (photos / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (photos / "readme.txt").write_text("hello")
    (photos / "gone.jpg").symlink_to(photos / "nowhere")
    frames = {"save_all": True, "append_images": [picture(seed=6)]}
    (photos / "moving.gif").write_bytes(encode(picture(seed=5), "GIF", **frames))


def test_every_file_is_used_or_named(tmp_path: Path) -> None:
    bad_and_odd(tmp_path / "photos")
    folder = CampaignFolder(tmp_path / "birds")
    intake = init(folder, tmp_path / "photos", CLASSES)
    assert folder.read_items().item == ("good.jpg", "moving.gif", "noextension", "really a png.jpg")
    assert pairs(folder.skipped) == {
        "bomb.png": "larger than 40 megapixels",
        "drawing.svg": "svg",
        "empty.jpg": "empty file",
        "gone.jpg": "unreadable: no such file or directory",
        "readme.txt": "unreadable: no image in a format that is read",
        "same.jpg": "duplicate of good.jpg",
        "truncated.jpg": "truncated",
    }
    assert pairs(folder.notes) == {
        "moving.gif": "first of several frames",
        "really a png.jpg": "wrong extension: it is PNG",
    }
    assert intake.skipped["unreadable"] == 2
    assert sum(intake.skipped.values()) == 7
    assert intake.n_notes == 2


def test_done_and_repeated_it_changes_nothing(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    first = init(folder, photos, CLASSES)
    before = contents(folder.root)
    fill(tmp_path / "photos", "2.jpg")
    again = init(folder, photos, CLASSES)
    assert (again.n_items, again.n_new) == (first.n_items, 0)
    assert contents(folder.root) == before
    for arguments, message in (
        ({"source": tmp_path}, "made with other images or settings"),
        ({"settings": ["seed=1"]}, "made with other images or settings"),
        ({"labels_are": "gold"}, "made with other images or settings"),
        ({"classes": CLASSES[:1]}, "made with other classes"),
        ({"has_other": False, "classes": CLASSES[::-1]}, "made with other classes"),
    ):
        with pytest.raises(ConfigError, match=message):
            init(folder, **({"source": photos, "classes": CLASSES} | arguments))
    assert contents(folder.root) == before
    add(folder, None, [ClassInfo("owl")])
    assert init(folder, photos, CLASSES).n_classes == 4, "added classes come after those of init"


class Killed(BaseException):
    """Nobody catches it, as nobody does a kill."""


@pytest.mark.parametrize("n_done", [0, 1, 4, 9])
def test_killed_anywhere_and_repeated_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_done: int
) -> None:
    bad_and_odd(tmp_path / "photos")
    whole, killed = CampaignFolder(tmp_path / "whole"), CampaignFolder(tmp_path / "killed")
    init(whole, tmp_path / "photos", CLASSES)
    looked_at = []
    check = survey_module.check

    def count(folder: CampaignFolder, path: str) -> survey_module.Check:
        if len(looked_at) == n_done:
            raise Killed
        looked_at.append(path)
        return check(folder, path)

    monkeypatch.setattr(survey_module, "check", count)
    with pytest.raises(Killed):
        init(killed, tmp_path / "photos", CLASSES)
    with pytest.raises(DataError, match="is not finished; repeat the `askless init`"):
        killed.read_items()
    journal = killed.unfinished / "checked.jsonl"
    with journal.open("ab") as file:
        file.write(b'["torn')
    monkeypatch.setattr(survey_module, "check", lambda folder, path: looked_at.append(path) or check(folder, path))
    init(killed, tmp_path / "photos", CLASSES)
    assert len(looked_at) == len(set(looked_at)) == 11, "nothing is looked at twice"
    assert contents(killed.root) == contents(whole.root)


def test_killed_between_the_tables_and_repeated_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_and_odd(tmp_path / "photos")
    whole, killed = CampaignFolder(tmp_path / "whole"), CampaignFolder(tmp_path / "killed")
    more = fill(tmp_path / "more", "x.jpg", "good.jpg")
    (more / "y.jpg").write_bytes(jpeg(77))
    init(whole, tmp_path / "photos", CLASSES)
    add(whole, more, [ClassInfo("owl")])

    replace = os.replace
    for run in (
        lambda: init(killed, tmp_path / "photos", CLASSES),
        lambda: add(killed, more, [ClassInfo("owl")]),
    ):
        for name in ("classes.json", "skipped.csv", "notes.csv", "items.csv"):

            def kill_at(source: Any, target: Any, name: str = name) -> None:
                if Path(target).name == name:
                    raise Killed
                replace(source, target)

            monkeypatch.setattr(os, "replace", kill_at)
            with pytest.raises(Killed):
                run()
        monkeypatch.setattr(os, "replace", replace)
        run()
    assert contents(killed.root) == contents(whole.root)


def test_what_changed_since_the_interruption_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = fill(tmp_path / "photos", "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    (photos / "1.jpg").write_bytes(b"")
    folder = CampaignFolder(tmp_path / "birds")
    with monkeypatch.context() as patch:
        patch.setattr("askless.data.intake.merge", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            init(folder, photos, CLASSES)
    (photos / "1.jpg").write_bytes(jpeg(11))
    (photos / "2.jpg").unlink()
    for thumbnail in (folder.root / "thumbnails").rglob("*.webp"):
        thumbnail.unlink() if "256" in thumbnail.parts else thumbnail.write_bytes(b"")  # as after a power cut
    init(folder, photos, CLASSES)
    items = folder.read_items()
    assert items.item == ("1.jpg", "3.jpg", "4.jpg")
    for digest in items.digest:
        assert [size_of(folder.thumbnail(digest, size)) for size in THUMBNAIL_SIZES] == [(40, 30), (40, 30)]


def test_a_decoder_that_crashes_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = fill(tmp_path / "photos", "1.jpg", "2.jpg")
    check = survey_module.check

    def crash(function: Callable[[str], Any], tasks: list[str], n_processes: int) -> Iterator[tuple[str, Any]]:
        return ((task, None if task.endswith("1.jpg") else check(folder, task)) for task in tasks)

    monkeypatch.setattr(survey_module, "call_for_each", crash)
    monkeypatch.setattr(survey_module, "SECONDS_AT_RISK", 0.0)
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, CLASSES)
    assert pairs(folder.skipped) == {"1.jpg": "unreadable: the decoder crashed"}
    assert folder.read_items().item == ("2.jpg",)


def test_add_leaves_ids_and_order_as_they_are(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "m.jpg", "bad.jpg")
    (photos / "bad.jpg").write_bytes(b"")
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, CLASSES)
    old, old_print = folder.items.read_bytes(), folder.read_items().fingerprint()
    fill(photos, "-", "a.jpg", "z.jpg")
    (photos / "bad.jpg").write_bytes(jpeg(50))
    (photos / "a.jpg").write_bytes((photos / "m.jpg").read_bytes())
    intake = add(folder, photos, [ClassInfo("owl"), ClassInfo("cat", "known already")])
    assert folder.items.read_bytes().startswith(old)
    items = folder.read_items()
    assert items.item == ("m.jpg", "-", "bad.jpg", "z.jpg")
    assert items.fingerprint(1) == old_print != items.fingerprint()
    assert [one.name for one in folder.read_classes()] == ["cat", "dog", "other", "owl"]
    assert folder.read_classes()[0].description == ""
    assert pairs(folder.skipped) == {"a.jpg": "duplicate of m.jpg"}, "bad.jpg is good now"
    assert (intake.n_new, intake.n_items) == (3, 4)

    before = contents(folder.root)
    assert add(folder, photos).n_new == 0
    assert contents(folder.root) == before
    other = fill(tmp_path / "other", "y", "m.jpg")
    (other / "m.jpg").write_bytes(jpeg(99))
    add(folder, other)
    assert folder.read_items().item == ("m.jpg", "-", "bad.jpg", "z.jpg", "y")
    assert pairs(folder.skipped)["m.jpg"] == "another item has the same id: m.jpg"


def test_folder_names_can_be_known_labels(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "kitty/1.jpg", "dog/2.jpg", "later/3.jpg", "4.jpg")
    classes = [ClassInfo("cat", aliases=("kitty",)), ClassInfo("dog")]
    unused = CampaignFolder(tmp_path / "unused")
    assert init(unused, photos, classes).n_unused_labels == 2
    assert set(unused.read_items().label) == {""}
    folder = CampaignFolder(tmp_path / "birds")
    intake = init(folder, photos, classes, labels_are="prototype")
    assert (intake.n_prototypes, intake.n_gold, intake.n_unused_labels) == (2, 0, 0)
    items = folder.read_items()
    assert dict(zip(items.item, items.label, strict=True)) == {
        "kitty/1.jpg": "cat", "dog/2.jpg": "dog", "later/3.jpg": "", "4.jpg": ""
    }  # fmt: skip
    assert pairs(folder.notes) == {"3.jpg": "its label 'later' is no class"}
    prototypes = folder.prototypes()
    assert (prototypes.item.tolist(), prototypes.label.tolist()) == ([1, 2], [1, 0])
    assert len(folder.gold()) == 0


def test_classes_can_come_from_the_labels(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "10/1.jpg", "9/2.jpg")
    with pytest.raises(DataError, match="does not say what the classes are; name them by --classes"):
        init(CampaignFolder(tmp_path / "birds"), photos, None)
    assert not (tmp_path / "birds").exists()
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, None, labels_are="gold", has_other=False)
    assert [one.name for one in folder.read_classes()] == ["9", "10"]
    assert folder.gold().label.tolist() == [1, 0]
    assert init(folder, photos, None, labels_are="gold", has_other=False).n_new == 0


def test_labels_of_shards_and_tables_and_their_uses(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg", "2.jpg", "3.jpg", "same as 3.jpg")
    (photos / "same as 3.jpg").write_bytes((photos / "3.jpg").read_bytes())
    write_shard(photos / "s.tar", {"5.jpg": jpeg(5), "5.cls": b"1", "6.jpg": b"no"})
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, CLASSES)
    items = folder.read_items()
    assert items.item == ("1.jpg", "2.jpg", "3.jpg", "s.tar::5.jpg")
    assert pairs(folder.skipped) == {
        "same as 3.jpg": "duplicate of 3.jpg",
        "s.tar::6.jpg": "unreadable: no image in a format that is read",
    }
    assert np.array_equal(np.asarray(items.open_image(3)), np.asarray(decode(jpeg(5))))

    rows = [
        ("path", "item", "label", "use"),
        ("1.jpg", "1.jpg", "dog", "gold"),
        ("2.jpg", "", "cat", ""),
        ("same as 3.jpg", "", "0", "prototype"),
    ]
    (photos / "known.csv").write_text(to_csv(rows))
    intake = add(folder, photos / "known.csv")
    assert (intake.n_new, intake.n_gold, intake.n_prototypes, intake.n_unused_labels) == (0, 1, 1, 1)
    assert folder.read_items().label == ("dog", "", "cat", "")
    add(folder, photos, labels_are="prototype")
    assert folder.read_items().use == ("gold", "", "prototype", "prototype")
    (photos / "known.csv").write_text("path,label,use\n1.jpg,cat,gold\n1.jpg,cow,gold\n")
    add(folder, photos / "known.csv")
    assert folder.read_items().label[0] == "dog"
    assert pairs(folder.notes)["1.jpg"] == "its label 'cat' is passed over: 1.jpg is known as 'dog'"


def test_classes_with_all_that_helps_people(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    fill(tmp_path, "birds/examples/wren.jpg", "elsewhere.jpg")
    entries = [
        {"name": "wren", "description": "small", "aliases": ["jenny"], "examples": ["birds/examples/wren.jpg"]},
        {"name": "owl", "parent": "night/large", "examples": ["elsewhere.jpg"]},
    ]
    (tmp_path / "classes.json").write_text(json.dumps(entries))
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, parse_classes(str(tmp_path / "classes.json")))
    assert folder.read_classes() == (
        ClassInfo("wren", "small", ("jenny",), ("examples/wren.jpg",)),
        ClassInfo("owl", examples=(str(tmp_path / "elsewhere.jpg"),), parent="night/large"),
        ClassInfo("other", "None of the classes above."),
    )


def test_other_is_not_doubled(tmp_path: Path) -> None:
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, fill(tmp_path / "photos", "1.jpg"), parse_classes("other, cat"))
    assert folder.dataset().classes == ("other", "cat")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"settings": ["sead=1"]}, "did you mean 'seed'"),
        ({"settings": ["seed"]}, "write it as key=value"),
        ({"settings": ["crowd.skill=0.5"]}, "crowd is a setting of simulations only"),
        ({"source": Path("nowhere")}, "There are no images at nowhere"),
        ({"source": Path("empty")}, "There are no images in empty"),
        ({"classes": [ClassInfo("cat")], "has_other": False}, "at least two classes"),
        ({"classes": [ClassInfo("cat", aliases=("other",))]}, "'other' stands for two classes"),
        ({"classes": [ClassInfo("cat", examples=("gone.jpg",)), ClassInfo("dog")]}, r"gone\.jpg cannot be used"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "photos", "1.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AsklessError, match=message) as refused:
        init(CampaignFolder(Path("birds")), **({"source": Path("photos"), "classes": CLASSES} | arguments))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "birds").exists()


def test_nothing_foreign_is_overwritten(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    folder.root.mkdir()
    folder.classes.write_text("mine")
    with pytest.raises(DataError, match=r"classes\.json is in the way"):
        init(folder, photos, CLASSES)
    assert folder.classes.read_text() == "mine"


def test_if_no_file_can_be_used_the_reasons_are_there(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "1.jpg").touch()
    folder = CampaignFolder(tmp_path / "birds")
    with pytest.raises(DataError, match=r"None of the files in .* can be used; .*skipped\.csv says why"):
        init(folder, photos, CLASSES)
    assert pairs(folder.skipped) == {"1.jpg": "empty file"}
    (photos / "1.jpg").write_bytes(jpeg())
    assert init(folder, photos, CLASSES).skipped == {}


def test_an_unfinished_one_is_not_taken_up_with_other_classes(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "1.jpg").touch()
    folder = CampaignFolder(tmp_path / "birds")
    for classes, message in ((CLASSES, "None of the files"), (CLASSES[::-1], "made with other classes")):
        with pytest.raises(AsklessError, match=message):
            init(folder, photos, classes)


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    folder.root.mkdir()
    with FileLock(folder.root / ".lock"):
        for run in (init, add):
            with pytest.raises(DataError, match="Another process is at work in"):
                run(folder, photos, CLASSES)


@pytest.mark.parametrize("is_same", [True, False])
def test_what_another_process_made_in_the_meantime_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    """It begins and ends, and even gets more images, while this one is listing."""
    photos = fill(tmp_path / "photos", "1.jpg")
    more = tmp_path / "more"
    more.mkdir()
    (more / "2.jpg").write_bytes(jpeg(2))
    folder = CampaignFolder(tmp_path / "birds")
    list_images = intake_module.list_images

    def overtaken(source: Path, root: Path) -> Listing:
        with monkeypatch.context() as patch:
            patch.setattr(intake_module, "list_images", list_images)
            init(folder, photos, CLASSES, settings=[] if is_same else ["seed=1"])
            add(folder, more, [ClassInfo("owl")])
        before.update(contents(folder.root))
        return list_images(source, root)

    before: dict[str, bytes] = {}
    monkeypatch.setattr(intake_module, "list_images", overtaken)
    if is_same:
        intake = init(folder, photos, CLASSES)
        assert (intake.n_items, intake.n_new, intake.n_classes) == (2, 0, 4)
    else:
        with pytest.raises(ConfigError, match="made with other images or settings"):
            init(folder, photos, CLASSES)
    assert contents(folder.root) == before


def test_a_damaged_journal_is_one_sentence(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    folder.unfinished.mkdir(parents=True)
    folder.settings.write_text("")
    (folder.unfinished / "checked.jsonl").write_text("[1, 2]\n{}\n")
    with pytest.raises(ConfigError, match="other images or settings"):
        init(folder, photos, CLASSES)
    folder.settings.unlink()
    with pytest.raises(DataError, match="unfinished is in the way"):
        init(folder, photos, CLASSES)
    with pytest.raises(DataError, match=r"checked\.jsonl is damaged .*; delete .* and repeat"):
        list(survey_module.mend_journal(folder.unfinished / "checked.jsonl"))


def test_a_full_disk_is_not_the_fault_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    folder = CampaignFolder(tmp_path / "birds")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full)
        with pytest.raises(OSError, match="No space left"):
            init(folder, photos, CLASSES)
    assert init(folder, photos, CLASSES).n_items == 1


def test_damaged_tables_are_one_sentence(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, CLASSES)
    for damage in (b"path,reason\n\xff,x\n", b"path,reason\nx\n", b'path,reason\n"' + b"x" * 200_000):
        folder.skipped.write_bytes(damage)
        with pytest.raises(DataError, match=r"skipped\.csv is damaged .*; delete it and repeat"):
            add(folder, photos)
    folder.skipped.unlink()
    folder.settings.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="other images or settings"):
        init(folder, photos, CLASSES)
    assert add(folder, photos).n_items == 1


def test_an_image_that_a_table_names_twice_is_one_item(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg")
    (photos / "table.csv").write_text("path,item\n1.jpg,one\n./1.jpg,two\n1.jpg,three\n")
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos / "table.csv", CLASSES)
    assert folder.read_items().item == ("one",)
    assert set(pairs(folder.skipped).values()) == {"duplicate of one"}


def test_items_that_are_gone_or_changed_are_noticed(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "1.jpg", "2.jpg")
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, photos, CLASSES)
    items = folder.read_items()
    (photos / "1.jpg").write_bytes(jpeg(9))
    (photos / "2.jpg").unlink()
    with pytest.raises(DataError, match=r"1\.jpg.* was changed after it was taken in"):
        items.open_image(0)
    with pytest.raises(DataError, match=r"2\.jpg.* is gone \(unreadable: no such file"):
        items.open_image(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("path", "place", 1), "its columns are"),
        (lambda text: text + text.splitlines()[1] + "\n", "an item comes twice"),
        (lambda text: text.replace(",cat,gold", ",cat,silver"), "unknown use"),
        (lambda text: text.replace(",40,", ",forty,"), "forty"),
        (lambda text: text.replace(",cat,gold", ",cow,gold"), "known label 'cow', which is no class"),
        (lambda text: text + '"', "not as `askless init` wrote it"),
        (lambda text: text + "a,b\n", "not as `askless init` wrote it"),
    ],
)
def test_a_damaged_items_table_is_one_sentence(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    folder = CampaignFolder(tmp_path / "birds")
    init(folder, fill(tmp_path / "photos", "cat/1.jpg"), CLASSES, labels_are="gold")
    folder.items.write_text(change(folder.items.read_text()))
    with pytest.raises(DataError, match=message):
        folder.gold()


def test_a_place_that_is_no_campaign(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make one by `askless init`"):
        add(CampaignFolder(tmp_path), None, CLASSES)
    with pytest.raises(DataError, match=r"classes\.json cannot be read"):
        CampaignFolder(tmp_path).read_classes()
    with pytest.raises(ConfigError, match=r"askless\.toml cannot be read"):
        CampaignFolder(tmp_path).read_config()


@pytest.mark.slow
@pytest.mark.processes
def test_killed_by_the_system_and_repeated_it_is_the_same(tmp_path: Path) -> None:
    """With real processes and SIGKILL."""
    for number in range(100):
        fill(tmp_path / "photos" / str(number), "x.jpg")
        (tmp_path / "photos" / str(number) / "x.jpg").write_bytes(jpeg(number, 400, 300))
    bad_and_odd(tmp_path / "photos")
    whole, killed = CampaignFolder(tmp_path / "whole"), CampaignFolder(tmp_path / "killed")
    init(whole, tmp_path / "photos", CLASSES)
    code = "from askless.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "init",
        str(killed.root),
        f"--images={tmp_path / 'photos'}",
        "--classes=cat,dog",
    ]
    journal = killed.unfinished / "checked.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not killed.items.exists()
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert contents(killed.root) == contents(whole.root)
