"""items.csv: one line per item of a campaign, whose order never changes."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from askless.data.image import decode
from askless.data.shard import read_source
from askless.errors import DataError
from askless.types import IntArray

Use: TypeAlias = Literal["prototype", "gold", ""]
"""What a known label is for: to validate the learner on, to test people with, or nothing is known."""


class ItemRow(NamedTuple):
    """One line of items.csv.

    Args:
        item: its id.
        path: of the image; relative to the campaign folder if below it, else absolute; `shard.tar::member` in a tar.
        width, height: pixels, upright.
        bytes: size of the file.
        digest: blake2b of the file's bytes, 16 bytes in hexadecimal.
        label: name of the class if it is known, else empty.
        use: what the known label is for.
    """

    item: str
    path: str
    width: int
    height: int
    bytes: int
    digest: str
    label: str
    use: Use


@dataclass(frozen=True, eq=False)
class ItemTable:
    """The items of a campaign in their order; entry i of every column is item i. The columns are those of `ItemRow`.

    Args:
        root: the campaign folder, for relative paths.
        width, height, bytes: (N,).
    """

    root: Path
    item: tuple[str, ...]
    path: tuple[str, ...]
    width: IntArray
    height: IntArray
    bytes: IntArray
    digest: tuple[str, ...]
    label: tuple[str, ...]
    use: tuple[Use, ...]

    def __len__(self) -> int:
        return len(self.item)

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each item by its id."""
        return {item: i for i, item in enumerate(self.item)}

    def rows(self) -> list[ItemRow]:
        """The lines of items.csv."""
        numbers = (column.tolist() for column in (self.width, self.height, self.bytes))
        columns = zip(self.item, self.path, *numbers, self.digest, self.label, self.use, strict=True)
        return [ItemRow(*values) for values in columns]

    def fingerprint(self, n_items: int | None = None) -> str:
        """A digest over ids and digests of the first `n_items` (all) items, by which a changed order is noticed."""
        digest = blake2b(digest_size=16)
        for item, content in zip(self.item[:n_items], self.digest[:n_items], strict=True):
            digest.update(f"{item}\0{content}\n".encode())
        return digest.hexdigest()

    def open_image(self, i: int, *, at_least: int | None = None) -> Image.Image:
        """The image of item i as `askless.data.image.decode` gives it.

        Raises:
            DataError: it is no longer there, or no longer as it was.
        """
        try:
            content = read_source(self.root, self.path[i])
        except DataError as error:
            raise DataError(
                f"The image {self.path[i]} of item {self.item[i]!r} is gone ({error}); put it back."
            ) from error
        if blake2b(content, digest_size=16).hexdigest() != self.digest[i]:
            raise DataError(
                f"The image {self.path[i]} of item {self.item[i]!r} was changed after it was taken in; put the old one "
                "back, or give the new one a name of its own."
            )
        return decode(content, at_least=at_least)


def read_items(path: Path) -> ItemTable:
    """Reads an items.csv.

    Raises:
        DataError: it is not there or not as it was written.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            rows = list(reader)
        if header != list(ItemRow._fields):
            raise ValueError(f"its columns are {header}")
        columns = tuple(zip(*rows, strict=True)) or ((),) * len(ItemRow._fields)
        item, source, width, height, n_bytes, digest, label, use = columns
        if len(set(item)) < len(item):
            raise ValueError("an item comes twice")
        if any(find_use(text) is None for text in set(use)):
            raise ValueError("a known label has an unknown use")
        return ItemTable(
            path.parent, item, source, _numbers(width), _numbers(height), _numbers(n_bytes), digest, label, use
        )
    except FileNotFoundError as error:
        raise DataError(
            f"There is no campaign at {path.parent} (no {path.name} is in it); make one by `askless init`."
        ) from error
    except OSError as error:
        raise DataError(
            f"The items {path} cannot be read ({error.strerror}); check the path and its rights."
        ) from error
    except (ValueError, csv.Error, OverflowError) as error:
        raise DataError(f"{path} is not as `askless init` wrote it ({error}); bring the old one back.") from error


def find_use(text: str) -> Use | None:
    """The use of a known label by its name; none if it is no use."""
    match text:
        case "" | "prototype" | "gold":
            return text
    return None


def to_csv(rows: Iterable[Iterable[object]]) -> str:
    """The text of a table of a campaign folder, `items.csv` for one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def path_from(root: Path, place: str) -> str:
    """An absolute place as a campaign folder names it: relative if below the folder."""
    inside = os.path.join(root, "")
    return place.removeprefix(inside).replace(os.sep, "/") if place.startswith(inside) else place


def _numbers(column: Sequence[str]) -> IntArray:
    return np.array(column, dtype=np.int64)
