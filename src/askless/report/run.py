"""A run folder as `askless simulate` leaves it: read once, checked once, trusted afterwards."""

import csv
import json
import math
import tomllib
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from askless.errors import DataError
from askless.types import Float32Array, FloatArray, IntArray

REMEDY = "run `askless simulate` to its end, or resume it"
CURVES = (
    "annotations_per_item",
    "finished_share",
    "posterior_all_top1",
    "posterior_all_ece",
    "machine_all_top1",
)
OF_PROMISE = ("accuracy_low", "accuracy_high")

MOST_SETTINGS_IN_NAME = 3

Content = TypeVar("Content")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the run believed at its end, beside the truth; E items were evaluated.

    Args:
        classes: K names.
        truth: (E,) class indices.
        posterior: (E, K), rows sum to 1.
        machine: (E, K), what the learner alone says; none without a learner.
        n_annotations: (E,) annotations of each item.
        annotator: J names.
        annotator_count: (J,) annotations each one gave.
        skill_true, skill_estimated: (J,).
        confusion_true, confusion_estimated: (K, K), averaged over annotators; row = truth, rows sum to 1.
    """

    classes: tuple[str, ...]
    truth: IntArray
    posterior: Float32Array
    machine: Float32Array | None
    n_annotations: IntArray
    annotator: tuple[str, ...]
    annotator_count: IntArray
    skill_true: FloatArray
    skill_estimated: FloatArray
    confusion_true: FloatArray
    confusion_estimated: FloatArray

    @cached_property
    def outcome_counts(self) -> IntArray:
        """(K, K): how many items of each class (row) ended with each label (column)."""
        K = len(self.classes)
        label = self.posterior.argmax(axis=1)
        return np.bincount(self.truth * K + label, minlength=K * K).reshape(K, K)

    @cached_property
    def outcome(self) -> FloatArray:
        """(K, K): `outcome_counts` as shares of each row; NaN for classes without items."""
        totals = self.outcome_counts.sum(axis=1, keepdims=True)
        return np.where(totals > 0, self.outcome_counts / np.maximum(totals, 1), np.nan)


@dataclass(frozen=True)
class RiskyItem:
    """One of the items whose label is least certain; `image` is a `data:` URI, a path, or nothing."""

    item: str
    image: str | None
    truth: str | None
    label: str | None
    probability: float | None
    annotations: int
    votes: tuple[tuple[str, int], ...]

    @property
    def is_right(self) -> bool | None:
        return None if self.truth is None else self.label == self.truth


@dataclass(frozen=True, eq=False)
class Run:
    """One simulated labelling run.

    Args:
        folder: where it lies.
        name: what tells it from the other runs on the page.
        summary: the numbers of `summary.json`; any may be none.
        settings: `config.toml`, flat, as text.
        curves: the columns `CURVES` of `metrics.csv`, one number a round, NaN where undefined; `OF_PROMISE` if it has
            them.
        statuses: how many items ended with each status.
        riskiest: the riskiest first.

    `evaluation`, which is as large as the posterior, is read when first used.
    """

    folder: Path
    name: str
    summary: Mapping[str, Any]
    settings: Mapping[str, str]
    curves: Mapping[str, FloatArray]
    statuses: Mapping[str, int]
    riskiest: tuple[RiskyItem, ...]

    @cached_property
    def evaluation(self) -> Evaluation:
        return _read(self.folder / "evaluation.npz", _read_evaluation)

    def number(self, key: str) -> float | None:
        return _number(self.summary.get(key))

    def text(self, key: str) -> str:
        value = self.summary.get(key)
        return "unknown" if value is None else str(value)

    @property
    def reached(self) -> dict[str, float | None]:
        """Annotations per item at which the accuracy first reached a level; none if it never did."""
        levels = self.summary.get("reached")
        return {str(level): _number(cost) for level, cost in levels.items()} if isinstance(levels, dict) else {}

    @property
    def versions(self) -> dict[str, str]:
        versions = self.summary.get("versions")
        return {str(name): str(value) for name, value in versions.items()} if isinstance(versions, dict) else {}


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """All runs, named by what differs between them.

    Raises:
        DataError: no folder is given, or one is missing, incomplete or unreadable.
    """
    if not folders:
        raise DataError("There is no run to report on; name at least one run folder.")
    runs = [_read_run(Path(folder)) for folder in folders]
    return [replace(run, name=name) for run, name in zip(runs, name_apart(runs), strict=True)]


def _read_run(folder: Path) -> Run:
    if not folder.is_dir():
        raise DataError(f"There is no run folder {folder}; {REMEDY}.")
    return Run(
        folder=folder,
        name=folder.name,
        settings=_read(folder / "config.toml", _read_settings),
        summary=_read(folder / "summary.json", _read_summary),
        curves=_read(folder / "metrics.csv", _read_curves),
        statuses=_read(folder / "labels.csv", _read_statuses),
        riskiest=_read(folder / "riskiest.json", _read_riskiest),
    )


def _read(file: Path, reader: Callable[[Path], Content]) -> Content:
    if not file.is_file():
        raise DataError(f"The run folder {file.parent} lacks {file.name}; {REMEDY}.")
    try:
        return reader(file)
    except KeyError as error:
        raise DataError(f"The file {file} lacks {error.args[0]!r}; {REMEDY}.") from error
    except (OSError, ValueError, TypeError, EOFError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataError(f"The file {file} cannot be read ({reason}); {REMEDY}.") from error


def _read_settings(file: Path) -> dict[str, str]:
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, str(value).lower() if isinstance(value, bool) else str(value)


def _read_summary(file: Path) -> dict[str, Any]:
    summary = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(summary, dict):
        raise ValueError("not one JSON object")
    return summary


def _read_curves(file: Path) -> dict[str, FloatArray]:
    rows = list(_rows(file))
    if not rows:
        raise ValueError("it holds no round")
    names = [*CURVES, *(name for name in OF_PROMISE if name in rows[0])]
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def _read_statuses(file: Path) -> Counter[str]:
    return Counter(row["status"] for row in _rows(file))


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=1):
            if None in row or None in row.values():
                raise ValueError(f"row {number} has a wrong number of cells")
            yield row


def _read_evaluation(file: Path) -> Evaluation:
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        found = Evaluation(
            classes=tuple(arrays["classes"].astype(str).tolist()),
            truth=arrays["truth"].astype(np.int64),
            posterior=arrays["posterior"].astype(np.float32, copy=False),
            machine=arrays["machine"].astype(np.float32, copy=False) if "machine" in arrays else None,
            n_annotations=arrays["n_annotations"].astype(np.int64),
            annotator=tuple(arrays["annotator"].astype(str).tolist()),
            annotator_count=arrays["annotator_count"].astype(np.int64),
            skill_true=arrays["skill_true"].astype(np.float64),
            skill_estimated=arrays["skill_estimated"].astype(np.float64),
            confusion_true=arrays["confusion_true"].astype(np.float64),
            confusion_estimated=arrays["confusion_estimated"].astype(np.float64),
        )
    E, K, J = len(found.truth), len(found.classes), len(found.annotator)
    shapes = {
        "posterior": (E, K),
        "n_annotations": (E,),
        "annotator_count": (J,),
        "skill_true": (J,),
        "skill_estimated": (J,),
        "confusion_true": (K, K),
        "confusion_estimated": (K, K),
    }
    for name, shape in shapes.items() | ({"machine": (E, K)}.items() if found.machine is not None else ()):
        if getattr(found, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(found, name).shape}, needed is {shape}")
    if E and not 0 <= found.truth.min() <= found.truth.max() < K:
        raise ValueError(f"truth holds a class outside 0 to {K - 1}")
    return found


def _read_riskiest(file: Path) -> tuple[RiskyItem, ...]:
    return tuple(
        RiskyItem(
            item=str(entry["item"]),
            image=None if entry["image"] is None else str(entry["image"]),
            truth=None if entry["truth"] is None else str(entry["truth"]),
            label=None if entry["label"] is None else str(entry["label"]),
            probability=_number(entry["probability"]),
            annotations=int(entry["annotations"]),
            votes=tuple(sorted(((str(name), int(n)) for name, n in entry["votes"].items()), key=lambda v: -v[1])),
        )
        for entry in json.loads(file.read_text(encoding="utf-8"))
    )


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]


def name_apart(runs: Sequence[Run], *, is_seed_told: bool = True) -> list[str]:
    """Method, seed, dataset and simulation, as far as they differ; where these are equal, settings or folder too."""
    keys = ["method", *(["seed"] if is_seed_told else []), "dataset", "simulation"]
    keys = [key for key in keys if len({run.text(key) for run in runs}) > 1]
    parts = [[f"seed {run.text(key)}" if key == "seed" else run.text(key) for key in keys] for run in runs]
    names = [" · ".join(part) or run.text("method") for part, run in zip(parts, runs, strict=True)]
    for endings in (
        _differing_settings(runs, names),
        [run.folder.name for run in runs],
        [str(i) for i in range(1, len(runs) + 1)],
    ):
        count = Counter(names)
        names = [
            f"{name} · {ending}" if count[name] > 1 and ending else name
            for name, ending in zip(names, endings, strict=True)
        ]
    return names


def _differing_settings(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """The settings, but for the seed, by which each run differs from its namesakes; empty if they are too many."""
    endings = []
    for run, name in zip(runs, names, strict=True):
        namesakes = [other.settings for other, other_name in zip(runs, names, strict=True) if other_name == name]
        keys = sorted({key for settings in namesakes for key in settings} - {"seed"})
        keys = [key for key in keys if len({settings.get(key) for settings in namesakes}) > 1]
        told = " · ".join(f"{key}={run.settings.get(key, 'none')}" for key in keys)
        endings.append(told if len(keys) <= MOST_SETTINGS_IN_NAME else "")
    return endings
