"""A plain table of who called which item what, in and out: CSV, Parquet, or anything in Python that has columns.

Items, annotators and classes are whatever the table names them; inside they are indices, and this file knows both.
"""

import csv
import errno
import os
import reprlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from askless.errors import DataError
from askless.types import Annotations, FloatArray, IntArray

ITEM, ANNOTATOR, LABEL, RESPONSE_MS = ("item", "task"), ("annotator", "worker"), ("label",), ("response_ms", "rt_ms")
"""The names that a column may have: ours, then others'."""

ROWS_PER_CHUNK = 256
"""Of CSV: fewer objects than Python's garbage collector waits for (700); 4096 take 2.8 times as long."""

ROWS_PER_BATCH = 65536
"""Of Parquet, which comes as columns."""

MOST_NAMED = 10
"""Columns in a message."""

Chunk: TypeAlias = tuple[Sequence[Any], ...]


@dataclass(frozen=True, eq=False)
class AnnotationTable:
    """Annotations, and what their indices stand for.

    Args:
        annotations: one for each annotator and item of the table.
        items: N names, in the order in which they come first.
        annotators: J names, likewise.
        classes: K names, sorted: numbers, and texts that are whole numbers, by value.
        n_repeated: how many rows were left out because the same annotator labels the same item in a later one.
    """

    annotations: Annotations
    items: tuple[Any, ...]
    annotators: tuple[Any, ...]
    classes: tuple[Any, ...]
    n_repeated: int


def read_annotations(path: Path) -> AnnotationTable:
    """Reads a CSV or Parquet file with the columns item (or task), annotator (or worker) and label.

    Other columns are ignored. CSV has a header and is UTF-8; all of its names are text. Rows are read in chunks, so
    that memory grows with the names and three numbers a row.

    Raises:
        DataError: the file cannot be read, lacks a column, has no rows, or has a row without a name or label.
    """
    return _index(_read_chunks(path, (ITEM, ANNOTATOR, LABEL)), str(path))


def to_annotations(table: Any) -> AnnotationTable:
    """The same from Python: a mapping of columns, a pandas or polars data frame, or rows (item, annotator, label).

    Raises:
        DataError: a column is missing, columns differ in length, rows are not three values, a name is missing or cannot
            be one (a list, say).
    """
    if isinstance(table, AnnotationTable):
        return table
    names = list(table) if isinstance(table, Mapping) else getattr(table, "columns", None)
    if names is None:
        rows = [tuple(row) for row in table]
        if any(len(row) != 3 for row in rows):
            raise DataError("A table without column names must have rows of three: item, annotator, label.")
        columns: Chunk = tuple(zip(*rows, strict=True)) or ((), (), ())
    else:
        positions = _positions([str(name) for name in names], (ITEM, ANNOTATOR, LABEL), "The table")
        columns = tuple(_values(table[list(names)[position]]) for position in positions)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(
            f"The columns item, annotator and label must be equally long, not {', '.join(map(str, lengths))}; "
            "give one of each for every annotation."
        )
    return _index(iter([columns]), "The table")


def read_truth(path: Path) -> dict[str, str]:
    """The true label of some items, both as text, from a file with the columns item (or task) and label.

    A row without a label says nothing; of two rows for one item the last one counts.

    Raises:
        DataError: the file cannot be read or lacks a column.
    """
    return {
        str(item): str(label)
        for items, labels in _read_chunks(path, (ITEM, LABEL))
        for item, label in zip(items, labels, strict=True)
        if not _is_missing(label)
    }


