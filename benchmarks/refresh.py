"""Seconds of one refresh of `learner_method=askless`, and of what is made once for a campaign that is open.

    python benchmarks/refresh.py [--items 100000] [--classes 100] [--answers 100000] [--axes 256] [--profile]

Gaussian class clusters of 256 dimensions, 10 prototypes a class, 50 annotators who are right 7 times in 10, each answer
about an item drawn at random. Made once are the graphs and what the pool says of the prototypes alone. One process on
one BLAS thread, as a campaign infers. CPU seconds, since the machine may have other users, and those of the clock.

The clusters are balls, in which neighbours are strangers and lie anywhere in memory: the slowest case. Features of real
images differ along fewer axes, as with `--axes 16`.

`--profile` prints where the refresh spends them.
"""

import argparse
import cProfile
import os
import platform
import pstats
import resource
import time

import numpy as np
from threadpoolctl import threadpool_limits

from askless.config import preset
from askless.core.infer import infer
from askless.core.pool import of_prototypes
from askless.randomness import generator
from askless.types import Annotations, Features, Prototypes

N_ANNOTATORS, N_DIMENSIONS, SKILL, SEPARATION, PROTOTYPES_PER_CLASS = 50, 256, 0.7, 0.12, 10
OTHER_AXES = 0.1


def seconds() -> tuple[float, float]:
    """Of this process, of the clock."""
    return time.process_time(), time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--axes", type=int, default=N_DIMENSIONS, help="along which items differ much")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    N, K, M = given.items, given.classes, given.answers
    rng = np.random.default_rng(0)
    truth = rng.integers(K, size=N)
    means = SEPARATION * rng.standard_normal((K, N_DIMENSIONS), dtype=np.float32)
    values = means[truth] + rng.standard_normal((N, N_DIMENSIONS), dtype=np.float32)
    values[:, given.axes :] *= OTHER_AXES
    features = Features(values)
    item, annotator = rng.integers(N, size=M), rng.integers(N_ANNOTATORS, size=M)
    label = np.where(rng.random(M) < SKILL, truth[item], rng.integers(K, size=M))
    annotations = Annotations(item, annotator, label, N, N_ANNOTATORS, K)
    known = np.concatenate([np.flatnonzero(truth == k)[:PROTOTYPES_PER_CLASS] for k in range(K)])
    prototypes, config = Prototypes(known, truth[known]), preset("askless")
    profile = cProfile.Profile()
    with threadpool_limits(1, user_api="blas"):
        start = seconds()
        of_prototypes(features, prototypes, K, config.learner.pool)
        opened = seconds()
        if given.profile:
            profile.enable()
        estimate, _ = infer(
            annotations, features, prototypes, np.ones((K, K)), config, rng=generator(0, "refresh", 0), upto=M
        )
        profile.disable()
        ended = seconds()
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{os.cpu_count()} cores, {platform.machine()}: {N} items x {K} classes, {M} answers")
    (once, once_by_clock), (refresh, by_clock) = np.subtract(opened, start), np.subtract(ended, opened)
    print(f"once {once:.2f} CPU s ({once_by_clock:.2f} s), a refresh {refresh:.2f} CPU s ({by_clock:.2f} s)")
    print(f"right {(estimate.label == truth).mean():.4f}, mean risk {estimate.risk.mean():.4f}, {gigabytes:.1f} GiB")
    if given.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
