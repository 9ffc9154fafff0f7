"""The long table of crowd tools, crowd-kit's among them: a row per annotation."""

from collections.abc import Iterator
from pathlib import Path

from askless.data.answers_in.given import GivenAnswer, Unusable, milliseconds
from askless.data.answers_in.records import read_records
from askless.data.table import ANNOTATOR, ITEM, LABEL, RESPONSE_MS
from askless.errors import DataError


def read_crowd_table(path: Path) -> Iterator[GivenAnswer | Unusable]:
    """Columns item (or task), annotator (or worker), label, and perhaps response_ms (or rt_ms); others are ignored.

    Raises:
        DataError: no such table.
    """
    header, rows = read_records(path)
    item, annotator, label = (_column(header, allowed, path) for allowed in (ITEM, ANNOTATOR, LABEL))
    time = None if set(RESPONSE_MS).isdisjoint(header) else _column(header, RESPONSE_MS, path)
    for number, row in rows:
        if isinstance(row, Unusable):
            yield row
        elif not row[label]:
            yield Unusable(number, "it has no label")
        else:
            response_ms = milliseconds(row[time], per_unit=1) if time else None
            yield GivenAnswer(number, row[annotator], (row[item],), (row[label],), response_ms)


def _column(header: tuple[str, ...], allowed: tuple[str, ...], path: Path) -> str:
    there = [name for name in header if name in allowed]
    if len(there) != 1:
        wish = " or ".join(map(repr, allowed))
        came = ", ".join(map(repr, header)) or "none"
        raise DataError(f"{path} needs exactly one column {wish}, but its columns are {came}; rename them.")
    return there[0]
