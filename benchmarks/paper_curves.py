"""Every preset beside the paper's published code: accuracy against annotations per item, on synthetic features.

    python benchmarks/paper_curves.py [--seeds 123,1123,2123] [--sets dogs,classes100] [--crowds structured,uniform]
        [--samplers random,greedy] [--methods lean,...] [--jobs N] [--out runs/paper_curves]

The reference curves are `seed_curves.csv` (in $ASKLESS_SHARED/data/seed_curves; default ../shared): the paper's code,
seed 123, and for four curves also 1123. The same recipe of features (`simulate/synthetic.py`), the same people, the
same batches and caps: 300 dogs of 19 classes, 10 batches of 40 a round, or 100 images of 100 classes, 20 batches;
greedy with at most 460 or 400 annotations per annotator; methods with a learner cut at 2.6 annotations per item.
`sampler.fill_batches=true`, because the paper's code lowers its threshold when few risky items are left.

A finished run is a small CSV in --out and is not run again; delete the folder to measure anew.
"""

import argparse
import csv
import os
import platform
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from askless.config import compose
from askless.simulate.experiment import Row
from askless.simulate.run import simulate

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[2] / "shared")) / "data"
SETS = {
    "dogs": ["experiment=imagenet_split_0", "n_data_per_class=300", "n_batches=10"],
    "classes100": ["experiment=imagenet_100_classes", "n_data_per_class=100", "n_batches=20"],
}
N_ITEMS = {"dogs": 5700, "classes100": 10_000}
CAP = {"dogs": 460, "classes100": 400}
CUT = 2.6
METHODS = ("majority_vote", "ds_model", "lean", "improved_lean", "efficient_annotation")
WITHOUT_LEARNER = ("majority_vote", "ds_model")
BUDGETS = (0.5, 1.0, 1.5, 2.0)
COLUMNS = {
    "annotations_per_item": "annotations_per_item",
    "accuracy": "posterior_all_top1",
    "ece": "posterior_all_ece",
    "finished_share": "finished_share",
    "finished_accuracy": "finished_accuracy",
    "machine_accuracy": "machine_all_top1",
}
TOLERANCE = 0.015

THEIR_SET = {"dogs": "dog19x300", "classes100": "img100x100"}
THEIR_SAMPLER = {"random": "random", "greedy": "greedy_task_assignment"}
THEIR_METHOD = {method: method for method in METHODS} | {"majority_vote": "mv3"}


class Case(NamedTuple):
    """What is held equal between methods and between the two codes."""

    data: str
    crowd: str
    sampler: str


class Curve(NamedTuple):
    """Accuracy (n,) at annotations per item (n,), rising."""

    cost: np.ndarray
    accuracy: np.ndarray

    def at(self, budgets: Iterable[float]) -> np.ndarray:
        """Interpolated between rounds; after the end, what it ended with."""
        return np.interp(list(budgets), self.cost, self.accuracy)


def settings(case: Case, method: str, seed: int) -> list[str]:
    cap = CAP[case.data] if case.sampler == "greedy" else "none"
    budget = "none" if method in WITHOUT_LEARNER else round(CUT * N_ITEMS[case.data])
    return [
        *SETS[case.data],
        "features=synthetic",
        f"simulation=amt_{case.crowd}_noise",
        f"learner_method={method}",
        f"seed={seed}",
        f"sampler.algo={THEIR_SAMPLER[case.sampler]}",
        f"sampler.max_per_annotator={cap}",
        f"budget={budget}",
        "batch_size=40",
        "sampler.fill_batches=true",
    ]


def file_of(folder: Path, case: Case, method: str, seed: int) -> Path:
    return folder / f"{'-'.join(case)}-{method}-{seed}.csv"


def run(folder: Path, case: Case, method: str, seed: int) -> Path:
    """Simulates in memory; the file appears when the run has come to its end."""
    rows: list[Row] = []
    amt = f"crowd.amt_folder={SHARED / 'amt_imagenet100'}"
    simulate(compose([*settings(case, method, seed), amt]), on_round=rows.append)
    file = file_of(folder, case, method, seed)
    temporary = file.with_suffix(f".{os.getpid()}")
    with temporary.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([row[key] for key in COLUMNS.values()] for row in rows)
    temporary.replace(file)
    return file


