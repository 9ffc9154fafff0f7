from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askless.embed.chunks import Chunks

RECIPE = {"model": "m", "items": "abc"}


def open_chunks(path: Path, recipe: dict[str, Any] = RECIPE) -> Chunks:
    return Chunks(path, recipe, 3, np.float16)


def rows_of(chunks: Chunks) -> np.ndarray:
    return np.concatenate([block for _, block in chunks.blocks(2)] or [np.empty((0, 3), np.float16)])


def three_chunks(path: Path) -> np.ndarray:
    rows = np.arange(27, dtype=np.float16).reshape(9, 3)
    chunks = open_chunks(path)
    for start in (0, 4, 8):
        chunks.append(rows[start : start + 4], {f"item {start}": "gone"})
    return rows


def test_what_was_appended_is_there_again(tmp_path: Path) -> None:
    rows = three_chunks(tmp_path / "features.part")
    again = open_chunks(tmp_path / "features.part")
    assert again.n_rows == 9
    assert again.missing == {f"item {start}": "gone" for start in (0, 4, 8)}
    np.testing.assert_array_equal(rows_of(again), rows)
    assert [start for start, _ in again.blocks(4)] == [0, 4, 8]


def test_another_recipe_begins_anew(tmp_path: Path) -> None:
    three_chunks(tmp_path / "features.part")
    other = open_chunks(tmp_path / "features.part", RECIPE | {"model": "other"})
    assert (other.n_rows, other.missing, len(rows_of(other))) == (0, {}, 0)
    assert open_chunks(tmp_path / "features.part").n_rows == 0


@pytest.mark.parametrize("name", ["features.part", "features.journal"])
def test_half_of_what_belongs_together_begins_anew(tmp_path: Path, name: str) -> None:
    three_chunks(tmp_path / "features.part")
    (tmp_path / name).unlink()
    chunks = open_chunks(tmp_path / "features.part")
    assert (chunks.n_rows, chunks.missing) == (0, {})


@pytest.mark.parametrize("line", ["[1]", "{}", "3", '{"n_rows": null, "missing": {}}', '{"n_rows": 4, "missing": 1}'])
def test_a_journal_of_something_else_begins_anew(tmp_path: Path, line: str) -> None:
    three_chunks(tmp_path / "features.part")
    with (tmp_path / "features.journal").open("a") as file:
        file.write(line + "\n")
    chunks = open_chunks(tmp_path / "features.part")
    assert (chunks.n_rows, chunks.missing, len(rows_of(chunks))) == (0, {}, 0)


@settings(max_examples=25)
@given(lost_rows=st.integers(0, 60), lost_journal=st.integers(0, 200))
def test_cut_off_anywhere_the_rest_is_a_beginning(
    tmp_path_factory: pytest.TempPathFactory, lost_rows: int, lost_journal: int
) -> None:
    path = tmp_path_factory.mktemp("chunks") / "features.part"
    rows = three_chunks(path)
    for file, lost in ((path, lost_rows), (path.with_suffix(".journal"), lost_journal)):
        content = file.read_bytes()
        file.write_bytes(content[: max(0, len(content) - lost)])
    chunks = open_chunks(path)
    assert chunks.n_rows in (0, 4, 8, 9)
    np.testing.assert_array_equal(rows_of(chunks), rows[: chunks.n_rows])
    chunks.append(rows[chunks.n_rows :], {})
    np.testing.assert_array_equal(rows_of(open_chunks(path)), rows)


def test_removed_is_gone(tmp_path: Path) -> None:
    three_chunks(tmp_path / "features.part")
    open_chunks(tmp_path / "features.part").remove()
    assert not list(tmp_path.iterdir())
