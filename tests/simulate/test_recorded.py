"""Labels on record, read from a table or an array of counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.errors import DataError
from askless.simulate.recorded import Counts, Records, read_recorded

ITEMS = ("a.jpg", "b.jpg", "0", "d.jpg")
CLASSES = ("cat", "dog", "owl")


def read(folder: Path, text: str) -> Records:
    (folder / "answers.csv").write_text(text)
    records = read_recorded(folder / "answers.csv", ITEMS, CLASSES)
    assert isinstance(records, Records)
    return records


def rows(records: Records) -> list[tuple[Any, ...]]:
    names = [None] * len(records.item)
    if records.annotator is not None:
        names = [records.names[j] for j in records.annotator]  # type: ignore[misc]
    columns = (records.item.tolist(), names, records.label.tolist(), records.response_ms.tolist())
    return list(zip(*columns, strict=True))


def test_names_and_numbers_of_items_and_classes(tmp_path: Path) -> None:
    records = read(tmp_path, "worker,label,task,rt_ms\neve,owl,b.jpg,12.6\nbob,0,3,\neve,dog,0,nan\n")
    assert rows(records) == [(1, "eve", 2, 13), (3, "bob", 0, -1), (2, "eve", 1, -1)]
    assert records.names == ("eve", "bob")
    assert records.n_labels.tolist() == [0, 1, 1, 1]


def test_the_last_of_several_labels_by_one_person_counts(tmp_path: Path) -> None:
    records = read(tmp_path, "item,annotator,label\n1,eve,cat\n1,bob,cat\n1,eve,dog\n")
    assert rows(records) == [(1, "bob", 0, -1), (1, "eve", 1, -1)]


@pytest.mark.parametrize(
    "text",
    [
        "item,label\n1,cat\n1,dog\n",
        "item,annotator,label\n1,-1,cat\n1,-1,dog\n",
        "item,annotator,label\n1,,cat\n1,-1,dog\n",
    ],
)
def test_people_may_be_unknown(tmp_path: Path, text: str) -> None:
    records = read(tmp_path, text)
    assert records.annotator is None
    assert rows(records) == [(1, None, 0, -1), (1, None, 1, -1)]


def test_parquet_is_the_same(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = {"item": [1, 3], "worker": [7, 7], "label": [2, 0], "rt_ms": [1.5, 10.0], "order": [1, 2]}
    parquet.write_table(arrow.table(table), tmp_path / "answers.parquet")
    records = read_recorded(tmp_path / "answers.parquet", ITEMS, CLASSES)
    assert isinstance(records, Records)
    assert rows(records) == [(1, "7", 2, 2), (3, "7", 0, 10)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,label\n1,cat\ne.jpg,cat\n", r"Row 2 of .* has the item 'e\.jpg', which .* or an index from 0 to 3\."),
        ("item,label\n1,cow\n", r"Row 1 of .* has the label 'cow', which .* or an index from 0 to 2\."),
        ("item,label\n1,-1\n", "has the label '-1'"),
        ("item,label\n", "has no labels on record; give at least one row"),
        ("item,annotator,label\n1,eve,cat\n2,,cat\n", "no annotator in row 2, but in others; name all of them or none"),
        ("item,annotator\n1,2\n", "needs exactly one column 'label'"),
        ("item,label,worker,annotator\n1,2,3,4\n", "needs exactly one column 'annotator' or 'worker'"),
    ],
)
def test_tables_that_do_not_fit(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["no.csv", "no.parquet", "no.npy"])
def test_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read .*No such file"):
        read_recorded(tmp_path / name, ITEMS, CLASSES)


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match="is not a Parquet file"):
        read_recorded(tmp_path / "a.parquet", ITEMS, CLASSES)


def test_counts(tmp_path: Path) -> None:
    values = np.array([[3, 0, 1], [0, 0, 0], [1, 1, 1], [0, 5, 0]], np.int16)
    np.save(tmp_path / "counts.npy", values)
    counts = read_recorded(tmp_path / "counts.npy", ITEMS, CLASSES)
    assert isinstance(counts, Counts)
    np.testing.assert_array_equal(counts.values, values)
    assert counts.n_labels.tolist() == [4, 0, 3, 5]


@pytest.mark.parametrize("values", [np.ones((4, 2), int), np.ones((4, 3)), -np.ones((4, 3), int), np.ones(4, int)])
def test_counts_that_do_not_fit(tmp_path: Path, values: Any) -> None:
    np.save(tmp_path / "counts.npy", values)
    with pytest.raises(
        DataError, match=r"must hold whole numbers of 0 or more, shape \(4, 3\) \(items, classes\), not"
    ):
        read_recorded(tmp_path / "counts.npy", ITEMS, CLASSES)


def test_fewer_classes_and_items(tmp_path: Path) -> None:
    """Dogs are left out, or are something else; items a and d change places."""
    kept, without, other = np.array([3, 0]), np.array([1, -1, 0]), np.array([1, 2, 0])
    records = read(tmp_path, "item,annotator,label\n0,x,cat\n3,x,dog\na.jpg,y,dog\na.jpg,z,owl\nb.jpg,z,owl\n")
    assert rows(records.of_classes(without, 2).of_items(kept)) == [(1, "z", 0, -1)]
    assert rows(records.of_classes(other, 3).of_items(kept)) == [
        (0, "x", 2, -1),
        (1, "y", 2, -1),
        (1, "z", 0, -1),
    ]
    assert records.of_items(kept).n_labels.tolist() == [1, 2]

    counts = Counts(np.array([[3, 0, 1], [0, 0, 0], [1, 1, 1], [0, 5, 2]]))
    assert counts.of_classes(without, 2).of_items(kept).values.tolist() == [[2, 0], [1, 3]]
    assert counts.of_classes(np.array([0, 1, 1]), 2).of_items(kept).values.tolist() == [[0, 7], [3, 1]]
