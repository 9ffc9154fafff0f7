"""The formats of `askless import` by name."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from askless.data.answers_in.crowd_table import read_crowd_table
from askless.data.answers_in.given import GivenAnswer, Unusable
from askless.data.answers_in.label_studio import read_label_studio
from askless.data.answers_in.mturk import NEEDED, read_mturk
from askless.data.answers_in.sagemaker import read_sagemaker
from askless.errors import ConfigError

READERS: dict[str, Callable[[Path], Iterator[GivenAnswer | Unusable]]] = {
    "crowd_table": read_crowd_table,
    "label_studio": read_label_studio,
    "mturk": read_mturk,
    "sagemaker": read_sagemaker,
}


def read_answers(path: Path, form: str | None = None) -> Iterator[GivenAnswer | Unusable]:
    """The answers in a file, one at a time.

    Args:
        path: of the file.
        form: one of `READERS`; none means that name and header tell.

    Raises:
        ConfigError: there is no such format.
        DataError: the file is not what it should be, also while the answers are used.
    """
    if form is None:
        form = guess_format(path)
    if form not in READERS:
        raise ConfigError(f"There is no format {form!r}; allowed: {', '.join(READERS)}.")
    return READERS[form](path)


def guess_format(path: Path) -> str:
    """By the ending of the name; of CSV files by the header."""
    match path.suffix.lower():
        case ".json":
            return "label_studio"
        case ".jsonl" | ".manifest":
            return "sagemaker"
        case ".csv" if set(NEEDED) <= _header(path):
            return "mturk"
        case _:
            return "crowd_table"


def _header(path: Path) -> set[str]:
    """Of a CSV file; empty if it cannot be read, which its reader will say better."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return set(next(csv.reader(file), []))
    except (OSError, UnicodeDecodeError, csv.Error):
        return set()