def read_ours(file: Path) -> Curve:
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return _curve(rows)


def read_reference() -> dict[tuple[Case, str], list[Curve]]:
    """The curves of every seed there is, by case and our name of the method."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    with (SHARED / "seed_curves" / "seed_curves.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            key = tuple(row[name] for name in ("dataset", "simulation", "sampler", "method", "seed"))
            found.setdefault(key, []).append(row)
    curves: dict[tuple[Case, str], list[Curve]] = {}
    for case, method in product(all_cases(), METHODS):
        theirs = (THEIR_SET[case.data], f"{case.crowd}_noise", THEIR_SAMPLER[case.sampler], THEIR_METHOD[method])
        curves[case, method] = [_curve(rows) for key, rows in found.items() if key[:4] == theirs]
    return curves


def all_cases() -> list[Case]:
    return [Case(*parts) for parts in product(SETS, ("structured", "uniform"), ("random", "greedy"))]


def print_case(case: Case, curves: dict[str, list[Curve]], reference: dict[str, list[Curve]]) -> None:
    print(f"\n{case.data}, {case.crowd} noise, {case.sampler}")
    print(f"{'':21}{'':6}" + "".join(f"{budget:>21}" for budget in BUDGETS) + "   worst mean  worst band")
    for method, ours in curves.items():
        print(f"{method:21}{'ours':6}" + "".join(f"{_spread(ours, budget):>21}" for budget in BUDGETS), end="")
        theirs = reference[method]
        if not theirs:
            print("   (no reference)")
            continue
        grid = max((curve.cost for curve in theirs), key=len)
        own, other = (np.array([curve.at(grid) for curve in group]) for group in (ours, theirs))
        mean, band = own.mean(axis=0) - other.mean(axis=0), own.max(axis=0) - other.min(axis=0)
        verdict = "" if band.min() >= -TOLERANCE else "  BELOW"
        print(f"   {_worst(mean, grid)}  {_worst(band, grid)}{verdict}")
        print(f"{'':21}{'paper':6}" + "".join(f"{_spread(theirs, budget):>21}" for budget in BUDGETS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="123,1123,2123")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--crowds", default="structured,uniform")
    parser.add_argument("--samplers", default="random,greedy")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("runs/paper_curves"))
    arguments = parser.parse_args()
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    choices = (getattr(arguments, name).split(",") for name in ("sets", "crowds", "samplers"))
    cases = [Case(*parts) for parts in product(*choices)]
    methods = arguments.methods.split(",")
    seeds = [int(seed) for seed in arguments.seeds.split(",")]

    tasks = [(case, method, seed) for seed, case, method in product(seeds, cases, methods)]
    missing = [task for task in tasks if not file_of(folder, *task).exists()]
    with ProcessPoolExecutor(arguments.jobs, initializer=threadpool_limits, initargs=(1, "blas")) as pool:
        for done in as_completed([pool.submit(run, folder, *task) for task in missing]):
            print(f"finished {done.result().stem}", flush=True)

    print(f"\nseeds {seeds}, {platform.machine()}, {os.cpu_count()} cores")
    print("accuracy at annotations per item: mean (min..max) over seeds, held once a method has stopped; along the")
    print(
        "paper's whole curve, the worst of: mean of ours - mean of theirs; highest of ours - lowest of theirs (points)"
    )
    reference = read_reference()
    for case in cases:
        ours = {method: [read_ours(file_of(folder, case, method, seed)) for seed in seeds] for method in methods}
        print_case(case, ours, {method: reference[case, method] for method in methods})


def _curve(rows: list[dict[str, str]]) -> Curve:
    return Curve(*(np.array([float(row[name]) for row in rows]) for name in ("annotations_per_item", "accuracy")))


def _spread(curves: list[Curve], budget: float) -> str:
    values = [curve.at([budget])[0] for curve in curves]
    band = f" ({min(values):.3f}..{max(values):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{band}"


def _worst(difference: np.ndarray, grid: np.ndarray) -> str:
    return f"{100 * difference.min():+5.1f}@{grid[difference.argmin()]:.2f}"


if __name__ == "__main__":
    main()
