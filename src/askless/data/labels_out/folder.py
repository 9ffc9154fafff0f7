"""An export on disk: one folder, whole or not there, that never takes the place of something foreign."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b, file_digest
from pathlib import Path, PurePosixPath
from uuid import uuid4

from askless.data.labels_out.files import File, ItemImage
from askless.errors import DataError

SEAL = ".askless-export"
"""Holds a digest over the export, see `_sealed`: who finds it right may replace the folder."""


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
    tables = []
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
            tables.append(name)
        n_files += 1
    (folder / SEAL).write_text(_sealed(folder, tables), encoding="utf-8")
    os.sync()  # one call for all files; fsync of 10,000 copies takes a minute
    return n_files


def _is_untouched(folder: Path) -> bool:
    try:
        if folder.is_symlink():
            return False
        seal = (folder / SEAL).read_text(encoding="utf-8")
        return seal == _sealed(folder, seal.splitlines()[1:])
    except (OSError, UnicodeDecodeError):
        return False


def _sealed(folder: Path, tables: Sequence[str]) -> str:
    """A digest over the relative paths of all files, and a line for each table, which counts by its content.

    Of a symbolic link counts where it leads, of any other image its size and when it was last changed.
    """
    digest = blake2b(digest_size=16)
    contents = {folder / name for name in tables}
    for path in sorted(folder.rglob("*")):
        if path.name == SEAL and path.parent == folder:
            continue
        what: object = ""
        if path.is_symlink():
            what = path.readlink()
        elif path in contents:
            with path.open("rb") as file:
                what = file_digest(file, blake2b).hexdigest()
        elif not path.is_dir():
            what = (path.stat().st_size, path.stat().st_mtime_ns)
        digest.update(f"{path.relative_to(folder).as_posix()}\0{what}\n".encode())
    return "\n".join([digest.hexdigest(), *tables])
