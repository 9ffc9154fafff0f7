"""`askless` beside the paper's method: answers per image to reach an accuracy, and how honest each is.

    python benchmarks/efficiency/method.py [SET ...] [--seeds 0,1,2] [--budget 1.2] [--set "KEY=VALUE ..."]
        [--method "KEY=VALUE ..."] [--against "KEY=VALUE ..."]

Every run of a set and a seed sees the same images, prototypes and people, who give the same answers. Printed are, as
means over seeds: accuracy and ECE at fixed answers per image, the share of right labels among finished images there,
and, paired by seed, the ratio of answers that the two methods need to reach a level. Refreshes come after every 2 % of
the images. `--method` takes any settings, so that an ablation is one command (docs/explanation/askless-method.md).
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
from threadpoolctl import threadpool_limits

from askless.config import compose
from askless.simulate.experiment import Row
from askless.simulate.run import simulate
from askless.simulate.sources import load

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
AMT = f"simulation=amt_structured_noise crowd.amt_folder={SHARED / 'amt_imagenet100'}"
SYNTHETIC = f"features=synthetic n_data_per_class=100 {AMT}"
CIFAR10H = SHARED / "cifar10h"
COUNTS = (
    f"dataset={CIFAR10H} n_data_per_class=300 n_components=256 "
    f"simulation=replay crowd.recorded={CIFAR10H / 'human_counts.npy'}"
)
SETS = {
    "digits": ("dataset=digits crowd.n_annotators=30", (0.90, 0.95, 0.97)),
    "commodity": (f"{SYNTHETIC} experiment=imagenet_split_5", (0.80, 0.90, 0.95)),
    "dogs": (f"{SYNTHETIC} experiment=imagenet_split_0", (0.50, 0.60, 0.70)),
    "hundred": (
        f"features=synthetic n_data_per_class=40 experiment=imagenet_100_classes {AMT}",
        (0.70, 0.75, 0.80),
    ),
    "humans": (COUNTS, (0.80, 0.90, 0.95)),
    "noisy": (f"{COUNTS} crowd.skill=0.667 crowd.spread=0.178", (0.70, 0.80, 0.85)),
}
POINTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def run(settings: Sequence[str], budget: float) -> list[Row]:
    """A row a round, until the method stops or the answers per image are spent."""
    source = load(compose(settings))
    n_items = source.dataset.n_items - len(source.prototypes)
    own = [f"budget={round(budget * n_items)}", f"batch_size={max(1, round(0.02 * n_items / 5))}", "n_batches=5"]
    rows: list[Row] = []
    simulate(compose([*settings, *own]), on_round=rows.append)
    return rows


def at(rows: list[Row], column: str, cost: float) -> float:
    """Between rounds; after a method has stopped, what it ended with."""
    points = [(row["annotations_per_item"], row[column]) for row in rows if row[column] is not None]
    return float(np.interp(cost, *zip(*points, strict=True))) if points else float("nan")


def cost_of(rows: list[Row], level: float) -> float:
    """Answers per image at which the accuracy is first reached, between rounds; infinite if it never is."""
    before = rows[0]
    for row in rows:
        if row["posterior_all_top1"] >= level:
            if row is before:
                return row["annotations_per_item"]
            low, high = before["posterior_all_top1"], row["posterior_all_top1"]
            share = (level - low) / (high - low)
            return before["annotations_per_item"] + share * (
                row["annotations_per_item"] - before["annotations_per_item"]
            )
        before = row
    return float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"some of {', '.join(SETS)}; all if none")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--budget", type=float, default=1.2, help="answers per image")
    parser.add_argument("--set", default="", help="settings of every run, such as n_prototypes_per_class=3")
    parser.add_argument("--method", default="learner_method=askless", help="settings of the method to judge")
    parser.add_argument("--against", default="learner_method=efficient_annotation", help="of its rival; empty for none")
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - SETS.keys():
        parser.error(f"there is no set {', '.join(sorted(unknown))}; choose some of {', '.join(SETS)}")
    for name in arguments.sets or SETS:
        data, levels = SETS[name]
        costs: dict[str, list[list[float]]] = {}
        for method in filter(None, (arguments.method, arguments.against)):
            settings = [*data.split(), *arguments.set.split(), *method.split()]
            started = time.perf_counter()
            runs = [run([*settings, f"seed={seed}"], arguments.budget) for seed in arguments.seeds.split(",")]
            seconds = time.perf_counter() - started
            costs[method] = [[cost_of(rows, level) for level in levels] for rows in runs]
            print(f"\n{name}: {method}   ({seconds / len(runs):.0f} s a run, {len(runs[0])} refreshes)")
            for column, what in (
                ("posterior_all_top1", "accuracy"),
                ("posterior_all_ece", "ECE"),
                ("finished_accuracy", "finished right"),
                ("finished_share", "finished"),
            ):
                figures = "".join(f"{mean(at(rows, column, cost) for rows in runs):8.3f}" for cost in POINTS)
                print(f"  {what:16}{figures}")
            ends = ", ".join(
                f"{rows[-1]['posterior_all_top1']:.3f} at {rows[-1]['annotations_per_item']:.2f}" for rows in runs
            )
            print(f"  ended           {ends}", flush=True)
        print("  answers per image to reach " + ", ".join(f"{level:.0%}" for level in levels))
        for method, table in costs.items():
            print(
                f"    {method:40}"
                + "  ".join("/".join(f"{cost:.2f}" for cost in of_level) for of_level in zip(*table, strict=True))
            )
        if arguments.against:
            ratios = np.array(costs[arguments.method]) / np.array(costs[arguments.against])
            print(
                "    ratio" + " " * 35 + "  ".join("/".join(f"{r:.2f}" for r in of_level) for of_level in ratios.T),
                flush=True,
            )


if __name__ == "__main__":
    with threadpool_limits(1, "blas"):
        main()
