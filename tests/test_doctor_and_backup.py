"""`askless doctor` finds what is wrong, `askless backup` what is worth keeping."""

import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from askless import examination
from askless.backup import back_up
from askless.cli import app
from askless.data.folder import CampaignFolder
from askless.errors import DataError, StoreError
from askless.server.links import read_secret
from askless.store.backup import copy_log
from askless.store.file_system import file_system, is_network, refuse_network
from askless.workspace import open_campaign
from small_campaign import read_file
from small_folder import answer_some, make_folder


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_folder(tmp_path_factory.mktemp("answered") / "birds")
    answer_some(folder)
    return folder


@pytest.fixture
def place(answered: Path, tmp_path: Path) -> CampaignFolder:
    return CampaignFolder(Path(shutil.copytree(answered, tmp_path / "birds")))


def findings(place: CampaignFolder) -> dict[str, tuple[str, str]]:
    result = CliRunner().invoke(app, ["doctor", str(place.root), "--json"])
    found = {one["what"]: (one["verdict"], one["text"]) for one in json.loads(result.output)}
    assert result.exit_code == int("problem" in {verdict for verdict, _ in found.values()})
    return found


def test_a_campaign_in_order(place: CampaignFolder) -> None:
    found = findings(place)
    assert {verdict for verdict, _ in found.values()} <= {"fine", "remark"}
    assert found["items"][1] == "24 items, 3 classes"
    assert found["features"][1] == "24 rows of 4 numbers"
    assert found["log"] == ("fine", f"whole, {len(read_file(place.log))} entries")
    assert sqlite3.sqlite_version in found["sqlite"][1]


def test_the_doctor_changes_nothing_and_needs_no_campaign(place: CampaignFolder) -> None:
    before = {path: path.read_bytes() for path in place.root.iterdir() if path.suffix != ".db-shm"}
    result = CliRunner().invoke(app, ["doctor", str(place.root)])
    assert result.exit_code == 0, result.output
    assert {path: path.read_bytes() for path in before} == before
    plain = CliRunner().invoke(app, ["doctor"])
    assert plain.exit_code == 0
    assert "SQLite" in plain.output
    assert "items" not in plain.output


def test_a_new_campaign_has_remarks_only(tmp_path: Path) -> None:
    found = findings(CampaignFolder(make_folder(tmp_path / "new", has_features=False)))
    assert found["features"][0] == found["log"][0] == "remark"


@pytest.mark.parametrize(
    ("method", "n_known", "is_warned"),
    [("efficient_annotation", 0, True), ("lean", 0, True), ("efficient_annotation", 3, False), ("askless", 0, False)],
)
def test_a_learner_without_known_labels_is_warned_of(
    tmp_path: Path, method: str, n_known: int, is_warned: bool
) -> None:
    place = CampaignFolder(make_folder(tmp_path / "birds", n_prototypes=n_known))
    place.settings.write_text(f'[campaign]\nlearner_method = "{method}"\n')
    found = findings(place)
    assert ("method" in found) == is_warned
    if is_warned:
        assert found["method"][0] == "remark"
        assert "can swap whole classes; give some ten of each class" in found["method"][1]


