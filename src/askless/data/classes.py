"""The classes that an image can have: a name each, and what helps people to recognise them."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from askless.data.lines import read_lines
from askless.errors import DataError

OTHER = "other"


@dataclass(frozen=True)
class ClassInfo:
    """One class as people see it.

    Args:
        name: what its label is called.
        description: for those who answer.
        aliases: other names; a known label may be given by one, and a search finds the class by it.
        examples: paths of images, relative to the campaign folder or absolute.
        parent: the group that it is shown under; `/` separates levels.

    Raises:
        DataError: no name, or a field that is not what it should be.
    """

    name: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    parent: str | None = None

    def __post_init__(self) -> None:
        for field in ("name", "description"):
            if not isinstance(getattr(self, field), str):
                raise DataError(f"The {field} of a class must be text, not {getattr(self, field)!r}; correct it.")
        if not self.name.strip():
            raise DataError("A class has an empty name; name every class, without a comma too many.")
        if self.name != self.name.strip() or not self.name.isprintable():
            raise DataError(
                f"{self.name!r} is no name for a class; use printable text without blanks at its start or end."
            )
        for field in ("aliases", "examples"):
            value = getattr(self, field)
            if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
                raise DataError(
                    f"The {field} of class {self.name!r} must be a list of texts, not {value!r}; correct them."
                )
            object.__setattr__(self, field, tuple(value))
        if not isinstance(self.parent, str | None):
            raise DataError(f"The parent of class {self.name!r} must be text or null, not {self.parent!r}; correct it.")


def parse_classes(text: str) -> tuple[ClassInfo, ...]:
    """The classes that a user names.

    Args:
        text: names between commas; or a file: JSON as `read_classes` has it, or a `.txt` with a class per line, its
            description perhaps after `|`. Examples in a file are relative to it.

    Raises:
        DataError: no such file, a class that cannot be one, a name or alias that stands for two classes.
    """
    path = Path(text)
    if path.suffix.lower() == ".json":
        return tuple(
            replace(one, examples=tuple(os.path.join(path.parent.absolute(), example) for example in one.examples))
            for one in read_classes(path)
        )
    if path.suffix.lower() == ".txt":
        lines = [line.partition("|") for line in read_lines(path)]
        return check_names(ClassInfo(name.strip(), description.strip()) for name, _, description in lines)
    return check_names(ClassInfo(name.strip()) for name in text.split(","))


def read_classes(path: Path) -> tuple[ClassInfo, ...]:
    """Reads a JSON list of names, or of objects with the fields of `ClassInfo`; the index of an entry is its label.

    Raises:
        DataError: not such a file, an unknown field, a name or alias that stands for two classes.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"The classes {path} cannot be read ({error}); write a JSON list.") from error
    if not isinstance(entries, list):
        raise DataError(f"{path} must be a JSON list of classes, not {type(entries).__name__}; write one.")
    return check_names(_class(entry, path) for entry in entries)


def to_json(classes: Sequence[ClassInfo]) -> str:
    """The text of a classes.json."""
    return json.dumps([asdict(one) for one in classes], indent=1, ensure_ascii=False) + "\n"


def check_names(classes: Iterable[ClassInfo]) -> tuple[ClassInfo, ...]:
    """The classes, if every name and alias stands for one of them.

    Raises:
        DataError: it does not.
    """
    checked = tuple(classes)
    owner: dict[str, str] = {}
    for one in checked:
        for name in (one.name, *one.aliases):
            if owner.get(name, one.name) != one.name or (name == one.name and name in owner):
                raise DataError(f"{name!r} stands for two classes; each name and alias must belong to one.")
            owner[name] = one.name
    return checked


class Labels:
    """Finds the class that a known label names: by its name, by an alias, or by its index."""

    def __init__(self, classes: Sequence[ClassInfo]) -> None:
        self._names = {str(label): one.name for label, one in enumerate(classes)}
        self._names |= {alias: one.name for one in classes for alias in one.aliases}
        self._names |= {one.name: one.name for one in classes}

    def find(self, label: str) -> str | None:
        """The name of the class; none if there is no such class."""
        return self._names.get(label)


def _class(entry: Any, path: Path) -> ClassInfo:
    if isinstance(entry, str):
        return ClassInfo(entry)
    allowed = [field.name for field in fields(ClassInfo)]
    if not isinstance(entry, dict) or "name" not in entry or not set(entry) <= set(allowed):
        raise DataError(f"{path} has the entry {entry!r}; write a name, or an object of {', '.join(allowed)}.")
    return ClassInfo(**entry)