def read_columns(
    path: Path, needed: Sequence[tuple[str, ...]], optional: Sequence[tuple[str, ...]]
) -> list[list[Any] | None]:
    """Whole columns of a file, each given by the names that it may have; none for an optional one that is not there.

    Raises:
        DataError: the file cannot be read, or lacks a column that is needed.
    """
    with _readable(path):
        header = {name.strip() for name in (_parquet_header if is_parquet(path) else _csv_header)(path)}
    wanted = [names for names in (*needed, *optional) if names in needed or not header.isdisjoint(names)]
    columns: dict[tuple[str, ...], list[Any]] = {names: [] for names in wanted}
    for chunk in _read_chunks(path, tuple(wanted)):
        for column, values in zip(columns.values(), chunk, strict=True):
            column += values
    return [columns.get(names) for names in (*needed, *optional)]


def write_tables(tables: Mapping[Path, Mapping[str, Sequence[Any] | FloatArray]]) -> None:
    """Writes columns of equal length to a CSV or, by its name, Parquet file each: all of them, or none.

    Raises:
        DataError: a file cannot be written there.
    """
    with ExitStack() as at_end:
        for path, columns in tables.items():
            temporary = Path(f"{path}.tmp")
            try:
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                if not path.parent.is_dir():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                at_end.callback(temporary.unlink, missing_ok=True)
                _write(temporary, columns, is_parquet=is_parquet(path))
            except OSError as error:
                raise DataError(
                    f"{path} cannot be written ({error.strerror}); name a file in a folder that exists and is yours."
                ) from error
        for path in tables:
            os.replace(f"{path}.tmp", path)


def _write(path: Path, columns: Mapping[str, Sequence[Any] | FloatArray], *, is_parquet: bool) -> None:
    if is_parquet:
        arrow, parquet = import_pyarrow()
        parquet.write_table(arrow.table([arrow.array(column) for column in columns.values()], list(columns)), path)
        return
    texts = (
        [f"{number:.6f}" for number in column.tolist()]
        if isinstance(column, np.ndarray) and column.dtype.kind == "f"
        else column
        for column in columns.values()
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*texts, strict=True))


class _Names:
    """Gives every different name the next index."""

    def __init__(self) -> None:
        self._index: defaultdict[Hashable, int] = defaultdict()
        self._index.default_factory = self._index.__len__

    def encode(self, values: Sequence[Any]) -> IntArray:
        return np.fromiter(map(self._index.__getitem__, values), np.int64, len(values))

    def all(self) -> list[Any]:
        return list(self._index)


def _index(chunks: Iterator[Chunk], source: str) -> AnnotationTable:
    names = (_Names(), _Names(), _Names())
    parts: list[list[IntArray]] = [[], [], []]
    for chunk in chunks:
        for name, part, values, what in zip(names, parts, chunk, (ITEM, ANNOTATOR, LABEL), strict=True):
            try:
                part.append(name.encode(values))
            except TypeError as error:
                raise DataError(
                    f"{source} has {what[0]}s that cannot be names ({error}); use texts or numbers."
                ) from error
    if not any(len(part) for part in parts[0]):
        raise DataError(f"{source} has no annotations; give at least one row.")
    item, annotator, label = (np.concatenate(part) for part in parts)
    for name, column, what in zip(names, (item, annotator, label), (ITEM, ANNOTATOR, LABEL), strict=True):
        for index, value in enumerate(name.all()):
            if _is_missing(value):
                row = int(np.argmax(column == index)) + 1
                raise DataError(f"{source} has no {what[0]} in row {row}; fill it in or leave out that row.")

    items, annotators = names[0].all(), names[1].all()
    kept = _last_of_each(item * len(annotators) + annotator)
    n_repeated = len(item) - len(kept)
    used, label = np.unique(label[kept], return_inverse=True)
    seen = [names[2].all()[index] for index in used]
    order = _sorted(seen)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return AnnotationTable(
        Annotations(item[kept], annotator[kept], rank[label], len(items), len(annotators), len(order)),
        tuple(items),
        tuple(annotators),
        tuple(seen[index] for index in order),
        n_repeated,
    )


def _last_of_each(key: IntArray) -> IntArray:
    """The row of the last occurrence of each key, in the order of the rows."""
    _, from_the_end = np.unique(key[::-1], return_index=True)
    return np.sort(len(key) - 1 - from_the_end)


