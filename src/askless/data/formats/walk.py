"""All files below a folder, in an order that is the same everywhere, whatever lies there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

SYSTEM_NAMES = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini"}
"""Left behind by operating systems; compared in lower case."""


def walk(root: Path, passed_over: Path, skip: Callable[[str, str], None]) -> Iterator[str]:
    """Paths below `root`, which they begin with, sorted within each folder.

    Links are followed, but no folder is entered twice.

    Args:
        root: an absolute path.
        passed_over: a folder that is not looked at, nor reported: the campaign's own.
        skip: told the path of each file or folder that is left out, and why.
    """
    waiting = [str(root)]
    entered: set[tuple[int, int]] = set()
    own = _identity(passed_over) if passed_over.exists() else None
    while waiting:
        folder = waiting.pop()
        try:
            identity = _identity(folder)
            if identity == own:
                continue
            if identity in entered:
                skip(folder, "a link to a folder that was read already")
                continue
            entered.add(identity)
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            skip(folder, f"unreadable: {(error.strerror or str(error)).lower()}")
            continue
        folders = []
        for entry in found:
            if entry.name.startswith("."):
                skip(entry.path, "hidden")
            elif entry.name.lower() in SYSTEM_NAMES:
                skip(entry.path, "left behind by the operating system")
            elif _is_folder(entry):
                folders.append(entry.path)
            else:
                yield entry.path
        waiting += reversed(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, say: reported as the file that it is not
        return False


def _identity(folder: str | Path) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino
