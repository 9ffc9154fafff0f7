"""Public files into their place: each is whole and checked there, or not there at all."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import sleep
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from numpy.lib.format import open_memmap

from askless.data.catalogue import PublicData, PublicFile
from askless.data.checksum import compute, kind_of, read_record, record_path, write_record
from askless.data.lock import hold
from askless.errors import DataError

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each further attempt when a connection is cut."""
PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as cut."""
BLOCK = 1 << 18

Progress = Callable[[PublicFile, int, int], None]
"""Told of a file, how many of its bytes are here, and how many there are."""


@dataclass(frozen=True)
class Placed:
    """A file in its place.

    Args:
        was_there: it was not fetched, only checked.
        recorded: its checksum, if none was known before.
    """

    path: Path
    was_there: bool
    recorded: str | None


class _CutError(Exception):
    """The network let us down. After it had begun to deliver, a further attempt makes sense."""

    def __init__(self, reason: object, has_begun: bool) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.has_begun = has_begun


def get(data: PublicData, folder: Path, on_progress: Progress) -> list[Placed]:
    """Fetches the files that are not in `folder` yet, and checks all.

    What has come of a file is kept as NAME.part, so a further call after a cut, a kill or a full disk asks for the
    rest only. A file without published checksum has it recorded as NAME.sha256 when it is first seen.

    Raises:
        DataError: no network, no space, a wrong checksum, or another process that is fetching into the folder.
    """
    try:
        return [_place(file, folder, on_progress) for file in data.files]
    except _CutError as cut:
        missing = " and ".join(file.url for file in data.files if not (folder / file.name).exists())
        raise DataError(
            f"The public files cannot be fetched ({cut}); call this again to go on from what has come, or put "
            f"{missing} into {folder} by other means, where a further call checks what it finds."
        ) from cut
    except OSError as error:
        raise DataError(
            f"{error.filename or folder} cannot be used ({error.strerror}); make room or choose another folder, "
            "and call this again to go on from what has come."
        ) from error


def _place(file: PublicFile, folder: Path, on_progress: Progress) -> Placed:
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        recorded = _check(file, path, path)
        _discard(part)
        return Placed(path, True, recorded)
    folder.mkdir(parents=True, exist_ok=True)
    busy = DataError(f"Another process is fetching into {folder}; wait for it, or choose another folder.")
    with hold(folder / ".lock", busy):
        _receive(file, part, on_progress)
        try:
            recorded = _check(file, part, path)
        except DataError:
            _discard(part)
            raise
        part.replace(path)
        _discard(part)
    return Placed(path, False, recorded)


def _check(file: PublicFile, candidate: Path, path: Path) -> str | None:
    """Compares what lies at `candidate` with the checksum of `path`; one that had to be recorded is returned."""
    expected = file.checksum or read_record(path)
    if expected is None:
        if path.suffix == ".npy":
            _require_array(candidate, str(path) if candidate == path else file.url)
        recorded = compute(candidate)
        write_record(path, recorded)
        return recorded
    found = compute(candidate, kind_of(expected))
    if found == expected:
        return None
    if candidate == path:
        raise DataError(f"{path} has checksum {found}, not {expected}; move it away and call this again.")
    raise DataError(
        f"{file.url} gave a file with checksum {found}, not {expected}, so nothing of it was kept; call this again"
        + ("." if file.checksum else f", or, if the published file did change, remove {record_path(path)} first.")
    )


def _require_array(path: Path, source: str) -> None:
    """Refuses what is no array, or less of one than its own header says: all that can be known without a checksum."""
    try:
        open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise DataError(
            f"{source} is no whole .npy array ({error}); perhaps it is a page on which to log in to the network: "
            "remove what stands in the way and call this again."
        ) from error


def _receive(file: PublicFile, part: Path, on_progress: Progress) -> None:
    """Makes `part` whole, in several attempts if need be."""
    has_begun = False
    pauses = iter(PAUSES)
    while True:
        try:
            _receive_rest(file, part, on_progress)
            return
        except _CutError as cut:
            has_begun |= cut.has_begun
            pause = next(pauses, None)
            if pause is None or not has_begun:
                raise
        sleep(pause)


def _receive_rest(file: PublicFile, part: Path, on_progress: Progress) -> None:
    """One attempt: asks for what `part` lacks, or for everything if the server has another version by now."""
    version, n_bytes = _read_state(part)
    n_here = part.stat().st_size if version and part.exists() else 0
    if n_here and n_here == n_bytes:
        return
    with _ask(file.url, version, n_here, part) as response:
        is_rest = response.status == HTTPStatus.PARTIAL_CONTENT
        length = response.headers["Content-Length"]
        if length is None or not length.isdecimal():
            raise _CutError(f"{file.url} came without its length, so that a cut would go unnoticed", has_begun=False)
        if is_rest:
            expected_range = f"bytes {n_here}-{n_bytes - 1}/{n_bytes}"
            if _version(response) != version or response.headers["Content-Range"] != expected_range:
                _discard(part)
                raise _CutError(f"{file.url} changed", has_begun=True)
        else:
            n_here, n_bytes = 0, int(length)
        with part.open("ab" if is_rest else "wb") as output:
            if not is_rest:
                _write_state(part, _version(response), n_bytes)
            on_progress(file, n_here, n_bytes)
            while n_here < n_bytes:
                with _network(has_begun=True):
                    block = response.read(BLOCK)
                if not block:
                    raise _CutError(f"{file.url} was cut after {n_here} of {n_bytes} bytes", has_begun=True)
                output.write(block)
                n_here += len(block)
                on_progress(file, n_here, n_bytes)


def _ask(url: str, version: str, n_here: int, part: Path) -> HTTPResponse:
    headers = {"User-Agent": "askless"}
    if n_here:
        headers |= {"Range": f"bytes={n_here}-", "If-Range": version}
    with _network(has_begun=False):
        try:
            response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=PATIENCE)
        except HTTPError as error:
            error.close()
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                _discard(part)
                raise _CutError(f"{url} changed", has_begun=True) from error
            raise
    return response


@contextmanager
def _network(has_begun: bool) -> Iterator[None]:
    """Makes a `_CutError` of whatever the network raises, so that any other OSError is the disk's."""
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _CutError(error, has_begun) from error


def _version(response: HTTPResponse) -> str:
    """What If-Range takes to tell this version of a file from others: a strong ETag, or the time of the last change."""
    tag: str = response.headers["ETag"] or ""
    return tag if tag.startswith('"') else response.headers["Last-Modified"] or ""


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path) -> tuple[str, int]:
    """The version that `part` is a part of, and its bytes; an empty version if there is nothing to go on from."""
    try:
        state = json.loads(_state_path(part).read_text(encoding="utf-8"))
        return str(state["version"]), int(state["n_bytes"])
    except (FileNotFoundError, ValueError, TypeError, LookupError):
        return "", 0


def _write_state(part: Path, version: str, n_bytes: int) -> None:
    _state_path(part).write_text(json.dumps({"version": version, "n_bytes": n_bytes}), encoding="utf-8")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state_path(part).unlink(missing_ok=True)
