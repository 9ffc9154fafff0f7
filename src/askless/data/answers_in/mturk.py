"""Batch results of Mechanical Turk: a row per assignment, one item each."""

import json
from collections.abc import Iterator
from pathlib import Path

from askless.data.answers_in.given import GivenAnswer, Unusable, milliseconds
from askless.data.answers_in.records import read_records
from askless.errors import DataError

NEEDED = ("HITId", "WorkerId")
INPUT, ANSWER = "Input.", "Answer."


def read_mturk(path: Path) -> Iterator[GivenAnswer | Unusable]:
    """The item is named by one of the `Input.` columns, its class by one of the `Answer.` columns.

    An answer may be plain text, JSON, or `true` in a column that ends in the class. Answers of rejected assignments
    are taken, with a remark: what they are worth is for the model to find out.

    Raises:
        DataError: no such table.
    """
    header, rows = read_records(path)
    inputs = [name for name in header if name.startswith(INPUT)]
    answers = [name for name in header if name.startswith(ANSWER)]
    if not (set(NEEDED) <= set(header) and inputs and answers):
        raise DataError(
            f"{path} needs the columns HITId, WorkerId, and some that begin with Input. and Answer.; download the "
            "results of a batch again."
        )
    for number, row in rows:
        if isinstance(row, Unusable):
            yield row
            continue
        labels = tuple(dict.fromkeys(text for name in answers for text in _texts(name, row[name])))
        if not labels:
            yield Unusable(number, "it has no answer")
            continue
        is_rejected = row.get("AssignmentStatus", "").lower() == "rejected"
        yield GivenAnswer(
            number,
            row["WorkerId"],
            tuple(row[name] for name in inputs if row[name]),
            labels,
            milliseconds(row.get("WorkTimeInSeconds"), per_unit=1000),
            "rejected by the requester" if is_rejected else None,
        )


def _texts(column: str, answer: str) -> Iterator[str]:
    """All texts of an answer that may name a class."""
    if answer.lower() == "true":
        yield from column.removeprefix(ANSWER).split(".")
    elif answer.startswith(("[", "{")):
        yield from _texts_of_json(answer)
    elif answer and answer.lower() != "false":
        yield answer


def _texts_of_json(answer: str) -> Iterator[str]:
    try:
        waiting = [json.loads(answer)]
    except (ValueError, RecursionError):
        yield answer
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            yield from (key for key, chosen in value.items() if chosen is True)
            waiting.extend(reversed(value.values()))
