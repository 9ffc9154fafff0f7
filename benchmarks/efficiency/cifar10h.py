"""Accuracy against annotations per item: the paper's method beside majority vote and online Dawid-Skene.

    python benchmarks/efficiency/cifar10h.py [--seeds 0,1,2] [--max-per-item 3] [--jobs 2]

Data: ../shared/data/cifar10h (10,000 images as EfficientNet-Lite0 features, 100 of them prototypes), reduced to 256
components. Crowd: structured_noise, 50 annotators, mean skill 0.7, spread 0.1. Every method sees the same items,
prototypes and people, and an annotator gives the same answer to the same item whatever the method.
"""

import argparse
import os
import platform
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

from askless.config import compose
from askless.simulate.experiment import Row
from askless.simulate.run import simulate

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
SETTINGS = ["simulation=structured_noise", "crowd.skill=0.7", "n_components=256", "batch_size=40", "n_batches=20"]
METHODS = ("majority_vote", "ds_model", "efficient_annotation")
BUDGETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


def run(method: str, seed: int, max_per_item: int) -> list[Row]:
    rows: list[Row] = []
    own = [f"dataset={SHARED / 'cifar10h'}", f"learner_method={method}", f"seed={seed}"]
    simulate(compose([*own, f"sampler.max_per_item={max_per_item}", *SETTINGS]), on_round=rows.append)
    return rows


def accuracy_at(rows: Iterable[Row], budget: float) -> float:
    """Interpolated between rounds; after a method has stopped, what it ended with."""
    points = [(row["annotations_per_item"], row["posterior_all_top1"]) for row in rows]
    return float(np.interp(budget, *zip(*points, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--max-per-item", type=int, default=3, help="most annotations per item, the same for all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if not (SHARED / "cifar10h").is_dir():
        print(f"Left out: there is no cifar10h in {SHARED}; see benchmarks/README.md.")
        return
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    tasks = list(product(METHODS, seeds))
    caps = [arguments.max_per_item] * len(tasks)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        rows = dict(zip(tasks, pool.map(run, *zip(*tasks, strict=True), caps), strict=True))

    print(
        f"cifar10h, structured_noise at skill 0.7, at most {arguments.max_per_item} annotations per item, "
        f"seeds {seeds}, {platform.machine()}, {os.cpu_count()} cores"
    )
    print("median accuracy over seeds at a budget of annotations per item (kept once a method has stopped)\n")
    print(f"{'':22}" + "".join(f"{budget:>8}" for budget in BUDGETS))
    curves = {
        method: np.array([[accuracy_at(rows[method, seed], budget) for budget in BUDGETS] for seed in seeds])
        for method in METHODS
    }
    for method, curve in curves.items():
        print(f"{method:22}" + "".join(f"{value:8.3f}" for value in np.median(curve, axis=0)))
    for rival in ("majority_vote", "ds_model"):
        lead = (curves["efficient_annotation"] - curves[rival]).min(axis=0)
        print(f"{'lead on ' + rival:22}" + "".join(f"{value:+8.3f}" for value in lead) + "   (worst seed)")
    for method in METHODS:
        stops = [rows[method, seed][-1] for seed in seeds]
        ends = ", ".join(f"{row['posterior_all_top1']:.3f} at {row['annotations_per_item']:.2f}" for row in stops)
        print(f"{method} ended with {ends}")


if __name__ == "__main__":
    main()
