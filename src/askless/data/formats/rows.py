"""Tables of texts: CSV, JSON lines and Parquet, row by row."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from askless.data.table import import_pyarrow
from askless.errors import DataError

Row: TypeAlias = dict[str, str]

SUFFIXES = (".csv", ".jsonl", ".parquet", ".pq")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table, all values as text, what is missing as an empty one.

    Raises:
        DataError: the file cannot be read, or a row does not fit it.
    """
    read = {".csv": _read_csv, ".jsonl": _read_json_lines}.get(path.suffix.lower(), _read_parquet)
    try:
        yield from read(path)
    except OSError as error:
        raise DataError(f"The table {path} cannot be read ({error.strerror or error}); check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a table in UTF-8 ({error}); save it as one.") from error


def find_column(row: Row, names: tuple[str, ...], path: Path) -> str:
    """The one of `names` that is a column of the table.

    Raises:
        DataError: none or several are.
    """
    there = [name for name in names if name in row]
    if len(there) != 1:
        came = ", ".join(map(repr, row)) or "none"
        raise DataError(
            f"{path} needs exactly one column {' or '.join(names)}, but its columns are {came}; rename them."
        )
    return there[0]


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        if len(set(header)) < len(header):
            raise DataError(f"{path} has two columns of one name; rename one of them.")
        for number, fields in enumerate(filter(None, reader), start=1):
            if len(fields) != len(header):
                raise DataError(
                    f"{path} has {len(fields)} fields in row {number}, but its header has {len(header)}; correct that "
                    "row."
                )
            yield dict(zip(header, fields, strict=True))


def _read_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"Line {number} of {path} is not JSON ({error}); correct it.") from error
            if not isinstance(row, dict):
                raise DataError(f"Line {number} of {path} is no JSON object; write one per line.")
            yield {name: _text(value) for name, value in row.items()}


def _read_parquet(path: Path) -> Iterator[Row]:
    arrow, parquet = import_pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    yield {name: _text(value) for name, value in row.items()}
    except (arrow.ArrowException, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is not a Parquet file that can be read ({reason}); save it anew, or as CSV."
        ) from error


def _text(value: Any) -> str:
    return "" if value is None else str(value)
