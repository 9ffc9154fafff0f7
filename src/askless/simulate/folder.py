"""A folder that outlives a kill: files are whole or as before, settings stay as sealed, one process works in it."""

import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import tomli_w

from askless.data.durable import replace_text
from askless.data.lock import hold
from askless.errors import ConfigError


def alone(folder: Path) -> AbstractContextManager[None]:
    """Two processes in one folder would mix their rows.

    Raises:
        ConfigError: another process is at work in it.
    """
    return hold(
        folder / ".lock",
        ConfigError(f"Another process is at work in {folder}; wait for it, or choose another by --out."),
    )


def make_folder(folder: Path) -> list[Path]:
    """Makes a folder and its parents; gives those that were not there, the innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return made


def remove_made(made: Sequence[Path]) -> None:
    """Undoes `make_folder`: all that is in the folder goes; a parent stays if somebody else has put something there."""
    if made:
        shutil.rmtree(made[0])
    with suppress(OSError):
        for parent in made[1:]:
            parent.rmdir()


def write_sealed(file: Path, noun: str, settings: Mapping[str, Any]) -> None:
    """Settings of a `noun` (run, sweep) under a line by which a later change of them is noticed."""
    replace_text(file, _sealed(noun, tomli_w.dumps(settings)))


def read_sealed(file: Path, noun: str) -> dict[str, Any]:
    """Reads back what `write_sealed` wrote.

    Raises:
        ConfigError: there is no such file, it is damaged, or it was changed.
    """
    try:
        text = file.read_text(encoding="utf-8")
        body = text.partition("\n")[2]
        if text != _sealed(noun, body):
            raise ConfigError(
                f"{file} is not as it was written; a {noun} keeps its settings, so undo the change, or start another "
                f"{noun} by --out."
            )
        return tomllib.loads(body)
    except OSError as error:
        raise ConfigError(f"{file.parent} is no {noun} folder ({error.strerror}: {file.name}); check --out.") from error
    except ValueError as error:
        raise ConfigError(f"{file} is damaged ({error}); repair it, or run anew.") from error


def _sealed(noun: str, settings: str) -> str:
    digest = blake2b(settings.encode(), digest_size=8).hexdigest()
    return f"# settings of this {noun}, not to be changed: {digest}\n{settings}"


def write_json(file: Path, value: object) -> None:
    replace_text(file, json.dumps(value, indent=1) + "\n")
