"""How much of its answers `askless` spends on finding out: the same campaigns with some of it given away.

    python benchmarks/efficiency/limits.py [SET ...] [--seeds 5,6,7] [--jobs 2] [--out runs/limits]

Finished runs are kept in --out, in a folder for each limit, and not run again. Printed are answers per image to reach
the levels of the set, the means over seeds, and, paired by seed, the ratio to `askless` with a 95 % interval; after >,
not every seed got there, and the answers it could have had count; then the accuracy when all are spent, and the share
of right labels among finished images. 50 people, 10 prototypes a class. Given away are

    people    the true confusions of the crowd: what answers mean, and whom to ask
    whom      whom to ask only: always who is right most often, as long as nobody is far ahead of the others
    unspared  the same, however far ahead: a few people do all the work
    machine   the true label of every item to learn from, cross-fitted as ever; people are still to be found out
    both      machine and people: nothing is left to learn but the labels that the machine gets wrong

A person's true confusion is a mean over items, `Crowd.confusion`: where recorded people answer, of what all of them
said of the items of a class, after the person's own carelessness, or of the labels that the person gave. That one image
is harder than another is in no confusion; the limit is one of methods that see people as confusions.

Nothing in askless can be told the truth: while a simulation runs, the functions that find it out are replaced.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np
from method import ratio
from sets import SETS, Run, cost_of, read, run
from threadpoolctl import threadpool_limits

from askless.config import compose
from askless.core import people, pool, sampler
from askless.core.aggregate import EMInfo
from askless.core.votes import group, weigh_evidence
from askless.settings import AggregatorSettings, SimulationConfig
from askless.simulate.crowd import Crowd
from askless.simulate.crowds import make_crowd
from askless.simulate.sources import Source, load
from askless.types import Annotations, Confusion, Float32Array, FloatArray, Prototypes

CERTAIN = 1e12
"""Times what is known of a skill: none is drawn far from what it is."""

LOG_ODDS = 50.0
"""Of a true label, in the eyes of the judge of heads."""

Replaced: TypeAlias = list[AbstractContextManager[Any]]


def know_people(config: SimulationConfig, source: Source, crowd: Crowd) -> Replaced:
    K = source.dataset.n_classes

    def fit(
        annotations: Annotations, machine: Float32Array | None, settings: AggregatorSettings, known: Prototypes
    ) -> tuple[Confusion, FloatArray, EMInfo]:
        votes, confusion = group(annotations, crowd.confusion)
        evidence, _ = weigh_evidence(votes, confusion, np.zeros((len(votes.items), K)), annotations.n_items)
        return confusion, evidence, EMInfo(0.0, (), True, (1 / K,) * K)

    return [patch.object(people, "fit", fit), patch.object(sampler, "CERTAINTY", CERTAIN)]


def know_whom(config: SimulationConfig, source: Source, crowd: Crowd) -> Replaced:
    J, K = len(crowd.names), source.dataset.n_classes
    nobody = np.empty(0, np.int64)
    true = Confusion(crowd.confusion, nobody, nobody, np.empty((0, K)), J)
    order = sampler._by_drawn_skill
    by_true_skill = patch.object(
        sampler, "_by_drawn_skill", lambda workloads, believed, *rest: order(workloads, true, *rest)
    )
    return [by_true_skill, patch.object(sampler, "CERTAINTY", CERTAIN)]


def spare_nobody(config: SimulationConfig, source: Source, crowd: Crowd) -> Replaced:
    return [*know_whom(config, source, crowd), patch.object(sampler, "MAX_AHEAD", np.inf)]


def know_labels(config: SimulationConfig, source: Source, crowd: Crowd) -> Replaced:
    truth = np.eye(source.dataset.n_classes)[source.truth]
    everything = np.ones(len(truth), bool)
    fitted = pool.fit(source.features, source.prototypes, truth, everything, LOG_ODDS * truth, config.learner.pool)
    return [patch.object(pool, "fit", lambda *believed: fitted)]


def know_all(config: SimulationConfig, source: Source, crowd: Crowd) -> Replaced:
    return [*know_people(config, source, crowd), *know_labels(config, source, crowd)]


ASKLESS = "askless"
LIMITS: dict[str, Callable[[SimulationConfig, Source, Crowd], Replaced]] = {
    ASKLESS: lambda config, source, crowd: [],
    "people": know_people,
    "whom": know_whom,
    "unspared": spare_nobody,
    "machine": know_labels,
    "both": know_all,
}


def run_knowing(limit: str, one: Run, out: Path) -> None:
    """One campaign to which something is given away, unless its file is there."""
    folder = out / limit
    if one.file(folder).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1, "blas"), ExitStack() as replaced:
        config = compose(one.settings)
        source = load(config)
        for replacement in LIMITS[limit](config, source, make_crowd(config, source)):
            replaced.enter_context(replacement)
        run(one, folder)


def print_set(name: str, runs: list[Run], out: Path) -> None:
    levels, most = SETS[name].levels, SETS[name].budget
    costs = {
        limit: [[cost_of(read(one.file(out / limit)), level) for one in runs] for level in levels] for limit in LIMITS
    }
    of_levels = ", ".join(f"{level:.0%}" for level in levels)
    print(f"\n{name}: answers an image to reach {of_levels}, and the ratio; right at the end, of all and of finished")
    for limit, costs_of_levels in costs.items():
        line = f"  {limit:9}"
        for of_seeds, without in zip(costs_of_levels, costs[ASKLESS], strict=True):
            mark = ">" if np.isinf(of_seeds).any() else " "
            line += f" {mark}{np.minimum(of_seeds, most).mean():.2f}  {ratio(of_seeds, without, most)};"
        ends = [read(one.file(out / limit))[-1] for one in runs]
        right = [np.mean([end[column] for end in ends]) for column in ("posterior_all_top1", "finished_accuracy")]
        print(f"{line} {right[0]:.3f} {right[1]:.3f}  ({len(runs)} seeds)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", default=["noisy"], help=f"some of {', '.join(SETS)}")
    parser.add_argument("--seeds", default="5,6,7")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("runs/limits"))
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - SETS.keys():
        parser.error(f"there is no set {', '.join(sorted(unknown))}; choose some of {', '.join(SETS)}")
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    runs = {name: [Run(name, ASKLESS, 50, 10, seed) for seed in seeds] for name in arguments.sets}
    with ProcessPoolExecutor(arguments.jobs) as workers:
        tasks = product([one for of_set in runs.values() for one in of_set], LIMITS)
        for done in [workers.submit(run_knowing, limit, one, arguments.out) for one, limit in tasks]:
            done.result()
    for name, of_set in runs.items():
        print_set(name, of_set, arguments.out)


if __name__ == "__main__":
    main()
