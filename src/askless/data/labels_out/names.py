"""File names for items and classes, whatever they are called: readable, on every system, each for one thing only."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from askless.types import Dataset

MAX_BYTES = 200
"""Of a name; file systems allow 255."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows keeps for devices."""

OUR_FILES = ("dataset_card.md", "labels.csv", "folders.csv", "metadata.csv")
"""May lie beside what is named here."""


def safe_names(texts: Iterable[str]) -> list[str]:
    """A file name without folders for each text, all different, also where upper and lower case are the same.

    A name depends on the texts before it only, so it stays when more are appended.
    """
    taken = set(OUR_FILES)
    next_number: dict[str, int] = {}
    names = []
    for text in texts:
        name = plain = _plain(text)
        while name.casefold() in taken:
            number = next_number.get(plain.casefold(), 2)
            next_number[plain.casefold()] = number + 1
            name = f"{plain}~{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def image_names(dataset: Dataset) -> list[str]:
    """A file name for the image of each item: its id and the ending of its image; all differ before the ending."""
    assert dataset.images is not None
    endings = [_ending(image) for image in dataset.images]
    stems = safe_names(item.removesuffix(ending) for item, ending in zip(dataset.items, endings, strict=True))
    return [stem + ending.lower() for stem, ending in zip(stems, endings, strict=True)]


def _plain(text: str) -> str:
    """Folders become part of the name; what is neither letter nor digit nor one of ` ._-+()` becomes `_`."""
    name = "".join(char if char.isalnum() or char in "._-+() " else "_" for char in text)
    name = name.encode()[:MAX_BYTES].decode(errors="ignore").strip(" .")
    return f"_{name}" if not name or RESERVED.fullmatch(name) else name


def _ending(image: str) -> str:
    """`.jpg`, say; nothing if there is none to be trusted."""
    if image.startswith("data:"):
        ending = "." + image.removeprefix("data:image/").partition(";")[0]
    else:
        ending = PurePosixPath(image).suffix
    return ending if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", ending) else ""
