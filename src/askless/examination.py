"""Whether askless and a campaign are in order: what `askless doctor` says."""

import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from askless import __version__
from askless.advice import advise
from askless.data.folder import CampaignFolder
from askless.errors import AsklessError
from askless.store.backup import find_damage
from askless.store.file_system import file_system, is_network
from askless.store.log import has_log, open_log, read_entries

FIRST_SQLITE_WITHOUT_RESET_BUG = (3, 51, 3)
LITTLE_ROOM = 2**30
NO_ROOM = 50 * 2**20
EXTRAS = {"onnx": "onnxruntime", "torch": "torch", "parquet": "pyarrow", "postgres": "psycopg"}
"""A package that each extra brings."""


class Verdict(StrEnum):
    FINE = "fine"
    REMARK = "remark"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what is found, and what to do if it is a problem."""

    what: str
    verdict: Verdict
    text: str


def examine_machine() -> Iterator[Finding]:
    """Versions, and what is installed beside askless."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "sqlalchemy", "fastapi"))
    yield Finding("versions", Verdict.FINE, f"askless {__version__}, Python {platform.python_version()}, {libraries}")
    rule = "one process at a time writes to a log (commands go through the server)"
    old = sqlite3.sqlite_version_info < FIRST_SQLITE_WITHOUT_RESET_BUG
    why = "; before 3.51.3 two at once could damage it, so write by no other program" if old else ""
    yield Finding("sqlite", Verdict.FINE, f"SQLite {sqlite3.sqlite_version}; {rule}{why}")
    installed = [f"{extra} ({package} {found})" for extra, package in EXTRAS.items() if (found := _version(package))]
    yield Finding("extras", Verdict.FINE, f"installed: {', '.join(installed) or 'none'}")


def examine_campaign(place: CampaignFolder) -> Iterator[Finding]:
    """The folder and its files; looks only, also while the campaign is served.

    Raises:
        DataError: there is no campaign in the folder.
    """
    n_items = len(place.read_items())
    yield Finding("items", Verdict.FINE, f"{n_items} items, {len(place.read_classes())} classes")
    yield _room(place.root)
    store = _store(place)
    if store == place.log:
        yield _disk(place.root)
    yield from _permissions(place)
    yield _features(place, n_items)
    yield from _settings(place)
    try:
        if has_log(store):
            yield _log(place.log) if store == place.log else _log_on_server(store)
            yield _estimates(place)
        else:
            yield Finding("log", Verdict.REMARK, "not begun; `askless serve` begins it")
    except AsklessError as error:
        yield Finding("log", Verdict.PROBLEM, str(error))


def _store(place: CampaignFolder) -> str | Path:
    """Where the log is, as far as the settings can be read."""
    try:
        return place.store
    except AsklessError:
        return place.log


def _room(folder: Path) -> Finding:
    n_free = shutil.disk_usage(folder).free
    text = f"{n_free / 2**30:.1f} GB free"
    if n_free < NO_ROOM:
        return Finding("disk", Verdict.PROBLEM, f"{text}; answers will be refused when it is full, make room")
    return Finding("disk", Verdict.REMARK if n_free < LITTLE_ROOM else Verdict.FINE, text)


def _disk(folder: Path) -> Finding:
    kind = file_system(folder)
    if is_network(kind):
        text = f"{kind} is a network file system, on which SQLite loses entries; move the campaign to a local disk"
        return Finding("file system", Verdict.PROBLEM, text)
    return Finding("file system", Verdict.FINE, kind or "this system does not say")


def _permissions(place: CampaignFolder) -> Iterator[Finding]:
    files = [place.root, *(file for file in (place.log, place.items, place.settings) if file.exists())]
    closed = [str(file) for file in files if not os.access(file, os.R_OK | os.W_OK)]
    if closed:
        text = f"{', '.join(closed)} cannot be written by you; fix that by chmod or chown"
        yield Finding("permissions", Verdict.PROBLEM, text)
    elif os.name == "posix" and place.secret.exists() and place.secret.stat().st_mode & 0o077:
        text = f"others can read {place.secret} and make links with it; chmod 600"
        yield Finding("permissions", Verdict.PROBLEM, text)
    else:
        yield Finding("permissions", Verdict.FINE, "the folder can be written, the secret is yours alone")


def _features(place: CampaignFolder, n_items: int) -> Finding:
    if not place.features.exists():
        return Finding("features", Verdict.REMARK, "none, so no machine helps; make them by `askless embed`")
    try:
        shape = np.load(place.features, mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError) as error:
        return Finding("features", Verdict.PROBLEM, f"{place.features} cannot be read ({error}); make them anew")
    if shape[0] != n_items:
        return Finding("features", Verdict.PROBLEM, f"{shape[0]} rows for {n_items} items; repeat `askless embed`")
    return Finding("features", Verdict.FINE, f"{shape[0]} rows of {shape[1]} numbers")


def _settings(place: CampaignFolder) -> Iterator[Finding]:
    try:
        config = place.read_config().campaign
        n_known = len(place.prototypes()) + len(place.gold())
    except AsklessError as error:
        yield Finding("settings", Verdict.PROBLEM, str(error))
        return
    yield Finding("settings", Verdict.FINE, "can be read")
    if advice := advise(config, n_known):
        yield Finding("method", Verdict.REMARK, advice)


def _log(log: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"{log.as_uri()}?mode=ro", uri=True)) as connection:
            damage = find_damage(connection)
            n, last = connection.execute("SELECT count(*), coalesce(max(position), 0) FROM entry").fetchone()
    except sqlite3.Error as error:
        return Finding("log", Verdict.PROBLEM, f"cannot be read ({error}); restore a backup")
    if damage:
        return Finding("log", Verdict.PROBLEM, f"damaged ({damage[0]}); restore a backup")
    if n != last:
        return Finding("log", Verdict.PROBLEM, f"{last - n} of {last} entries are missing; restore a backup")
    return Finding("log", Verdict.FINE, f"whole, {n} entries")


def _log_on_server(store: str | Path) -> Finding:
    with closing(open_log(store)) as log, log.reading() as connection:
        n = sum(1 for _ in read_entries(connection))
    return Finding("log", Verdict.FINE, f"in PostgreSQL, {n} entries")


def _estimates(place: CampaignFolder) -> Finding:
    if any(place.root.glob(f"{place.log.name}.estimate-*.npz")):
        return Finding("estimates", Verdict.FINE, "kept beside the log")
    return Finding("estimates", Verdict.REMARK, "none kept; they are made from the log when needed")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
