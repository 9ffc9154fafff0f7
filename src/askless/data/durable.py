"""Files that are whole or as they were before, also after a kill or a power cut."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def replace_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8 under another name, and renames it when it is on disk; who may read it stays as it was."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as stream:
        if path.exists():
            shutil.copymode(path, temporary)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def write_private(path: Path, text: str) -> None:
    """Writes a file in UTF-8 that only its owner can read, in place of one that is there."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def replace_array(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike, blocks: Iterable[npt.NDArray[Any]]) -> None:
    """Writes a `.npy` file from its rows, block by block, and removes the JSON beside it, which spoke of the old array.

    Whoever writes that JSON anew does so after this: so it never speaks of another array, whenever a kill comes.
    """
    temporary = path.with_suffix(".tmp")
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype).data)
        file.flush()
        os.fsync(file.fileno())
    path.with_suffix(".json").unlink(missing_ok=True)
    temporary.replace(path)
