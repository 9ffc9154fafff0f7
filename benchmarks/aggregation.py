"""`askless aggregate` beside crowd-kit, on real crowds and on a million rows.

    python benchmarks/aggregation.py [--crowdkit PYTHON] [--sensitivity] [--skip-real]

PYTHON is an interpreter that has crowd-kit and pyarrow (also by the environment variable CROWDKIT_PYTHON), kept apart
because crowd-kit brings its own pins; without it, its columns stay empty. The tables are Parquet: askless needs its
extra [parquet]. Of annotations repeated by one annotator on one item the last one counts, for both tools; majority
votes differ where they tie: here the first class wins. `--sensitivity` prints what other priors would give, on
simulated crowds (whose plateau the default is the middle of) and on the real ones.
"""

import argparse
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from askless.data.table import AnnotationTable, read_annotations, read_truth
from askless.estimators import METHODS, UNTIL_CONVERGED, DawidSkene
from askless.metrics import score
from askless.settings import PriorSettings
from askless.types import Annotations

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[2] / "shared")) / "data"
SETS = ["crowd/dog", "crowd/music_genre", "crowd/rte", "crowd/weather_sentiment", "crowd/product", "cifar10s"]
TOLERANCE = 0.005

RIVAL = """
import json, sys, time
import pandas
from crowdkit.aggregation import DawidSkene, MajorityVote

results = []
for folder in sys.argv[1:]:
    table = pandas.read_parquet(folder + "/annotations.parquet")
    table = table.rename(columns={"item": "task"}).drop_duplicates(["task", "worker"], keep="last")
    truth = pandas.read_parquet(folder + "/truth.parquet").set_index("item")["label"]
    row = {}
    for name, method in (("majority_vote", MajorityVote()), ("dawid_skene", DawidSkene(n_iter=100))):
        start = time.perf_counter()
        labels = method.fit_predict(table[["task", "worker", "label"]])
        row[name + "_seconds"] = time.perf_counter() - start
        both = truth.index.intersection(labels.index)
        row[name] = float((labels[both] == truth[both]).mean())
    results.append(row)
print(json.dumps(results))
"""

SIMULATED: dict[str, dict[str, Any]] = {
    "thin": {"n_items": 2000, "n_annotators": 2500, "n_classes": 10, "per_item": 5, "skill": 0.7},
    "thin, 4 classes": {"n_items": 1000, "n_annotators": 500, "n_classes": 4, "per_item": 3, "skill": 0.65},
    "thin, skewed": {"n_items": 2000, "n_annotators": 1000, "n_classes": 5, "per_item": 3, "skill": 0.7, "skew": 0.5},
    "skewed": {"n_items": 2000, "n_annotators": 100, "n_classes": 3, "per_item": 3, "skill": 0.75, "skew": 0.5},
    "100 classes": {"n_items": 2000, "n_annotators": 50, "n_classes": 100, "per_item": 5, "skill": 0.7},
    "50 people": {"n_items": 2000, "n_annotators": 50, "n_classes": 10, "per_item": 4, "skill": 0.6},
    "binary": {"n_items": 2000, "n_annotators": 200, "n_classes": 2, "per_item": 3, "skill": 0.7},
    "binary, skewed": {"n_items": 3000, "n_annotators": 200, "n_classes": 2, "per_item": 3, "skill": 0.8, "skew": 0.3},
}
SEEDS = range(3)


def real_tables(crowdkit: str | None) -> bool:
    """Prints the comparison; whether Dawid-Skene is nowhere behind crowd-kit's by more than the tolerance."""
    rivals: list[dict[str, float]] = [{} for _ in SETS]
    if crowdkit:
        folders = [str(SHARED / name) for name in SETS]
        run = subprocess.run([crowdkit, "-c", RIVAL, *folders], capture_output=True, text=True, check=True)
        rivals = json.loads(run.stdout.splitlines()[-1])
    print("| accuracy (seconds) | " + " | ".join(METHODS) + " | crowd-kit MajorityVote | crowd-kit DawidSkene |")
    print("|" + " --- |" * (len(METHODS) + 3))
    is_good = True
    for name, rival in zip(SETS, rivals, strict=True):
        table = read_annotations(SHARED / name / "annotations.parquet")
        truth = read_truth(SHARED / name / "truth.parquet")
        cells, accuracy = [], 0.0
        for method in METHODS.values():
            start = time.perf_counter()
            fitted = method().fit(table)
            seconds = time.perf_counter() - start
            accuracy = accuracy_of(fitted.labels_, table, truth)  # dawid_skene comes last
            cells.append(f"{accuracy:.4f} ({seconds:.2f})")
        for method in ("majority_vote", "dawid_skene"):
            cells.append(f"{rival[method]:.4f} ({rival[method + '_seconds']:.2f})" if rival else "-")
        is_good &= not rival or accuracy >= rival["dawid_skene"] - TOLERANCE
        print(f"| {name.removeprefix('crowd/')} | " + " | ".join(cells) + " |")
    return is_good


