"""Rows on their way to disk: written chunk by chunk, so that a run that was cut off goes on where it was."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Recipe = Mapping[str, Any]


class Chunks:
    """Finished rows in one file, and in a journal beside it how many of them are safe and which are missing.

    A line of the journal is written when its rows are on the disk. Rows after the last whole line are cut off when the
    file is opened again, so the rows are the same whether or not a run was interrupted.
    """

    def __init__(self, path: Path, recipe: Recipe, dimension: int, dtype: npt.DTypeLike) -> None:
        """Opens what is there of the same recipe, or begins anew.

        Args:
            path: of the rows; the journal has the suffix `.journal`.
            recipe: all that decides what the rows are; must go through JSON unchanged.
            dimension: D.
            dtype: of the numbers on disk.
        """
        self.path = path
        self.journal = path.with_suffix(".journal")
        self.dtype = np.dtype(dtype)
        self.dimension = dimension
        self.n_rows = 0
        self.missing: dict[str, str] = {}
        if not self._go_on(recipe):
            self.n_rows, self.missing = 0, {}
            path.write_bytes(b"")
            self.journal.write_text(json.dumps(recipe) + "\n", encoding="utf-8")

    def _go_on(self, recipe: Recipe) -> bool:
        """Takes over what is there, if it is of this recipe, and cuts off what is not safe."""
        try:
            whole, newline, _ = self.journal.read_bytes().rpartition(b"\n")
            made_so, *entries = [json.loads(line) for line in whole.splitlines()]
            n_bytes = self.path.stat().st_size
            for entry in entries:
                self.n_rows = int(entry["n_rows"])
                self.missing |= entry["missing"]
        except (OSError, ValueError, TypeError, LookupError):
            return False
        n_safe = self.n_rows * self.dimension * self.dtype.itemsize
        if made_so != recipe or n_bytes < n_safe:
            return False
        os.truncate(self.journal, len(whole + newline))
        os.truncate(self.path, n_safe)
        return True

    def append(self, rows: npt.NDArray[Any], missing: Mapping[str, str]) -> None:
        """Keeps a chunk; when this returns it is on the disk.

        Args:
            rows: (n, D).
            missing: ids of items of the chunk that have no features, each with the reason.
        """
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
            _flush(file)
        self.n_rows += len(rows)
        self.missing |= missing
        line = json.dumps({"n_rows": self.n_rows, "missing": dict(missing)}) + "\n"
        with self.journal.open("ab") as file:
            file.write(line.encode())
            _flush(file)

    def blocks(self, size: int) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """All rows in order, as (first row, rows), `size` at a time."""
        with self.path.open("rb") as file:
            for start in range(0, self.n_rows, size):
                n = min(size, self.n_rows - start)
                values = np.fromfile(file, self.dtype, n * self.dimension)
                yield start, values.reshape(n, self.dimension)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
