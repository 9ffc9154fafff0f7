"""Files come whole and checked, whatever the network, the server and the disk do on the way."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from askless.data import download
from askless.data.catalogue import PublicData, PublicFile
from askless.data.checksum import compute, write_record
from askless.data.download import Placed, get
from askless.errors import DataError
from file_server import Site, serve

CONTENT = np.random.default_rng(0).bytes(10_000)
OTHER = np.random.default_rng(1).bytes(12_000)
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of `big.bin`; pauses between attempts are written down, not slept."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
    with serve() as site:
        site.files["big.bin"] = CONTENT
        yield site


def public(site: Site, checksum: str | None = SHA, *names: str) -> PublicData:
    files = tuple(PublicFile(f"{site.url}/{name}", checksum) for name in names or ("big.bin",))
    return PublicData("test", "For tests.", "none", len(CONTENT), files, ())


def ignore(*_: object) -> None:
    pass


def get_one(site: Site, folder: Path, checksum: str | None = SHA) -> Placed:
    (placed,) = get(public(site, checksum), folder, ignore)
    return placed


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_file_is_fetched_once_and_nothing_else_stays(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    shown: list[tuple[int, int]] = []
    placed = get(public(site), folder, lambda file, n_here, n_bytes: shown.append((n_here, n_bytes)))
    assert placed == [Placed(folder / "big.bin", was_there=False, recorded=None)]
    assert placed[0].path.read_bytes() == CONTENT
    assert names(folder) == {"big.bin"}
    assert shown[0] == (0, len(CONTENT))
    assert shown[-1] == (len(CONTENT), len(CONTENT))
    assert get_one(site, folder).was_there
    assert site.ranges == [None]


def test_cuts_are_survived_and_only_the_rest_is_asked_for(site: Site, tmp_path: Path) -> None:
    site.cuts = [3000, 0, 4500]
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=3000-", "bytes=3000-", "bytes=7500-"]


def test_after_too_many_cuts_the_next_call_goes_on(site: Site, tmp_path: Path) -> None:
    site.cuts = [1000, 1000, 1000, 1000]
    with pytest.raises(DataError, match=r"was cut after 4000 of 10000 bytes\); call this again to go on"):
        get_one(site, tmp_path)
    assert not (tmp_path / "big.bin").exists()
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges[-1] == "bytes=4000-"


def test_pauses_grow(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(download, "PAUSES", (1.0, 2.0, 4.0))
    monkeypatch.setattr(download, "sleep", slept.append)
    site.cuts = [0, 0, 0]
    get_one(site, tmp_path)
    assert slept == [1.0, 2.0, 4.0]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4000), max_size=3))
def test_wherever_it_is_cut_the_bytes_are_the_same(cuts: list[int]) -> None:
    with serve() as site, tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        patch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
        site.files["big.bin"] = CONTENT
        site.cuts = list(cuts)
        assert get_one(site, Path(folder)).path.read_bytes() == CONTENT


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {"Last-Modified": "Thu, 01 Apr 2021 10:00:00 GMT"}])
def test_a_changed_file_is_fetched_from_its_start(site: Site, tmp_path: Path, headers: dict[str, str]) -> None:
    site.headers = headers
    site.cuts = [3000, 0, 0, 0]
    with pytest.raises(DataError, match="was cut"):
        get_one(site, tmp_path, None)
    site.files["big.bin"] = OTHER
    site.headers = {name: value.replace("one", "two").replace("2021", "2022") for name, value in headers.items()}
    assert get_one(site, tmp_path, None).path.read_bytes() == OTHER
    assert site.ranges[-1] == "bytes=3000-"


@pytest.mark.parametrize(
    ("replaced", "tag"),
    [(OTHER, "two"), (OTHER, "one"), (CONTENT[::-1], "two"), (OTHER[:2000], "two")],
    ids=["longer", "longer of the same version", "as long", "shorter"],
)
def test_a_changed_file_of_a_server_that_sends_its_rest_all_the_same(
    site: Site, tmp_path: Path, replaced: bytes, tag: str
) -> None:
    site.cuts = [3000, 0, 0, 0]
    with pytest.raises(DataError, match="was cut"):
        get_one(site, tmp_path, None)
    site.has_if_range = False
    site.files["big.bin"], site.headers = replaced, {"ETag": f'"{tag}"'}
    assert get_one(site, tmp_path, None).path.read_bytes() == replaced
    assert site.ranges[-2:] == ["bytes=3000-", None]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_version_nothing_is_gone_on_from(site: Site, tmp_path: Path, headers: dict[str, str]) -> None:
    site.headers = headers
    site.cuts = [3000]
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None, None]


def test_a_server_without_range_sends_everything_again(site: Site, tmp_path: Path) -> None:
    site.has_range = False
    site.cuts = [9000, 3000]
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=9000-", "bytes=3000-"]


@pytest.mark.parametrize("state", ["{", "{}", "[1]", "null", '{"version": "1", "n_bytes": null}'])
def test_a_damaged_state_is_no_obstacle(site: Site, tmp_path: Path, state: str) -> None:
    (tmp_path / "big.bin.part").write_bytes(b"something else")
    (tmp_path / "big.bin.part.json").write_text(state)
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None]


def test_what_had_come_whole_is_not_asked_for_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the process ends while it computes the checksum."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "compute", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get_one(site, tmp_path)
    assert not (tmp_path / "big.bin").exists()
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None]


def test_a_wrong_checksum_keeps_nothing(site: Site, tmp_path: Path) -> None:
    site.files["big.bin"] = OTHER
    with pytest.raises(DataError, match=f"gave a file with checksum sha256:.*, not {SHA}, so nothing of it was kept"):
        get_one(site, tmp_path)
    assert names(tmp_path) == set()
    site.files["big.bin"] = CONTENT
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT


def test_a_wrong_file_that_is_there_is_named_and_left(site: Site, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(OTHER)
    with pytest.raises(DataError, match="move it away and call this again"):
        get_one(site, tmp_path)
    assert (tmp_path / "big.bin").read_bytes() == OTHER
    assert site.ranges == []


def test_a_checksum_nobody_published_is_recorded_and_holds_from_then_on(site: Site, tmp_path: Path) -> None:
    first = get_one(site, tmp_path, None)
    assert first.recorded == SHA
    record = tmp_path / "big.bin.sha256"
    assert record.read_text() == f"{SHA.removeprefix('sha256:')}  big.bin\n"
    assert names(tmp_path) == {"big.bin", "big.bin.sha256"}
    assert get_one(site, tmp_path, None) == Placed(tmp_path / "big.bin", was_there=True, recorded=None)

    first.path.unlink()
    site.files["big.bin"], site.headers = OTHER, {"ETag": '"two"'}
    with pytest.raises(DataError, match=f"if the published file did change, remove {record} first"):
        get_one(site, tmp_path, None)
    assert names(tmp_path) == {"big.bin.sha256"}
    record.unlink()
    assert get_one(site, tmp_path, None).path.read_bytes() == OTHER


@pytest.mark.parametrize("content", [b"", b"<html>Please log in</html>", b"\x93NUMPY\x01\x00"])
def test_a_page_in_place_of_an_array_is_not_recorded(site: Site, tmp_path: Path, content: bytes) -> None:
    data = public(site, None, "x.npy")
    site.files["x.npy"] = content
    with pytest.raises(DataError, match=f"{site.url}/x.npy is no whole .npy array"):
        get(data, tmp_path, ignore)
    assert names(tmp_path) == set()
    np.save(tmp_path / "array.npy", np.zeros((100, 3)))
    array = (tmp_path / "array.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(array[:-1])
    with pytest.raises(DataError, match=f"{tmp_path}/x.npy is no whole .npy array"):
        get(data, tmp_path, ignore)
    (tmp_path / "x.npy").write_bytes(array)
    assert get(data, tmp_path, ignore)[0].recorded


def test_a_checksum_is_recorded_before_its_file_is_in_place(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record_and_stop(path: Path, checksum: str) -> None:
        write_record(path, checksum)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "write_record", record_and_stop)
        with pytest.raises(KeyboardInterrupt):
            get_one(site, tmp_path, None)
    assert not (tmp_path / "big.bin").exists()
    assert get_one(site, tmp_path, None) == Placed(tmp_path / "big.bin", was_there=False, recorded=None)
    assert site.ranges == [None]


def test_a_file_put_there_by_hand_is_taken_and_recorded(site: Site, tmp_path: Path) -> None:
    site.cuts = [1000, 0, 0, 0]
    with pytest.raises(DataError, match="was cut"):
        get_one(site, tmp_path, None)
    (tmp_path / "big.bin").write_bytes(CONTENT)
    assert get_one(site, tmp_path, None) == Placed(tmp_path / "big.bin", was_there=True, recorded=SHA)
    assert names(tmp_path) == {"big.bin", "big.bin.sha256"}
    assert len(site.ranges) == 4


def test_the_name_that_git_gives_is_a_checksum(site: Site, tmp_path: Path) -> None:
    """The oracle is git's own name of the six bytes `hello` and a line feed."""
    site.files["big.bin"] = b"hello\n"
    blob = "git-blob:ce013625030ba8dba906f756967f9e9ca394464a"
    placed = get_one(site, tmp_path, blob)
    assert compute(placed.path, "git-blob") == blob
    placed.path.write_bytes(b"hallo\n")
    with pytest.raises(DataError, match=f"not {blob}"):
        get_one(site, tmp_path, blob)