def _sorted(names: list[Any]) -> list[int]:
    """Indices that sort the names; texts of whole numbers as numbers, what cannot be compared as text."""
    keys: list[Any] = names
    if all(isinstance(name, str) and name.removeprefix("-").isdecimal() for name in names):
        keys = [(int(name), name) for name in names]
    try:
        return sorted(range(len(names)), key=keys.__getitem__)
    except TypeError:
        return sorted(range(len(names)), key=lambda index: (type(names[index]).__name__, str(names[index])))


def _is_missing(name: Any) -> bool:
    """None, an empty text, NaN, or pandas' NA, which refuses to be compared."""
    try:
        return bool(name is None or name == "" or name != name)
    except TypeError:
        return True


def _values(column: Any) -> Sequence[Any]:
    """Python's own values, so that names are plain texts and numbers."""
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _positions(header: Sequence[str], wanted: Iterable[tuple[str, ...]], source: str) -> list[int]:
    found = []
    for allowed in wanted:
        there = [position for position, name in enumerate(header) if name.strip() in allowed]
        if len(there) != 1:
            came = ", ".join(map(reprlib.repr, header[:MOST_NAMED])) or "none"
            came += f" and {len(header) - MOST_NAMED} more" if header[MOST_NAMED:] else ""
            wish = " or ".join(repr(name) for name in allowed)
            raise DataError(f"{source} needs exactly one column {wish}, but its columns are {came}; rename them.")
        found.append(there[0])
    return found


def _read_chunks(path: Path, wanted: tuple[tuple[str, ...], ...]) -> Iterator[Chunk]:
    read: Callable[[Path, tuple[tuple[str, ...], ...]], Iterator[Chunk]]
    read = _read_parquet if is_parquet(path) else _read_csv
    with _readable(path):
        yield from read(path, wanted)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"The table {path} cannot be read ({reason}); check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one.") from error


def _csv_header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


def _parquet_header(path: Path) -> list[str]:
    arrow, parquet = import_pyarrow()
    try:
        return list(parquet.read_schema(path).names)
    except arrow.ArrowInvalid as error:
        raise DataError(f"{path} is not a Parquet file ({error}); save it as one, or as CSV.") from error


def _read_csv(path: Path, wanted: tuple[tuple[str, ...], ...]) -> Iterator[Chunk]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header and header[0].lstrip().startswith(("{", "[")):
            raise DataError(f"{path} is no CSV or Parquet table, it looks like JSON; save it as one of these.")
        pick = itemgetter(*_positions(header, wanted, str(path)))
        rows = filter(None, reader)
        n_rows = 0
        while chunk := list(islice(rows, ROWS_PER_CHUNK)):
            if set(map(len, chunk)) != {len(header)}:
                row = next(row for row, fields in enumerate(chunk) if len(fields) != len(header))
                raise DataError(
                    f"{path} has {len(chunk[row])} fields in row {n_rows + row + 1}, but its header has {len(header)}; "
                    "correct that row."
                )
            n_rows += len(chunk)
            yield tuple(zip(*map(pick, chunk), strict=True))


def _read_parquet(path: Path, wanted: tuple[tuple[str, ...], ...]) -> Iterator[Chunk]:
    arrow, parquet = import_pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            header = file.schema_arrow.names
            columns = [header[position] for position in _positions(header, wanted, str(path))]
            for batch in file.iter_batches(ROWS_PER_BATCH, columns=columns):
                yield tuple(batch.column(name).to_pylist() for name in columns)
    except arrow.ArrowInvalid as error:
        raise DataError(f"{path} is not a Parquet file ({error}); save it as one, or as CSV.") from error


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def import_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            "Parquet files need pyarrow, which is not installed; pip install 'askless[parquet]', or use CSV."
        ) from error
    return pyarrow, pyarrow.parquet
