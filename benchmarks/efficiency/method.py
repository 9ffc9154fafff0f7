"""All methods side by side: answers per image to reach an accuracy, how honest each is, and where each stops.

    python benchmarks/efficiency/method.py [SET ...] [--methods NAME,...] [--method "KEY=VALUE ..."] [--seeds 0,1,2,3,4]
        [--annotators 10,50,500] [--prototypes 0,1,3,10] [--count-prototypes] [--jobs 2] [--out runs/efficiency]

Every run of a set and a seed sees the same images, prototypes and people, who give the same answers. Finished runs are
kept in --out and not run again. Printed are means over seeds: accuracy, ECE and the share of right labels among
finished images at fixed answers per image and at the method's own stop; answers per image to reach a level; and, paired
by seed, their ratio to the better of the paper's method on raw and on whitened features, with a 95 % interval (t, of
the logarithm). A seed in which a method never gets there counts with the answers it could have had. Curves with bands
are pictures in --out. Prototypes cost nothing, or, with --count-prototypes, an answer each.

`--method` adds any settings, so that an ablation is one command (docs/explanation/askless-method.md).
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path

import numpy as np
from curves import draw
from scipy import stats
from sets import METHODS, SETS, SHARED, WHITENED, Run, at, cost_of, prototypes_per_item, read, run

POINTS = (0.0, 0.1, 0.3, 0.5, 1.0)
BARS = ("efficient_annotation", WHITENED)
LEAST = 0.01
"""Answers per image below which a ratio means nothing."""


def ratio(costs: Sequence[float], bars: Sequence[float], most: float) -> str:
    """Geometric mean over seeds, and its interval."""
    logs = np.log(np.maximum(np.minimum(costs, most), LEAST) / np.maximum(np.minimum(bars, most), LEAST))
    middle, text = logs.mean(), ""
    if len(logs) > 1:
        half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
        text = f" [{np.exp(middle - half):.2f}, {np.exp(middle + half):.2f}]"
    return f"{np.exp(middle):.2f}{text}"


def print_case(name: str, tables: Mapping[str, list[list[dict[str, float]]]], given: float) -> None:
    levels, most = SETS[name].levels, SETS[name].budget + given
    print(f"  {'':30} accuracy, ECE, finished right at {', '.join(map(str, POINTS))} answers an image; at its own stop")
    for method, runs in tables.items():
        line = f"  {method:30}"
        for column in ("posterior_all_top1", "posterior_all_ece", "finished_accuracy"):
            line += "  " + " ".join(f"{np.mean([at(rows, column, cost) for rows in runs]):.3f}" for cost in POINTS)
        ends = [
            np.mean([rows[-1][key] for rows in runs])
            for key in ("annotations_per_item", "posterior_all_top1", "posterior_all_ece", "finished_accuracy")
        ]
        print(f"{line}  {ends[0]:.2f} {ends[1]:.3f} {ends[2]:.3f} {ends[3]:.3f}  ({len(runs)} seeds)")
    costs = {method: [[cost_of(rows, level) for rows in runs] for level in levels] for method, runs in tables.items()}
    bars = [costs[bar] for bar in BARS if bar in costs]
    print(f"  answers an image to reach {', '.join(f'{level:.0%}' for level in levels)}, and the ratio to the bar")
    for method, of_levels in costs.items():
        line = f"  {method:30}"
        for at_level, *of_bars in zip(of_levels, *bars, strict=True):
            line += "  " + " ".join(f"{cost:.2f}" for cost in at_level)
            if of_bars and method not in BARS:
                n = min(len(at_level), *(len(bar) for bar in of_bars))
                best = min((bar[:n] for bar in of_bars), key=lambda bar: float(np.minimum(bar, most).mean()))
                line += f"  {ratio(at_level[:n], best, most)};"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"some of {', '.join(SETS)}; all if none")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--method", action="append", default=[], help="settings of one more method")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--annotators", default="50")
    parser.add_argument("--prototypes", default="10")
    parser.add_argument("--count-prototypes", action="store_true", help="as an answer each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("runs/efficiency"))
    arguments = parser.parse_args()
    methods = [*filter(None, arguments.methods.split(",")), *arguments.method]
    if unknown := {*arguments.sets, *methods} - {*SETS, *METHODS, *arguments.method}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; sets are {', '.join(SETS)}, methods {METHODS}")
    names = [name for name in arguments.sets or SETS if str(SHARED) not in SETS[name].settings or SHARED.is_dir()]
    counts = [[int(count) for count in text.split(",")] for text in (arguments.annotators, arguments.prototypes)]
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    arguments.out.mkdir(parents=True, exist_ok=True)
    wanted = [
        Run(name, method, *of, seed) for seed, name, of, method in product(seeds, names, product(*counts), methods)
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        missing = [one for one in wanted if not one.file(arguments.out).exists()]
        running = [pool.submit(run, one, arguments.out) for one in missing]
        for n_done, done in enumerate(as_completed(running), start=1):
            print(f"{n_done} of {len(missing)}: {done.result().name}", flush=True)
    for name, (n_annotators, n_prototypes) in product(names, product(*counts)):
        title = f"{name}, {n_annotators} annotators, {n_prototypes} prototypes a class"
        of_case = {
            method: [Run(name, method, n_annotators, n_prototypes, seed) for seed in seeds] for method in methods
        }
        given = 0.0
        if arguments.count_prototypes:
            given = prototypes_per_item(of_case[methods[0]][0])
            title += f", which are {given:.2f} answers an image"
        print(f"\n{title}")
        tables = {method: [read(one.file(arguments.out), given) for one in of] for method, of in of_case.items()}
        print_case(name, tables, given)
        counted = "-counted" if arguments.count_prototypes else ""
        draw(arguments.out / f"{name}-{n_annotators}-{n_prototypes}{counted}.png", title, tables)


if __name__ == "__main__":
    main()