def test_what_is_wrong_is_named(place: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    read_secret(place.secret)
    place.secret.chmod(0o644)
    np.save(place.features, np.zeros((3, 4), np.float32))
    place.settings.write_text("[campaign]\nbudgget = 3\n")
    with closing(sqlite3.connect(place.log)) as connection:
        connection.execute("DELETE FROM entry WHERE position = 5")
        connection.commit()
    monkeypatch.setattr(examination, "file_system", lambda path: "nfs4")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    found = findings(place)
    wrong = ("disk", "file system", "permissions", "features", "settings", "log")
    assert [name for name, (verdict, _) in found.items() if verdict == "problem"] == list(wrong)
    assert found["log"][1].startswith("1 of ")
    assert "budget" in found["settings"][1]


def test_unreadable_files_are_named(place: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    place.features.write_bytes(b"nothing")
    content = bytearray(place.log.read_bytes())
    content[4096:12288] = os.urandom(8192)
    place.log.write_bytes(content)
    monkeypatch.setattr(os, "access", lambda path, mode: path != place.log)
    found = findings(place)
    assert found["features"][0] == found["log"][0] == found["permissions"][0] == "problem"
    place.log.write_bytes(b"nothing")
    assert findings(place)["log"][0] == "problem"


def test_the_doctor_of_no_campaign(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", str(tmp_path)])
    assert result.exit_code == 1
    assert "items.csv" in str(result.exception)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/disk\\040two xfs rw 0 0
host:/x /far fuse.sshfs rw 0 0
overlay /container fuse.fuse-overlayfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "is_far"),
    [
        ("/somewhere", "ext4", False),
        ("/home/me/birds", "nfs4", True),
        ("/home/me/disk two/birds", "xfs", False),
        ("/homes", "ext4", False),
        ("/far/x", "fuse.sshfs", True),
        ("/container/x", "fuse.fuse-overlayfs", False),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str, is_far: bool, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert file_system(Path(path), mounts) == kind
    assert is_network(kind) == is_far


def test_a_log_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_system(tmp_path, tmp_path / "no-such-file") is None
    refuse_network(tmp_path)
    monkeypatch.setattr("askless.store.file_system.file_system", lambda path: "cifs")
    with pytest.raises(StoreError, match="cifs"):
        refuse_network(tmp_path)


def test_a_backup_can_be_restored(place: CampaignFolder, tmp_path: Path) -> None:
    secret = read_secret(place.secret)
    place.instructions.write_text("Look at the beak.")
    entries, items = read_file(place.log), place.items.read_bytes()
    file = tmp_path / "monday.tar"
    result = CliRunner().invoke(app, ["backup", str(place.root), str(file), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"file": str(file), "n_bytes": file.stat().st_size}
    assert file.stat().st_mode & 0o077 == 0
    for path in (place.log, place.items, place.secret, place.settings, place.classes, place.instructions):
        path.unlink()
    with tarfile.open(file) as tar:
        tar.extractall(place.root, filter="data")
    assert read_file(place.log) == entries
    assert place.items.read_bytes() == items
    assert read_secret(place.secret) == secret
    with closing(open_campaign(place.root)) as campaign:
        assert campaign.status().n_annotations == 34


def test_a_backup_while_somebody_writes_holds_what_is_committed(place: CampaignFolder, tmp_path: Path) -> None:
    with closing(open_campaign(place.root)) as campaign:
        campaign.join(["zoe"])
        entries = read_file(place.log)
        with campaign.transaction():
            campaign.join(["not yet"])
            copy_log(place.log, tmp_path / "copy.db")
    assert read_file(tmp_path / "copy.db") == entries
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_backups_that_cannot_be_made(place: CampaignFolder, tmp_path: Path) -> None:
    there = tmp_path / "there.tar"
    there.touch()
    with pytest.raises(StoreError, match="there already"):
        back_up(place, there)
    with pytest.raises(StoreError, match="does not exist"):
        back_up(place, tmp_path / "nowhere" / "x.tar")
    with pytest.raises(StoreError, match="There is no log"):
        back_up(CampaignFolder(make_folder(tmp_path / "new")), tmp_path / "x.tar")
    with pytest.raises(DataError, match=r"no campaign at .*nothing here .*; make one by `askless init`"):
        back_up(CampaignFolder(tmp_path / "nothing here"), tmp_path / "x.tar")
    place.log.write_bytes(b"nothing" * 1000)
    with pytest.raises(StoreError, match="cannot be copied"):
        back_up(place, tmp_path / "x.tar")
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["there.tar"]
    assert not list(tmp_path.glob(".askless-backup-*"))


OTHER_STORE = "postgresql://askless@127.0.0.1/askless?schema=birds"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'format = 1\nstore = "{OTHER_STORE}" # there\n[page]\n', "format = 1\n[page]\n"),
        ('[page]\ntitle = """\nstore = 3\n"""\n', '[page]\ntitle = """\nstore = 3\n"""\n'),
    ],
)
def test_the_settings_of_a_backup_name_no_store(
    before: str, after: str, place: CampaignFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("askless.backup.copy_log", lambda store, copy: shutil.copy(place.log, copy))
    place.settings.write_text(before)
    back_up(place, tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as tar:
        file = tar.extractfile("askless.toml")
        assert file is not None
        assert file.read().decode() == after


@pytest.mark.parametrize(
    "settings",
    [
        f'"store" = "{OTHER_STORE}"\n',
        f"'store' = \"{OTHER_STORE}\"\n[page]\nstore = 3\n",
        f'store = """\\\n{OTHER_STORE}"""\n',
        f'title = """\nstore = 3\n"""\nstore = "{OTHER_STORE}"\n',
    ],
)
def test_a_backup_never_names_the_store_that_is_in_use(
    settings: str, place: CampaignFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("askless.backup.copy_log", lambda store, copy: shutil.copy(place.log, copy))
    place.settings.write_text(settings)
    with pytest.raises(StoreError, match="would still name the store"):
        back_up(place, tmp_path / "x.tar")
    assert list(tmp_path.iterdir()) == [place.root]
