"""Where a method is as sure as it is right: what it believes of its labels beside what is so, by what people said.

    python benchmarks/efficiency/honesty.py [SET ...] [--method "KEY=VALUE ..."] [--seeds 0,1,2] [--answers 1.0]
        [--jobs 2]

Each campaign ends at so many answers an image. Images are told apart by how many people have labelled them, and by
whether the labels differ; with one label, by whether the machine alone would have said the same. Printed are how many
images there are of each kind over all seeds, the mean chance that their labels are believed to have, and the share of
labels that are right; then the same of those that are finished.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sets import METHODS, SETS, Run, config_of
from threadpoolctl import threadpool_limits

from askless.config import compose
from askless.core.votes import find_disputed
from askless.simulate.run import open_run, simulate
from askless.simulate.sources import load
from askless.types import Annotations, BoolArray, Estimate, FloatArray, IntArray

KINDS = (
    "nobody",
    "one, as the machine",
    "one, unlike it",
    "two, alike",
    "two, differing",
    "more, alike",
    "more, differing",
)


@dataclass(frozen=True)
class End:
    """The images to label at the end of a campaign.

    Args:
        kind: (n,) position in `KINDS`.
        believed: (n,) chance that the label is right.
        is_right: (n,) whether it is.
        is_finished: (n,).
    """

    kind: IntArray
    believed: FloatArray
    is_right: BoolArray
    is_finished: BoolArray


def run(one: Run, answers: float) -> End:
    with threadpool_limits(1, "blas"), TemporaryDirectory() as folder:
        source = load(compose(one.settings))
        config = config_of(one, source, answers)
        simulate(config, Path(folder) / "run")
        with closing(open_run(Path(folder) / "run")) as campaign:
            annotations, estimate = campaign.annotations(), campaign.estimate
    to_label = np.setdiff1d(np.arange(source.dataset.n_items), source.prototypes.item)
    return End(
        kind_of(annotations, estimate)[to_label],
        estimate.posterior.max(axis=1)[to_label],
        (estimate.label == source.truth)[to_label],
        (estimate.risk < config.campaign.max_risk)[to_label],
    )


def kind_of(annotations: Annotations, estimate: Estimate) -> IntArray:
    """(N,) position in `KINDS`."""
    n_labels = np.bincount(annotations.item, minlength=annotations.n_items)
    machine = estimate.posterior if estimate.machine is None else estimate.machine
    is_unlike = np.zeros(annotations.n_items, bool)
    is_unlike[annotations.item[annotations.label != machine.argmax(axis=1)[annotations.item]]] = True
    differs = np.where(n_labels == 1, is_unlike, find_disputed(annotations))
    return np.where(n_labels == 0, 0, 2 * np.minimum(n_labels, 3) - 1 + differs)


def print_set(name: str, ends: list[End]) -> None:
    kind, believed, is_right, is_finished = (
        np.concatenate([getattr(end, part.name) for end in ends]) for part in fields(End)
    )
    print(f"\n{name}: images, believed, right; of these finished: images, believed, right")
    for position, title in enumerate(KINDS):
        line = f"  {title:20}"
        for chosen in (kind == position, (kind == position) & is_finished):
            line += f" {chosen.sum():6}"
            line += f"  {believed[chosen].mean():.3f} {is_right[chosen].mean():.3f}  " if chosen.any() else " " * 15
        print(line.rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", default=["humans"], help=f"some of {', '.join(SETS)}")
    parser.add_argument("--method", default="askless", help=f"one of {', '.join(METHODS)}, or any settings")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--answers", type=float, default=1.0, help="an image")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - SETS.keys():
        parser.error(f"there is no set {', '.join(sorted(unknown))}; choose some of {', '.join(SETS)}")
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for name in arguments.sets:
            runs = [Run(name, arguments.method, 50, 10, int(seed)) for seed in arguments.seeds.split(",")]
            print_set(name, list(pool.map(run, runs, [arguments.answers] * len(runs))))


if __name__ == "__main__":
    main()
