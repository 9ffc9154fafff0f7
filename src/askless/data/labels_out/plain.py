"""Plain tables of labels: CSV, JSON lines, Parquet, and soft labels as an array."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from askless.data.labels_out.files import File, csv_bytes, json_bytes, json_lines, npy_bytes
from askless.data.labels_out.outcome import N_DECIMALS, Outcome
from askless.data.table import import_pyarrow


def label_table(outcome: Outcome) -> File:
    """labels.csv: item, label, probability, annotations, decided_by, status."""
    return "labels.csv", csv_bytes(outcome.COLUMNS, map(as_text, outcome.rows()))


def to_csv(outcome: Outcome) -> Iterator[File]:
    yield label_table(outcome)


def to_jsonl(outcome: Outcome) -> Iterator[File]:
    """labels.jsonl: the same, and the probability of every class."""
    posterior = outcome.posterior.round(N_DECIMALS)
    rows = (
        row | {"probabilities": dict(zip(outcome.classes, of_item.tolist(), strict=True))}
        for row, of_item in zip(outcome.rows(), posterior, strict=True)
    )
    yield "labels.jsonl", json_lines(rows)


def to_parquet(outcome: Outcome) -> Iterator[File]:
    """labels.parquet: the columns of the CSV. Raises DataError if pyarrow is not installed."""
    arrow, parquet = import_pyarrow()
    columns = zip(*(row.values() for row in outcome.rows()), strict=True)
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(dict(zip(outcome.COLUMNS, map(list, columns), strict=True))), buffer)
    yield "labels.parquet", [buffer.getvalue()]


def to_soft_labels(outcome: Outcome) -> Iterator[File]:
    """soft_labels.npy (N, K) float32: row i is row i of labels.csv, column k class k of classes.json."""
    yield "soft_labels.npy", npy_bytes(outcome.posterior.astype(np.float32))
    yield "classes.json", json_bytes(outcome.classes)
    yield label_table(outcome)


def as_text(row: dict[str, Any]) -> list[Any]:
    """The values of a row as CSV shows them: probabilities with all their decimals."""
    return [f"{value:.{N_DECIMALS}f}" if isinstance(value, float) else value for value in row.values()]
