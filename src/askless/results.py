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
class Refresh:
    """What one inference came to, in plain numbers: it can be sent to another process and is kept in the log.

    Args:
        upto: log position of the last entry that it has looked at.
        previous: log position of the refresh that it builds on; 0 for none.
        n_annotations: labels that it has looked at.
        n_changes: until then, see `Ledger`.
        open: number of open items.
        confident: of items below the risk.
        exhausted: of risky items with all their labels.
        risk: mean over the items to label.
        digest: of its labels and risks.
        stuck: risk, summed over the items that nobody but an auditor may be asked about any more.
    """

    upto: int
    previous: int
    n_annotations: int
    n_changes: int
    open: int
    confident: int
    exhausted: int
    risk: float
    digest: str
    stuck: float = 0.0


@dataclass(frozen=True)
class Promise:
    """How right the set shall be, and how right it has been shown to be by the latest audit.

    Args:
        target_accuracy, confidence: as set.
        low, high: accuracy of all labels as they were audited, those that auditors gave included; together they are
            right with a chance of `confidence`. 0 and 1 before the first audit.
        n_audited: items that auditors have labelled or skipped.
        n_audits: how many were begun.
        is_auditing: one is under way; only auditors are asked, and labels stay as they are.
    """

    target_accuracy: float
    confidence: float
    low: float
    high: float
    n_audited: int
    n_audits: int
    is_auditing: bool


@dataclass(frozen=True)
class Status:
    """Where a campaign stands after its last refresh.

    Args:
        n_items: items to label, that is without prototypes; the sum of open, confident, exhausted and broken ones.
        n_annotations: labels so far that count.
        n_new: changes since the last refresh: of what people say, and of settings and bans.
        n_promised: items in batches that are out.
        mean_risk: over the items to label.
        stopped: why the campaign is over, or none.
        is_paused: nothing is handed out for now.
        promise: of the accuracy of the set; none if there is none.
        n_askable: labels that open items can still get before each has `max_per_item`.
    """

    n_items: int
    n_annotations: int
    n_new: int
    n_promised: int
    n_open: int
    n_confident: int
    n_exhausted: int
    n_broken: int
    mean_risk: float
    stopped: str | None
    is_paused: bool
    promise: Promise | None = None
    n_askable: int = 0


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
