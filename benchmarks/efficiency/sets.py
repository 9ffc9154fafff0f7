"""The sets that methods are compared on, and the methods; one run, kept as a small table."""

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from askless.config import compose
from askless.settings import SimulationConfig
from askless.simulate.experiment import Row
from askless.simulate.run import simulate
from askless.simulate.sources import Source, load

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
AMT = f"simulation=amt_structured_noise crowd.amt_folder={SHARED / 'amt_imagenet100'}"
SYNTHETIC = f"features=synthetic n_data_per_class=200 {AMT}"
CIFAR10H, CIFAR10N, CIFAR10S = (SHARED / name for name in ("cifar10h", "cifar10n", "cifar10s"))
REAL = "n_data_per_class=300 n_components=256 simulation=replay"
COUNTS = f"dataset={CIFAR10H} {REAL} crowd.recorded={CIFAR10H / 'human_counts.npy'}"
COLUMNS = (
    "annotations_per_item",
    "posterior_all_top1",
    "posterior_all_ece",
    "finished_accuracy",
    "finished_share",
    "seconds",
)


@dataclass(frozen=True)
class Set:
    """Data and crowd.

    Args:
        settings: of a simulation.
        levels: accuracies to reach.
        budget: answers per image at most.
        n_whitened: components kept where features are whitened.
    """

    settings: str
    levels: tuple[float, ...]
    budget: float
    n_whitened: int = 64


SETS = {
    "digits": Set("dataset=digits", (0.90, 0.95, 0.97), 0.6, 32),
    "commodity": Set(f"{SYNTHETIC} experiment=imagenet_split_5", (0.80, 0.90, 0.95), 1.0),
    "dogs": Set(f"{SYNTHETIC} experiment=imagenet_split_0", (0.50, 0.60, 0.70), 1.2),
    "hundred": Set(
        f"features=synthetic n_data_per_class=40 experiment=imagenet_100_classes {AMT}", (0.70, 0.75, 0.80), 1.0
    ),
    "humans": Set(COUNTS, (0.80, 0.90, 0.95), 1.0),
    "noisy": Set(f"{COUNTS} crowd.skill=0.667 crowd.spread=0.178", (0.70, 0.80, 0.85), 1.2),
    "cifar10n": Set(
        f"dataset={CIFAR10N} {REAL} crowd.recorded={CIFAR10N / 'annotations.parquet'}", (0.80, 0.85, 0.90), 1.0
    ),
    "cifar10s": Set(
        f"dataset={CIFAR10H} n_components=256 simulation=replay crowd.recorded={CIFAR10S / 'annotations.parquet'}",
        (0.70, 0.75, 0.80),
        1.2,
    ),
}
WHITENED = "efficient_annotation whitened"
ACTIVE_LAB = "active_lab"
"""ActiveLab chooses what to ask; all else is the method `askless`, so that only the choice differs."""

METHODS = (
    "majority_vote",
    "ds_model",
    "lean",
    "improved_lean",
    "efficient_annotation",
    WHITENED,
    ACTIVE_LAB,
    "askless",
)


@dataclass(frozen=True)
class Run:
    """One campaign.

    Args:
        name: of the set.
        method: one of `METHODS`, or any settings.
        n_annotators: how many people.
        n_prototypes: known images of each class.
        seed: of everything.
    """

    name: str
    method: str
    n_annotators: int
    n_prototypes: int
    seed: int

    @property
    def settings(self) -> list[str]:
        method = self.method if "=" in self.method else f"learner_method={self.method}"
        if self.method == ACTIVE_LAB:
            method = "learner_method=askless sampler.algo=active_lab"
        if self.method == WHITENED:
            method = f"learner_method=efficient_annotation whiten=true n_components={SETS[self.name].n_whitened}"
        if not self.n_prototypes and self.method in ("improved_lean", "efficient_annotation", WHITENED):
            method += " learner.calibrate=cv_3 learner.prototype_as_val=false"
        own = f"crowd.n_annotators={self.n_annotators} n_prototypes_per_class={self.n_prototypes} seed={self.seed}"
        return [*SETS[self.name].settings.split(), *own.split(), *method.split()]

    def file(self, folder: Path) -> Path:
        """Where its table is; the same settings in the same place."""
        settings = [setting.replace(str(SHARED), "") for setting in self.settings]
        code = blake2b(json.dumps([settings, SETS[self.name].budget]).encode(), digest_size=6).hexdigest()
        return folder / f"{self.name}-{self.n_annotators}-{self.n_prototypes}-{self.seed}-{code}.csv"


def config_of(one: Run, source: Source, answers: float) -> SimulationConfig:
    """A refresh after every 4 % of the images, until the method stops or so many answers an image are spent."""
    n_items = source.dataset.n_items - len(source.prototypes)
    batches = [f"batch_size={max(1, round(0.04 * n_items / 5))}", "n_batches=5"]
    return compose([*one.settings, f"budget={round(answers * n_items)}", *batches])


def run(one: Run, folder: Path) -> Path:
    """Leaves the table of its rounds in the folder."""
    with threadpool_limits(1, "blas"):
        rows: list[Row] = []
        simulate(config_of(one, load(compose(one.settings)), SETS[one.name].budget), on_round=rows.append)
    file = one.file(folder)
    unfinished = file.with_suffix(f".{os.getpid()}")
    with unfinished.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    unfinished.rename(file)
    return file


def prototypes_per_item(one: Run) -> float:
    """How many images are known beforehand, for each image to be labelled."""
    source = load(compose(one.settings))
    return len(source.prototypes) / (source.dataset.n_items - len(source.prototypes))


def read(file: Path, given: float = 0.0) -> list[dict[str, float]]:
    """The rows of a run, with so many answers an image before the first."""
    with file.open(newline="") as stream:
        rows = [{key: float(text) if text else np.nan for key, text in row.items()} for row in csv.DictReader(stream)]
    return [row | {"annotations_per_item": row["annotations_per_item"] + given} for row in rows]


def at(rows: Sequence[dict[str, float]], column: str, cost: float) -> float:
    """Between rounds; after a method has stopped, what it ended with."""
    points = [(row["annotations_per_item"], row[column]) for row in rows if not np.isnan(row[column])]
    return float(np.interp(cost, *zip(*points, strict=True))) if points else float("nan")


def cost_of(rows: Sequence[dict[str, float]], level: float) -> float:
    """Answers per image at which the accuracy is first reached, between rounds; infinite if it never is."""
    before = rows[0]
    for row in rows:
        if row["posterior_all_top1"] >= level:
            if row is before:
                return row["annotations_per_item"]
            share = (level - before["posterior_all_top1"]) / (row["posterior_all_top1"] - before["posterior_all_top1"])
            step = row["annotations_per_item"] - before["annotations_per_item"]
            return before["annotations_per_item"] + share * step
        before = row
    return float("inf")
