"""Tables of annotations: what is read is what is there, whatever its names; what is not a table is refused."""

import builtins
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.data import table as table_module
from askless.data.table import AnnotationTable, read_annotations, read_truth, to_annotations, write_tables
from askless.errors import DataError

ROWS = [("b.jpg", "ann", "cat"), ("a.jpg", "bob", "dog"), ("b.jpg", "bob", "cat"), ("a.jpg", "ann", "ant")]


def rows_of(table: AnnotationTable) -> list[tuple[Any, Any, Any]]:
    a = table.annotations
    columns = zip(a.item, a.annotator, a.label, strict=True)
    return [(table.items[i], table.annotators[j], table.classes[k]) for i, j, k in columns]


def write_csv(path: Path, rows: list[tuple[Any, ...]], header: str = "item,annotator,label") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["item,annotator,label", "task,worker,label", "item,worker,label"])
def test_csv_by_our_names_and_by_those_of_crowdkit(tmp_path: Path, header: str) -> None:
    table = read_annotations(write_csv(tmp_path / "a.csv", ROWS, header))
    assert rows_of(table) == ROWS
    assert table.items == ("b.jpg", "a.jpg")
    assert table.annotators == ("ann", "bob")
    assert table.classes == ("ant", "cat", "dog")
    assert table.n_repeated == 0


def test_csv_with_other_columns_a_byte_order_mark_quotes_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = 'label,note,task,worker\ncat,"yes, really","two\nlines",ann\n\n"a ""b""",,x,bob\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert rows_of(read_annotations(path)) == [("two\nlines", "ann", "cat"), ("x", "bob", 'a "b"')]


def test_many_rows_cross_chunks(tmp_path: Path) -> None:
    n = 2 * table_module.ROWS_PER_CHUNK + 3
    rows = [(f"i{row % 97}", f"w{row}", f"c{row % 5}") for row in range(n)]
    assert rows_of(read_annotations(write_csv(tmp_path / "a.csv", rows))) == rows


NAMES = st.one_of(st.integers(-5, 5), st.text(min_size=1, max_size=2), st.sampled_from([True, 2.5, (1, "x")]))


@given(rows=st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=30))
def test_of_repeated_annotations_the_last_one_counts(rows: list[tuple[Any, Any, Any]]) -> None:
    """For names of any type; a class that only a replaced row names is no class."""
    table = to_annotations(rows)
    last = {(item, annotator): label for item, annotator, label in rows}
    assert {(item, annotator): label for item, annotator, label in rows_of(table)} == last
    assert len(table.annotations) == len(last) == len(rows) - table.n_repeated
    assert set(table.classes) == set(last.values())
    assert list(table.items) == list(dict.fromkeys(item for item, _, _ in rows))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        ([10, 9, -1.5], (-1.5, 9, 10)),
        (["b", 2, "a"], (2, "a", "b")),
    ],
)
def test_classes_are_sorted(labels: list[Any], expected: tuple[Any, ...]) -> None:
    assert to_annotations([(0, j, label) for j, label in enumerate(labels)]).classes == expected


def test_columns_of_python_numpy_and_data_frames() -> None:
    columns = {"task": [3, 4, 3], "worker": ["a", "a", "b"], "label": [1, 0, 1]}
    expected = [(3, "a", 1), (4, "a", 0), (3, "b", 1)]
    arrays = {name: np.array(values) for name, values in columns.items()}
    assert rows_of(to_annotations(columns)) == rows_of(to_annotations(arrays)) == expected
    assert [type(name) for name in to_annotations(arrays).items] == [int, int]
    assert rows_of(to_annotations(expected)) == expected
    table = to_annotations(expected)
    assert to_annotations(table) is table


class Frame:
    """As pandas and polars are used here: `columns`, `[name]`, and columns that may have `tolist`."""

    columns = ("label", "item", "annotator", "other")

    def __getitem__(self, name: str) -> Any:
        return {"item": np.array([7, 8]), "annotator": iter("ab"), "label": np.array(["x", "y"])}[name]


