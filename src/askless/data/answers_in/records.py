"""Rows of a file as mappings from column to text, one at a time: CSV or Parquet."""

import csv
from collections.abc import Iterator
from pathlib import Path

from askless.data.answers_in.given import Unusable
from askless.data.table import import_pyarrow, is_parquet
from askless.errors import DataError

ROWS_PER_BATCH = 8192


def read_records(path: Path) -> tuple[tuple[str, ...], Iterator[tuple[int, dict[str, str] | Unusable]]]:
    """The columns of a table, and its rows by number, counted from 1.

    CSV has a header and is UTF-8. What is missing in Parquet is an empty text.

    Raises:
        DataError: the file cannot be read, also when the rows are used; a column comes twice.
    """
    records = _read_parquet(path) if is_parquet(path) else _read_csv(path)
    header = tuple(name.strip() for name in next(records, ()))
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{path} has the column {name!r} twice; rename one of them.")
    return header, _rows(header, records)


def _rows(header: tuple[str, ...], records: Iterator[list[str]]) -> Iterator[tuple[int, dict[str, str] | Unusable]]:
    for number, fields in enumerate(records, start=1):
        if len(fields) == len(header):
            yield number, dict(zip(header, fields, strict=True))
        else:
            yield number, Unusable(number, f"it has {len(fields)} fields, the header {len(header)}")


def _read_csv(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for fields in csv.reader(file):
                if fields:
                    yield fields
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one.") from error


def _read_parquet(path: Path) -> Iterator[list[str]]:
    arrow, parquet = import_pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            yield list(file.schema_arrow.names)
            for batch in file.iter_batches(ROWS_PER_BATCH):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield ["" if value is None else str(value) for value in values]
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path.") from error
    except arrow.ArrowException as error:
        raise DataError(f"{path} is not a Parquet file ({error}); save it as one, or as CSV.") from error
