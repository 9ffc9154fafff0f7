"""What a format makes: names of files and what is in them, nothing on disk yet."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

ROWS_PER_CHUNK = 1000


@dataclass(frozen=True)
class ItemImage:
    """Stands for the image of the item with this index, which is copied or linked."""

    item: int


Content: TypeAlias = Iterable[bytes] | ItemImage

File: TypeAlias = tuple[str, Content]
"""A path below the folder of the export, with "/" between folders, and what is in the file."""


def csv_bytes(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """A CSV file in UTF-8, some rows at a time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for number, row in enumerate(rows, start=1):
        writer.writerow(row)
        if number % ROWS_PER_CHUNK == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def json_lines(objects: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """One JSON object per line."""
    for value in objects:
        yield f"{json.dumps(value, ensure_ascii=False)}\n".encode()


def json_bytes(value: Any) -> Iterator[bytes]:
    """A JSON file that people can read, too."""
    yield f"{json.dumps(value, ensure_ascii=False, indent=1)}\n".encode()


def npy_bytes(array: npt.NDArray[Any]) -> Iterator[bytes]:
    """A `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    yield buffer.getvalue()
