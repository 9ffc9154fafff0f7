"""How fast the parts are that run again and again.

    python benchmarks/speed.py

Random labels, seed 0, one process; medians of 7. Prints the figures that README and docs quote.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np

from askless.campaign import Campaign
from askless.config import compose
from askless.core import aggregate
from askless.settings import AggregatorSettings
from askless.simulate.crowds import make_crowd
from askless.simulate.experiment import run_rounds
from askless.simulate.sources import Source, load
from askless.types import Annotations

REPEATS = 7
SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def milliseconds(action: Callable[[], object]) -> float:
    """CPU time: this machine's other users do not count."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        action()
        times.append(1000 * (time.process_time() - start))
    return median(times)


def em_iteration(n_annotations: int, n_classes: int, n_annotators: int, m_step: str) -> float:
    """CPU milliseconds of one iteration: the difference between 51 and 1 of them, divided by 50."""
    rng = np.random.default_rng(0)
    n_items = n_annotations // 5
    annotations = Annotations(
        rng.integers(0, n_items, n_annotations),
        rng.integers(0, n_annotators, n_annotations),
        rng.integers(0, n_classes, n_annotations),
        n_items,
        n_annotators,
        n_classes,
    )
    prior = 1.0 + 20.0 * np.eye(n_classes)

    def run(steps: int) -> Callable[[], object]:
        settings = AggregatorSettings(m_step=m_step, max_em_steps=steps, likelihood_epsilon=0.0)  # type: ignore[arg-type]
        return lambda: aggregate.fit(annotations, prior, None, settings, rng=np.random.default_rng(0))

    return (milliseconds(run(51)) - milliseconds(run(1))) / 50


class NoLog:
    """Stands in for a log in the comparison: keeps nothing, so only the simulation's own time is left."""

    path = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield None

    reading = transaction

    def close(self) -> None:
        pass


@dataclass
class LoggingCost:
    """Seconds of one simulation of 100,000 annotations, with its log on disk and without any."""

    with_log: float
    without_log: float
    bytes_per_annotation: float


def logging_cost(method: str) -> LoggingCost:
    settings = [f"dataset={SHARED / 'cifar10h'}", "n_components=64", "batch_size=40", "n_batches=20", "seed=0"]
    endless = ["budget=100000", "max_risk=0", "sampler.max_per_item=50"]
    config = compose([f"learner_method={method}", *settings, *endless])
    source = load(config)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        with_log = _simulate(config, source, path)
        size = path.stat().st_size
    with (
        mock.patch("askless.campaign.Journal.__init__", _journal_without_log(sys.modules["askless.store.journal"])),
        mock.patch("askless.store.journal.read_entries", return_value=()),
        mock.patch("askless.store.journal.append_entries"),
    ):
        without_log = _simulate(config, source, None)
    return LoggingCost(with_log, without_log, size / config.budget if config.budget else 0.0)


def _journal_without_log(module: Any) -> Callable[..., None]:
    original = module.Journal.__init__

    def init(journal: Any, log: object, *rest: Any) -> None:
        original(journal, NoLog(), *rest)

    return init


def _simulate(config: Any, source: Source, path: Path | None) -> float:
    crowd = make_crowd(config, source)
    campaign = Campaign.create(
        path,
        source.dataset,
        source.features,
        config.campaign,
        prototypes=source.prototypes,
        seed=config.seed,
        clock=lambda: 0.0,
    )
    start = time.perf_counter()
    for _ in run_rounds(campaign, crowd):
        pass
    campaign.close()
    return time.perf_counter() - start


def import_seconds(statement: str) -> float:
    """CPU seconds of a fresh interpreter for a statement, above those of an empty one."""
    code = f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(REPEATS)]
    return median(float(run.stdout) for run in runs)


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}\n")
    print("one EM iteration, CPU ms       soft M-step    hard M-step")
    for n_annotations, n_classes, n_annotators in ((10_000, 10, 50), (10_000, 10, 2500), (500_000, 10, 2500)):
        soft, hard = (em_iteration(n_annotations, n_classes, n_annotators, m_step) for m_step in ("soft", "hard"))
        print(f"A={n_annotations:<7} K={n_classes:<3} W={n_annotators:<5}    {soft:11.2f}    {hard:11.2f}")

    print("\nCPU seconds to import")
    for statement in ("import askless", "from askless import Campaign"):
        print(f"{statement:30} {import_seconds(statement):.2f}")

    if not (SHARED / "cifar10h").is_dir():
        print(f"\nThe cost of the log is left out: there is no cifar10h in {SHARED}; see benchmarks/README.md.")
        return
    print(
        "\n100,000 annotations of the 9,900 images of cifar10h, 50 annotators: "
        "seconds with the log on disk, without any log, ratio"
    )
    for method in ("ds_model", "efficient_annotation"):
        costs = [logging_cost(method) for _ in range(3)]
        ratio = median(cost.with_log / cost.without_log for cost in costs)
        print(
            f"{method:22} {median(cost.with_log for cost in costs):6.1f} {median(c.without_log for c in costs):6.1f} "
            f"{ratio:6.2f}x   {costs[0].bytes_per_annotation:.0f} bytes an annotation"
        )


if __name__ == "__main__":
    main()
