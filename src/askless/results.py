"""What a campaign gives back: a receipt for answers, its status, its labels."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from askless.types import Dataset, FloatArray, IntArray


@dataclass(frozen=True)
class Receipt:
    """What became of the answers of one `tell`: kept, known already, or refused (the items, whose first answer
    stands)."""

    n_accepted: int
    n_repeated: int
    refused: tuple[int, ...]


@dataclass(frozen=True)
class Status:
    """Where a campaign stands after its last refresh.

    Args:
        n_items: items to label, that is without prototypes; the sum of open, confident and exhausted ones.
        n_annotations: labels so far, `n_new` of them since the last refresh.
        n_promised: items in batches that are out.
        mean_risk: over the items to label.
        stopped: why the campaign is over, or none.
    """

    n_items: int
    n_annotations: int
    n_new: int
    n_promised: int
    n_open: int
    n_confident: int
    n_exhausted: int
    mean_risk: float
    stopped: str | None


@dataclass(frozen=True, eq=False)
class Result:
    """The labels, one row per item in the order of the dataset.

    Args:
        dataset: item ids and class names.
        label: (N,) class index, the most likely one.
        probability: (N,) posterior of that class.
        n_annotations: (N,).
        status: (N,) values of `askless.core.risk.ItemStatus`.
    """

    dataset: Dataset
    label: IntArray
    probability: FloatArray
    n_annotations: IntArray
    status: npt.NDArray[np.str_]

    def to_csv(self, path: str | Path) -> None:
        """Columns item, label (its name), probability, annotations, status; the file is whole or not there."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["item", "label", "probability", "annotations", "status"])
        for i, item in enumerate(self.dataset.items):
            label = self.dataset.classes[self.label[i]]
            writer.writerow([item, label, f"{self.probability[i]:.6f}", self.n_annotations[i], self.status[i]])
        temporary = Path(f"{path}.tmp")
        temporary.write_text(text.getvalue(), encoding="utf-8")
        os.replace(temporary, path)