def test_no_network_says_what_to_put_where_at_once(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", (1000.0,))
    data = public(site, SHA, "big.bin", "small.bin", "there.bin")
    (tmp_path / "there.bin").write_bytes(CONTENT)
    with serve() as gone:
        pass
    refused = replace(data, files=tuple(replace(file, url=f"{gone.url}/{file.name}") for file in data.files))
    with pytest.raises(DataError) as error:
        get(refused, tmp_path, ignore)
    message = str(error.value)
    assert "Connection refused" in message
    assert f"put {gone.url}/big.bin and {gone.url}/small.bin into {tmp_path} by other means" in message
    assert names(tmp_path) == {"there.bin"}
    for name in ("big.bin", "small.bin"):
        (tmp_path / name).write_bytes(CONTENT)
    assert all(placed.was_there for placed in get(refused, tmp_path, ignore))


@pytest.mark.parametrize("status", [404, 503])
def test_what_a_server_refuses_is_one_sentence(site: Site, tmp_path: Path, status: int) -> None:
    site.statuses = [status]
    with pytest.raises(DataError, match=f"HTTP Error {status}"):
        get_one(site, tmp_path)
    assert len(site.ranges) == 1


def test_a_server_that_is_gone_for_a_moment_after_a_cut(site: Site, tmp_path: Path) -> None:
    site.cuts, site.statuses = [3000], [0, 503]
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=3000-", "bytes=3000-"]


@pytest.mark.parametrize("length", [None, "many", "-5", ""])
def test_a_length_that_is_not_told_is_refused(site: Site, tmp_path: Path, length: str | None) -> None:
    site.has_length = False
    if length is not None:
        site.headers["Content-Length"] = length
    with pytest.raises(DataError, match="without its length, so that a cut would go unnoticed"):
        get_one(site, tmp_path, None)
    assert not (tmp_path / "big.bin").exists()


def test_silence_counts_as_a_cut(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.05)
    monkeypatch.setattr(download, "PAUSES", ())
    site.stall = 1000
    with pytest.raises(DataError, match="timed out"):
        get_one(site, tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_full_disk_is_one_sentence(site: Site, tmp_path: Path) -> None:
    (tmp_path / "big.bin.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"No space left on device.*; make room or choose another folder"):
        get_one(site, tmp_path)
    assert not (tmp_path / "big.bin").exists()


def test_a_place_that_is_no_folder_is_one_sentence(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="Not a directory"):
        get_one(site, tmp_path / "file" / "amt")


def test_two_do_not_fetch_into_one_folder(site: Site, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(DataError, match="Another process is fetching into"):
        get_one(site, tmp_path)
    assert site.ranges == []


def test_an_interruption_keeps_what_has_come(site: Site, tmp_path: Path) -> None:
    def interrupt(_: PublicFile, n_here: int, n_bytes: int) -> None:
        if n_here >= 4000:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "BLOCK", 1000)
        with pytest.raises(KeyboardInterrupt):
            get(public(site), tmp_path, interrupt)
    assert get_one(site, tmp_path).path.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=4000-"]