def test_a_data_frame_is_read_by_its_columns() -> None:
    assert rows_of(to_annotations(Frame())) == [(7, "a", "x"), (8, "b", "y")]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_real_data_frames_and_their_missing_values(library: str) -> None:
    frames = pytest.importorskip(library)
    columns: dict[str, list[Any]] = {"item": [3, 4], "annotator": ["a", "b"], "label": ["x", "y"]}
    assert rows_of(to_annotations(frames.DataFrame(columns))) == [(3, "a", "x"), (4, "b", "y")]
    with pytest.raises(DataError, match="no label in row 2"):
        to_annotations(frames.DataFrame(columns | {"label": ["x", None]}))


class NotComparable:
    def __eq__(self, other: object) -> Any:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "has no annotations"),
        ({"item": [], "annotator": [], "label": []}, "has no annotations"),
        ([(1, 2)], "rows of three"),
        (
            {"item": [1], "label": [1]},
            "exactly one column 'annotator' or 'worker', but its columns are 'item', 'label'",
        ),
        ({"item": [1], "task": [1], "worker": [1], "label": [1]}, "exactly one column 'item' or 'task'"),
        ({"item": [1, 2], "worker": [1], "label": [1]}, "equally long, not 2, 1, 1"),
        ({"item": [1, 2], "worker": [1, 1], "label": [1, None]}, "no label in row 2"),
        ({"item": [1, math.nan], "worker": [1, 1], "label": [1, 1]}, "no item in row 2"),
        ({"item": [1, 2], "worker": [NotComparable(), 1], "label": [1, 1]}, "no annotator in row 1"),
        ({"item": [[1]], "worker": [1], "label": [1]}, "items that cannot be names"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        to_annotations(table)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "needs exactly one column 'item' or 'task', but its columns are none"),
        (b"item,annotator,label\n", "has no annotations"),
        (b"item;annotator;label\n1;2;3\n", "its columns are 'item;annotator;label'"),
        (b"item,annotator,label\n1,2,3\n1,2\n", "2 fields in row 2, but its header has 3"),
        (b"item,annotator,label\n1,2,3,4\n", "4 fields in row 1"),
        (b"item,annotator,label\n1,2,3\n1,,4\n", "no annotator in row 2"),
        (b"item,annotator,label\n1,2,\xff\n", "not a CSV file in UTF-8"),
        (b'item,annotator,label\n1,2,"' + b"x" * 200_000, "not a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        read_annotations(tmp_path / "a.csv")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["none.csv", ""])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(.*\); check the path"):
        read_annotations(tmp_path / name)


def test_truth_is_text_without_the_empty_and_the_last_one_counts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,task\ncat,1\n,2\ndog,3\nant,1\n")
    assert read_truth(tmp_path / "t.csv") == {"1": "ant", "3": "dog"}


def test_tables_are_written_all_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("old")
    columns = {"name": ["x", 'y "1", 2'], "p": np.array([1 / 3, 1.0])}
    second.mkdir()
    for bad in (second, tmp_path / "nowhere" / "c.csv", first / "c.csv"):
        with pytest.raises(DataError, match="cannot be written"):
            write_tables({first: columns, bad: columns})
        assert first.read_text() == "old"
        assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "b.csv"}
    second.rmdir()
    write_tables({first: columns, second: {"n": [1]}})
    assert first.read_text() == 'name,p\nx,0.333333\n"y ""1"", 2",1.000000\n'
    assert second.read_text() == "n\n1\n"


def test_parquet_there_and_back(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    columns = {"worker": ["u", "v"], "task": [5, 6], "p": np.array([0.1, 0.2]), "label": [True, False]}
    write_tables({path: columns})
    assert rows_of(read_annotations(path)) == [(5, "u", True), (6, "v", False)]
    assert read_truth(path) == {"5": "True", "6": "False"}
    write_tables({path: columns | {"label": [True, None]}})
    with pytest.raises(DataError, match="no label in row 2"):
        read_annotations(path)
    path.write_text("item,annotator,label\n1,2,3\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_annotations(path)


def test_parquet_without_pyarrow_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without_pyarrow(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(DataError, match=r"pip install 'askless\[parquet\]', or use CSV"):
        read_annotations(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="askless"):
        write_tables({tmp_path / "a.parquet": {"n": [1]}})
    assert not list(tmp_path.iterdir())
