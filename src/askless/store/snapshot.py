"""An estimate as a file beside its log: derived data, kept only so that reopening need not compute it again."""

import os
from glob import escape as glob_escape
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from askless.types import Confusion, Estimate, FloatArray


def save_estimate(log_path: Path, position: int, estimate: Estimate) -> None:
    """Writes the estimate of the refresh at log position `position`; whole or not at all."""
    final = _file(log_path, position)
    temporary = final.with_suffix(".tmp")
    with temporary.open("wb") as file:
        arrays: dict[str, Any] = {
            "posterior": estimate.posterior,
            "annotator": estimate.confusion.annotator,
            "label": estimate.confusion.label,
            "counts": estimate.confusion.counts,
            "n_annotators": estimate.confusion.n_annotators,
            "class_prior": estimate.class_prior,
            "scalars": np.array([estimate.machine_loss, estimate.objective]),
            "upto": estimate.upto,
        }
        if estimate.machine is not None:
            arrays["machine"] = estimate.machine
        if estimate.confusion.odds is not None:
            arrays |= {"odds": estimate.confusion.odds, "prior_counts": estimate.confusion.prior_counts}
        _write_npz(file, arrays)
    os.replace(temporary, final)


def _write_npz(file: BinaryIO, arrays: dict[str, Any]) -> None:
    """As `np.savez`, without its copy of every array on the way: two thirds of the time."""
    with ZipFile(file, "w") as archive:
        for name, values in arrays.items():
            array = np.asarray(values, order="C")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array_header_1_0(entry, np.lib.format.header_data_from_array_1_0(array))
                entry.write(array.data)


def load_estimate(log_path: Path, position: int, prior_counts: FloatArray) -> Estimate | None:
    """The estimate of the refresh at `position`, or none if its file is missing or damaged."""
    try:
        with _file(log_path, position).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            confusion = Confusion(
                stored.get("prior_counts", prior_counts),
                stored["annotator"],
                stored["label"],
                stored["counts"],
                int(stored["n_annotators"]),
                stored.get("odds"),
            )
            machine_loss, objective = stored["scalars"].tolist()
            machine = stored.get("machine")
            return Estimate(
                stored["posterior"],
                confusion,
                stored["class_prior"],
                machine,
                machine_loss,
                objective,
                int(stored["upto"]),
            )
    except Exception:  # a damaged .npz fails in a dozen ways, and all that it holds can be computed again
        return None


def remove_older_estimates(log_path: Path, position: int) -> None:
    """Removes the files of refreshes before `position`; a later one may be in the making by another process."""
    for file in log_path.parent.glob(f"{glob_escape(log_path.name)}.estimate-*"):
        number = file.stem.rpartition("-")[2]
        if number.isdecimal() and int(number) < position:
            file.unlink(missing_ok=True)


def _file(log_path: Path, position: int) -> Path:
    return log_path.with_name(f"{log_path.name}.estimate-{position}.npz")