def accuracy_of(labels: tuple[Any, ...], table: AnnotationTable, truth: dict[str, str]) -> float:
    found = dict(zip(map(str, table.items), map(str, labels), strict=True))
    return score(found, {str(name) for name in table.classes}, truth).accuracy or 0.0


def simulated(
    seed: int, n_items: int, n_annotators: int, n_classes: int, per_item: int, skill: float, skew: float | None = None
) -> tuple[AnnotationTable, dict[str, str]]:
    """Annotators right with a chance of their own (normal, sd 0.15), wrong evenly; class shares Dirichlet(skew)."""
    rng = np.random.default_rng(seed)
    shares = np.full(n_classes, 1 / n_classes) if skew is None else rng.dirichlet(np.full(n_classes, skew))
    truth = rng.choice(n_classes, n_items, p=shares)
    skills = np.clip(rng.normal(skill, 0.15, n_annotators), 0.05, 0.99)
    item = np.repeat(np.arange(n_items), per_item)
    first, step = rng.integers(n_annotators, size=(2, n_items))
    annotator = (first[:, None] + np.arange(per_item) * (1 + step[:, None] % (n_annotators // per_item - 1))).ravel()
    annotator %= n_annotators
    wrong = (truth[item] + rng.integers(1, n_classes, len(item))) % n_classes
    label = np.where(rng.random(len(item)) < skills[annotator], truth[item], wrong)
    annotations = Annotations(item, annotator, label, n_items, n_annotators, n_classes)
    names = (tuple(range(size)) for size in (n_items, n_annotators, n_classes))
    return AnnotationTable(annotations, *names, 0), {str(i): str(y) for i, y in enumerate(truth)}


def sensitivity() -> None:
    """Accuracy of Dawid-Skene under other priors than the default (strength 2, learned class frequencies from 1)."""
    real = [
        [(read_annotations(SHARED / name / "annotations.parquet"), read_truth(SHARED / name / "truth.parquet"))]
        for name in SETS
    ]
    made = [[simulated(seed, **problem) for seed in SEEDS] for problem in SIMULATED.values()]
    names = [*SIMULATED, *(name.removeprefix("crowd/") for name in SETS)]
    print("\n| strength, class_prior_count | " + " | ".join(names) + " | mean simulated | mean real |")
    print("|" + " --- |" * (len(names) + 3))
    for count in (None, 0.1, 1.0, 10.0):
        for strength in (0.2, 0.5, 1.0, 2.0, 4.0, 10.0) if count in (None, 1.0) else (2.0,):
            settings = UNTIL_CONVERGED.model_copy(update={"class_prior_count": count})
            method = DawidSkene(settings, PriorSettings(strength=strength))
            row = [mean(accuracy_of(method.fit(table).labels_, table, truth) for table, truth in problem)
                   for problem in made + real]  # fmt: skip
            of_made, of_real = mean(row[: len(made)]), mean(row[len(made) :])
            cells = " | ".join(f"{value:.4f}" for value in [*row, of_made, of_real])
            print(f"| {strength}, {'uniform' if count is None else count} | {cells} |", flush=True)


def million_rows() -> None:
    """The whole command on a CSV of 50,000 items with 20 labels each by 500 annotators in 10 classes."""
    table, _ = simulated(0, n_items=50_000, n_annotators=500, n_classes=10, per_item=20, skill=0.3)
    columns = (table.annotations.item, table.annotations.annotator, table.annotations.label)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["task", "worker", "label"])
            rows = zip(*(column.tolist() for column in columns), strict=True)
            writer.writerows((f"image-{i:06d}.jpg", f"worker-{j}", f"class-{y}") for i, j, y in rows)
        print(f"\n1,000,000 rows ({path.stat().st_size / 1e6:.0f} MB of CSV): the whole command")
        for method in METHODS:
            arguments = ["aggregate", str(path), "--method", method, "-o", str(path.with_name("labels.csv")), "--json"]
            code = f"import sys; sys.argv[1:] = {arguments!r}; from askless.cli import main; main()"
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            summary = json.loads(run.stdout)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds = time.perf_counter() - start
            print(f"{method:14} {seconds:5.1f} s, {cpu:5.1f} s of CPU, {summary['iterations']} iterations")
        print(f"most memory of any: {after.ru_maxrss / 1024:.0f} MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crowdkit", default=os.environ.get("CROWDKIT_PYTHON"), metavar="PYTHON")
    parser.add_argument("--sensitivity", action="store_true")
    parser.add_argument("--skip-real", action="store_true", help="only the million rows")
    chosen = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}\n")
    is_good = chosen.skip_real or real_tables(chosen.crowdkit)
    if chosen.sensitivity:
        sensitivity()
    million_rows()
    if not is_good:
        print(f"dawid_skene is more than {TOLERANCE} behind crowd-kit's on some set", file=sys.stderr)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
