"""An export on disk: one folder, whole or not there, that never takes the place of something foreign."""

import os
import shutil
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from uuid import uuid4

from askless.data.labels_out.files import File, ItemImage
from askless.errors import DataError

SEAL = ".askless-export"
"""Holds a digest over names and sizes of all files of the export: who finds it right may replace the folder."""


def write_export(
    folder: Path, files: Iterable[File], place: Callable[[int, Path], None], *, is_forced: bool = False
) -> int:
    """Writes an export, in place of an older one that nobody has changed.

    Args:
        folder: of the export.
        files: what is in it.
        place: makes the image of an item at a path.
        is_forced: puts aside, under a name that ends in `.old`, what is there and is no such export.

    Returns:
        The number of files.

    Raises:
        DataError: something else is there, or the folder cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.name:
        raise DataError(f"{folder} cannot be an export; name a folder of its own by --out.")
    is_there = os.path.lexists(folder)
    is_own = is_there and _is_untouched(folder)
    aside = folder.with_name(f"{folder.name}.old")
    if is_there and not is_own:
        _check_may_be_moved(folder, aside, is_forced)
    new = folder.with_name(f".{folder.name}.{uuid4().hex}.new")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        n_files = _fill(new, files, place)
        if is_own:
            aside = new.with_suffix(".old")
        if is_there:
            folder.rename(aside)
        new.rename(folder)
        if is_own:
            shutil.rmtree(aside)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror}); make room, or choose another folder by --out."
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return n_files


def _check_may_be_moved(folder: Path, aside: Path, is_forced: bool) -> None:
    if not is_forced:
        raise DataError(
            f"{folder} is there and is no export as askless left it; choose another folder by --out, or let --force "
            f"rename it to {aside.name}."
        )
    if os.path.lexists(aside):
        raise DataError(f"{folder} cannot be put aside, because {aside} is there too; move one of them away.")
    if Path.cwd().is_relative_to(folder):
        raise DataError(f"{folder} is where you are, so it is not put aside; choose another folder by --out.")


def _fill(folder: Path, files: Iterable[File], place: Callable[[int, Path], None]) -> int:
    made: set[Path] = set()
    n_files = 0
    for name, content in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"The file {name!r} would lie outside of the export; rename what it is called after.")
        path = folder / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        if isinstance(content, ItemImage):
            place(content.item, path)
        else:
            with path.open("wb") as file:
                file.writelines(content)
        n_files += 1
    (folder / SEAL).write_text(_digest(folder))
    os.sync()  # one call for all files; fsync of 10,000 copies takes a minute
    return n_files


def _is_untouched(folder: Path) -> bool:
    try:
        return folder.is_dir() and not folder.is_symlink() and (folder / SEAL).read_text() == _digest(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(folder: Path) -> str:
    """Over the relative path and size of every file; a symbolic link counts by where it leads."""
    digest = blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.name == SEAL and path.parent == folder:
            continue
        what = path.readlink() if path.is_symlink() else "" if path.is_dir() else path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{what}\n".encode())
    return digest.hexdigest()
