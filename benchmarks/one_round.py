"""One online round of `efficient_annotation`, part by part, beside the paper's published code.

    python benchmarks/one_round.py [--rounds 7]

A round is everything between two plans: choosing 50 batches of 40, the simulated answers, writing them to the log on
disk, the inference, the estimate's file, the measurements. Gaussian class clusters, 100 classes, 50 annotators, 10
prototypes a class, the exact preset, seed 0, one process, with as many threads as OMP_NUM_THREADS says, else cores.
CPU seconds, all threads together, and seconds on the wall, which mean something only while nobody else uses the
machine. The figures of the paper's code (commit 8d02da8) are from this project's study of it, taken on an idle machine
of this kind, on one thread, where its wall time is its CPU time; published_round.py measures both by turns.
"""

import argparse
import os
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from askless.campaign import Campaign
from askless.config import compose
from askless.core import machine
from askless.settings import SimulationConfig
from askless.simulate.crowd import Crowd
from askless.simulate.crowds import make_crowd, prior_counts
from askless.simulate.experiment import measure
from askless.simulate.sources import Source
from askless.types import Dataset, Features, FloatArray, Prototypes

K, PROTOTYPES_PER_CLASS, SEPARATION = 100, 10, 0.06


@dataclass(frozen=True)
class Case:
    """A size, how many annotations per item there are when the rounds are timed, and what the paper's code needs."""

    n_items: int
    n_dimensions: int
    annotations_per_item: float
    reference_total: float
    reference_fit: float


CASES = (Case(20_000, 2048, 1.2, 23.8, 6.4), Case(100_000, 256, 0.52, 128.5, 2.7))
SETTINGS = [
    "learner_method=efficient_annotation",
    "simulation=uniform",
    "batch_size=40",
    "n_batches=50",
    "max_risk=0",
    "seed=0",
]
LOADER_SECONDS = 48  # what the paper's code adds by default, with two processes that load data


def make_source(case: Case) -> Source:
    rng = np.random.default_rng(0)
    n_per_class = case.n_items // K + PROTOTYPES_PER_CLASS
    truth = np.repeat(np.arange(K), n_per_class)
    means = SEPARATION * rng.standard_normal((K, case.n_dimensions), dtype=np.float32)
    values = means[truth] + rng.standard_normal((len(truth), case.n_dimensions), dtype=np.float32)
    known = np.flatnonzero(np.arange(len(truth)) % n_per_class < PROTOTYPES_PER_CLASS)
    dataset = Dataset(tuple(map(str, range(len(truth)))), tuple(map(str, range(K))))
    return Source(dataset, Features(values), truth, Prototypes(known, truth[known]))


FIT = "fit of the head"


class Stopwatch:
    """CPU seconds and seconds on the wall by part, without the parts that are timed within it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, FloatArray] = defaultdict(lambda: np.zeros(2))
        self._within = np.zeros(2)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        outside, self._within, start = self._within, np.zeros(2), _now()
        yield
        spent = _now() - start
        self.seconds[part] += spent - self._within
        self._within = outside + spent

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            with self.time(part):
                return function(*arguments, **named)

        return timed


def _now() -> FloatArray:
    return np.array([time.process_time(), time.perf_counter()])


def rounds(campaign: Campaign, crowd: Crowd, source: Source, n_rounds: int) -> Iterator[dict[str, FloatArray]]:
    for _ in range(n_rounds):
        watch = Stopwatch()
        with mock.patch.object(machine, "train", watch.timed(FIT, machine.train)):
            with watch.time("ask"):
                batches = campaign.ask(crowd.available())
            with watch.time("answer and tell"), campaign.transaction():
                for batch in batches:
                    campaign.tell(batch.id, crowd.answer(batch))
            with watch.time("refresh"):
                campaign.refresh()
            with watch.time("measure"):
                measure(campaign, source)
        yield watch.seconds


def annotate(campaign: Campaign, crowd: Crowd, n_annotations: int) -> None:
    """Up to so many annotations, without a refresh on the way."""
    while (n_missing := n_annotations - len(campaign.annotations())) > 0:
        with campaign.transaction():
            for batch in campaign.ask(crowd.available(), -(-n_missing // campaign.config.batch_size)):
                campaign.tell(batch.id, crowd.answer(batch))


def case_rounds(
    source: Source, config: SimulationConfig, n_annotations: int, n_rounds: int
) -> Iterator[dict[str, FloatArray]]:
    """Seconds by part of each round of a new campaign that has so many annotations before the first."""
    crowd = make_crowd(config, source)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign.create(
            Path(folder) / "log.db",
            source.dataset,
            source.features,
            config.campaign,
            prototypes=source.prototypes,
            prior_counts=prior_counts(config.prior, crowd),
            clock=lambda: 0.0,
        )
        with closing(campaign):
            campaign.refresh()
            annotate(campaign, crowd, n_annotations)
            campaign.refresh()
            yield from rounds(campaign, crowd, source, n_rounds)


def run(case: Case, config: SimulationConfig, n_rounds: int) -> None:
    n_annotations = int(case.annotations_per_item * case.n_items)
    taken = list(case_rounds(make_source(case), config, n_annotations, n_rounds))
    print(f"\n{case.n_items} items x {case.n_dimensions}, {case.annotations_per_item} annotations per item")
    print(f"  {'':18}      CPU     wall")
    for part in taken[0]:
        _print_row(part, [seconds[part] for seconds in taken])
    totals = [np.sum([*seconds.values()], axis=0) for seconds in taken]
    rest = [total - seconds[FIT] for total, seconds in zip(totals, taken, strict=True)]
    _print_row("all but the fit", rest, case.reference_total - case.reference_fit)
    _print_row("the whole round", totals, case.reference_total)
    _print_row("with its loader", totals, case.reference_total + LOADER_SECONDS)


def _print_row(name: str, seconds: list[FloatArray], reference: float | None = None) -> None:
    """Medians of (CPU, wall), and how often they go into what the paper's code needs."""
    cpu, wall = np.median(seconds, axis=0)
    beside = f"   paper's code {reference:6.1f}   {reference / cpu:6.1f}x {reference / wall:6.1f}x" if reference else ""
    print(f"  {name:18} {cpu:8.3f} {wall:8.3f}{beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="the median of so many is printed")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}; seconds, median of rounds")
    for case in CASES:
        run(case, compose(SETTINGS), arguments.rounds)


if __name__ == "__main__":
    main()
