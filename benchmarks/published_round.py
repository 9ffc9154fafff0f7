"""Rounds of the paper's published code and of askless by turns, part by part: the same data, the same minutes.

    python benchmarks/published_round.py --code FOLDER [--pairs 5]

FOLDER is a clone of the published code (README.md beside this file). It runs as it is, with the data of one_round.py's
first case in place of ImageNet's, 100 classes, its uniform noise, one torch thread, no processes that load data, no
GPU. Its rows have the names of its methods, each without those within it. Both codes start from annotations drawn at
random; the pair in the middle ends with 1.2 per item. The first pair is not counted.

CPU seconds, all threads together, and on the wall; askless has as many threads as OMP_NUM_THREADS says, else cores.
"""

import argparse
import inspect
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from contextlib import chdir
from copy import deepcopy
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import torch
from omegaconf import OmegaConf

from askless.config import compose
from askless.simulate.sources import Source
from askless.types import FloatArray
from one_round import CASES, FIT, PROTOTYPES_PER_CLASS, SETTINGS, Stopwatch, case_rounds, make_source

CASE = CASES[0]
PER_ROUND = 2000
CONFIG = "config experiment/imagenet_100_classes simulation/amt_uniform_noise learner_method/efficient_annotation"
TIMED = """
    sampler.stop sampler.sample annotation_holder.collect_annotation imagenet_data.get_features_dict
    optimizer.step optimizer.infer_y_posterior optimizer.m_step optimizer._update_worker_likelihood
    optimizer.calculate_z_likelihood learner.fit_and_predict learner.fit learner.calibrate_model learner.predict
    batch_logger.step
"""

Seconds: TypeAlias = dict[str, FloatArray]


def import_published(code: Path) -> ModuleType:
    """The clone's `main.py`, without Hydra and the list of ImageNet's files, which only its start needs."""
    sys.path.insert(0, str(code))
    import data

    data.REPO_DIR = str(code)
    hydra = mock.Mock(main=lambda **_: lambda function: function)
    with mock.patch.dict(sys.modules, {"hydra": hydra, "data.imagenet": mock.MagicMock()}):
        import main
    return main


def make_data(source: Source, class_names: list[str]) -> SimpleNamespace:
    """What the published code asks its ImageNet data for, with file names of the same form."""
    is_prototype = np.isin(np.arange(len(source.truth)), source.prototypes.item)
    names = [class_names[label] for label in source.truth]
    paths = np.array([f"{name}/{name}_{item}.JPEG" for item, name in enumerate(names)])
    label_of = dict(zip(paths.tolist(), source.truth.tolist(), strict=True))
    values = source.features.values
    features = {"features": values[~is_prototype], "prototype_features": values[is_prototype]}
    items = paths[~is_prototype].tolist()
    return SimpleNamespace(
        n=len(items),
        wnids=class_names,
        imagenet_struc=None,
        image_path=items,
        log_image_path=items,
        d_image_path=[],
        p_image_path=paths[is_prototype].tolist(),
        a_data={path: (class_names[label], label) for path, label in label_of.items()},
        get_y=lambda asked: [label_of[path] for path in asked],
        get_features_dict=lambda: deepcopy(features),
    )


def run_pairs(code: Path, n_pairs: int) -> list[tuple[Seconds, Seconds]]:
    """Seconds by part of a step of the published code and of a round of askless, by turns."""
    source = make_source(CASE)
    n_before = int(CASE.annotations_per_item * CASE.n_items) // PER_ROUND - n_pairs // 2 - 1
    our_rounds = case_rounds(source, compose(SETTINGS), n_before * PER_ROUND, n_pairs)
    main = import_published(code)
    files = [OmegaConf.load(code / "online_label" / "config" / f"{name}.yaml") for name in CONFIG.split()]
    config = OmegaConf.merge(*files, {"n_jobs": 0, "seed": 0, "n_prototype_per_class": PROTOTYPES_PER_CLASS})
    config.online.budget = (n_before + n_pairs) * config.online.hit_size  # a step counts as one batch
    data = make_data(source, config.wnids.split())
    run_loop = main.run_online_loop
    pairs = []

    def run_timed_loop(*arguments: Any) -> None:
        loop = SimpleNamespace(**inspect.signature(run_loop).bind(*arguments).arguments)
        for _ in range(n_before):
            items, annotators = loop.sampler.sample(
                config.online.hit_size, config.online.n_hits_per_step, np.ones(data.n)
            )
            paths = [data.image_path[item] for item in items]
            loop.annotation_holder.collect_annotation(data.a_data, paths, annotators, None)
        loop.start_step = n_before
        loop.learner.use_cuda = False
        watch = Stopwatch()
        for method in TIMED.split():
            component, name = method.split(".")
            owner = getattr(loop, component)
            setattr(owner, name, watch.timed(FIT if method == "learner.fit" else method, getattr(owner, name)))
        loop.save_state_fn = watch.timed("save_state", loop.save_state_fn)
        measure = loop.batch_logger.step

        def measure_and_take_turn(*arguments: Any, **named: Any) -> None:
            measure(*arguments, **named)
            pairs.append((dict(watch.seconds), next(our_rounds)))
            watch.seconds.clear()
            print(f"pair {len(pairs)} of {n_pairs}, load {os.getloadavg()[0]:.1f}", flush=True)

        loop.batch_logger.step = measure_and_take_turn
        run_loop(**vars(loop))

    with mock.patch.multiple(main, setup=mock.Mock(), ImageNetData=lambda _: data, run_online_loop=run_timed_loop):
        main.main(config)
    return pairs


def print_medians(name: str, taken: Sequence[Seconds]) -> None:
    print(f"\n{name:38}      CPU     wall")
    for part in taken[0]:
        cpu, wall = np.median([seconds[part] for seconds in taken], axis=0)
        print(f"  {part:36} {cpu:8.3f} {wall:8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code", type=Path, required=True, help="a clone of the published code")
    parser.add_argument("--pairs", type=int, default=5, help="the medians of so many are printed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, torch {torch.__version__}", flush=True
    )
    code = arguments.code.resolve()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        pairs = run_pairs(code, arguments.pairs + 1)[1:]
    for seconds in chain.from_iterable(pairs):
        total = sum(seconds.values())
        seconds |= {"all but the fit": total - seconds[FIT], "the whole round": total}
    theirs, ours = zip(*pairs, strict=True)
    print_medians("the published code", theirs)
    print_medians("askless", ours)
    sums = ("all but the fit", "the whole round")
    print_medians("times as fast", [{part: their[part] / our[part] for part in sums} for their, our in pairs])


if __name__ == "__main__":
    main()
