"""Labels that real people once gave: a table of them, or how often each class was chosen for each item.

N items, K classes, R labels on record. Both forms can be cut to the classes and the items that a simulation uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from askless.data.table import ANNOTATOR, ITEM, LABEL, RESPONSE_MS, read_columns
from askless.errors import DataError
from askless.types import BoolArray, IntArray

UNKNOWN = {"-1", "", "None", "nan"}
"""What stands in the column of annotators where nobody knows who it was."""


@dataclass(frozen=True, eq=False)
class Records:
    """Single labels in any order.

    Args:
        item: (R,) indices below `n_items`.
        label: (R,) class indices.
        annotator: (R,) indices into `names`; none if nobody knows who they were.
        names: of the annotators.
        response_ms: (R,), -1 where it is not known.
        n_items: N.
    """

    item: IntArray
    label: IntArray
    annotator: IntArray | None
    names: tuple[str, ...]
    response_ms: IntArray
    n_items: int

    @property
    def n_labels(self) -> IntArray:
        """(N,): how many labels each item has."""
        return np.bincount(self.item, minlength=self.n_items)

    def of_classes(self, index: IntArray, n_classes: int) -> Self:
        """With other classes: `index` holds the new one, below `n_classes`, of each old one; -1 leaves it out."""
        label = index[self.label]
        return replace(self, label=label).where(label >= 0)

    def of_items(self, kept: IntArray) -> Self:
        """Of these items only; their indices are their places in `kept`."""
        place = np.full(self.n_items, -1)
        place[kept] = np.arange(len(kept))
        item = place[self.item]
        return replace(self, item=item, n_items=len(kept)).where(item >= 0)

    def where(self, is_kept: BoolArray) -> Self:
        """The records for which `is_kept` (R,)."""
        return replace(
            self,
            item=self.item[is_kept],
            label=self.label[is_kept],
            annotator=None if self.annotator is None else self.annotator[is_kept],
            response_ms=self.response_ms[is_kept],
        )


@dataclass(frozen=True, eq=False)
class Counts:
    """How many people chose each class for each item: `values` (N, K)."""

    values: IntArray

    @property
    def n_labels(self) -> IntArray:
        """(N,): how many labels each item has."""
        return np.asarray(self.values.sum(axis=1))

    def of_classes(self, index: IntArray, n_classes: int) -> Self:
        """As `Records.of_classes`; where several old classes become one, their counts are added."""
        is_new = index[:, None] == np.arange(n_classes)
        return replace(self, values=self.values @ is_new.astype(np.int64))

    def of_items(self, kept: IntArray) -> Self:
        """As `Records.of_items`."""
        return replace(self, values=self.values[kept])


Recorded: TypeAlias = Records | Counts


def read_recorded(path: Path, items: Sequence[str], classes: Sequence[str]) -> Recorded:
    """Reads what people said of some of N items.

    A table (CSV or Parquet) has the columns item (or task) and label, perhaps annotator (or worker) and response_ms (or
    rt_ms). An item is given by its id or row number, a label by its class name or index; names and ids win. The
    annotators are unknown without that column, or where it is -1 or empty in every row; of several labels by one known
    annotator for one item the last counts. A `.npy` file has whole numbers of shape (N, K).

    Args:
        path: the file.
        items: N ids.
        classes: K names.

    Raises:
        DataError: a file that cannot be read or does not fit these items and classes.
    """
    return _read_counts(path, len(items), len(classes)) if path.suffix == ".npy" else _read_table(path, items, classes)


def _read_counts(path: Path, n_items: int, n_classes: int) -> Counts:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"The counts {path} cannot be read ({error}); save them with numpy.save.") from error
    if values.shape != (n_items, n_classes) or values.dtype.kind not in "iu" or (values < 0).any():
        raise DataError(
            f"{path} must hold whole numbers of 0 or more, shape {(n_items, n_classes)} (items, classes), not "
            f"{values.dtype} of shape {values.shape}; save how many people chose each class for each item."
        )
    return Counts(values.astype(np.int64))


def _read_table(path: Path, items: Sequence[str], classes: Sequence[str]) -> Records:
    columns = read_columns(path, (ITEM, LABEL), (ANNOTATOR, RESPONSE_MS))
    item, label = (
        _indices(column, names, what, path)
        for column, names, what in zip(columns[:2], (items, classes), ("item", "label"), strict=True)
    )
    n_rows = len(item)
    if not n_rows:
        raise DataError(f"{path} has no labels on record; give at least one row.")
    response_ms = np.full(n_rows, -1) if columns[3] is None else np.array([_whole(value) for value in columns[3]])
    said_by = None if columns[2] is None else [str(name) for name in columns[2]]
    if said_by is None or UNKNOWN.issuperset(said_by):
        return Records(item, label, None, (), response_ms, len(items))
    if not UNKNOWN.isdisjoint(said_by):
        row = next(row for row, name in enumerate(said_by, start=1) if name in UNKNOWN)
        raise DataError(f"{path} has no annotator in row {row}, but in others; name all of them or none.")
    index = {name: j for j, name in enumerate(dict.fromkeys(said_by))}
    annotator = np.array([index[name] for name in said_by])
    _, from_the_end = np.unique((item * len(index) + annotator)[::-1], return_index=True)
    is_last = np.zeros(n_rows, bool)
    is_last[n_rows - 1 - from_the_end] = True
    return Records(item, label, annotator, tuple(index), response_ms, len(items)).where(is_last)


def _indices(column: Sequence[Any] | None, names: Sequence[str], what: str, path: Path) -> IntArray:
    """(R,) where each value stands in `names`, by name or by number."""
    assert column is not None
    index = {str(number): number for number in range(len(names))} | {name: i for i, name in enumerate(names)}
    values = [str(value) for value in column]
    for row, value in enumerate(values, start=1):
        if value not in index:
            raise DataError(
                f"Row {row} of {path} has the {what} {value!r}, which the data set does not have; give a name of it, "
                f"or an index from 0 to {len(names) - 1}."
            )
    return np.array([index[value] for value in values], dtype=np.int64)


def _whole(value: Any) -> int:
    """Milliseconds as a whole number, -1 for what is none."""
    try:
        return round(float(value))
    except (TypeError, ValueError, OverflowError):
        return -1
