"""The paper's ablations as sweeps: what each choice is worth here, beside what it was worth there.

    python benchmarks/efficiency/ablations.py [NAME ...] [--seeds 0,1,2] [--n-data-per-class 100] [--jobs 2]

Every ablation is one or more lines of settings, as `askless simulate` takes them. Data: `features=synthetic` for the
classes of the paper's sets; crowd: `amt_structured_noise`, 50 annotators, the paper's oracle prior; rounds of 100
annotations. Needs `$ASKLESS_SHARED` (the Mechanical Turk counts). Finished runs are kept in --out and not run again.

Each row: annotations per item at the method's own stop and the accuracy there; accuracy at 0.5 and 1.0 annotations per
item (held after the stop); share of items not finished and share of finished items that are right, at the stop; ECE at
1.0. Means over seeds. Gold answers count as annotations, prototypes do not.
"""

import argparse
import csv
import json
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import mean

import numpy as np
from threadpoolctl import threadpool_limits

from askless.settings import SimulationConfig
from askless.simulate.run import simulate
from askless.simulate.variants import Variant, expand

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
BASE = "features=synthetic simulation=amt_structured_noise learner_method=efficient_annotation batch_size=20"
DOG, VERTEBRATE, INSECT, COMMODITY = (f"imagenet_split_{number}" for number in (0, 1, 2, 4))
NAMES = {DOG: "Dog", VERTEBRATE: "Vertebrate", INSECT: "Insect+Fungus", COMMODITY: "Commodity"}
ALL = f"{DOG},{VERTEBRATE},{INSECT},{COMMODITY}"


@dataclass(frozen=True)
class Ablation:
    """One choice.

    Args:
        lines: sweeps.
        paper: what the paper found, as far as its figures can be read.
    """

    lines: tuple[str, ...]
    paper: str


ABLATIONS = {
    "semi_supervision": Ablation(
        (
            f"experiment={ALL} learner.semi_supervised=pseudolabel,mixmatch,none",
            f"experiment={ALL} learner_method=ds_model",
        ),
        "own stop, annotations per item -> accuracy: pseudolabel Dog 2.18 -> 75.9, Vertebrate .69 -> 91.8, "
        "Insect+Fungus .88 -> 93.7, Commodity .83 -> 96.1; mixmatch 2.30 -> 72.6, .82 -> 89.8, 1.09 -> 92.8, "
        "1.03 -> 95.2; none 2.26 -> 73.6, .94 -> 89.2, 1.35 -> 89.7, 1.31 -> 94.5; ds_model 2.72 -> 60.9, "
        "2.37 -> 84.2, 2.49 -> 81.1, 2.40 -> 88.6; not finished, in the same order of sets: 31, 2.7, 5.4, 2.2 "
        "% (pseudolabel), 33, 3.1, 9.2, 4.6 % (none)",
    ),
    "features": Ablation(
        (f"experiment={DOG},{COMMODITY} learner.semi_supervised=none n_dimensions=256,64,16",),
        "better features need fewer annotations. Commodity: BYOL .82 -> 95.8, MoCo 1.17 -> 95.1, SimCLR 1.34 "
        "-> 94.4, rotation 1.72 -> 91.4; Dog: BYOL 2.23 -> 74.9, MoCo 2.65 -> 68.7, rotation 2.78 -> 58.6, "
        "below ds_model",
    ),
    "calibration_set": Ablation(
        (
            f"experiment={DOG} learner.semi_supervised=none",
            f"experiment={DOG} learner.semi_supervised=none learner.prototype_as_val=false learner.calibrate=cv_3",
            f"experiment={DOG} learner.semi_supervised=none learner.prototype_as_val=false",
        ),
        "Dog: clean prototypes 2.15 -> 74.6, 3 folds 2.08 -> 71.4, noisy split 2.01 -> 70.0; ECE at 1.0 .088, "
        ".125, .161",
    ),
    "criterion_and_scope": Ablation(
        (f"experiment={VERTEBRATE} aggregator.criterion=soft,hard learner.early_stop_scope=global,local",),
        "Vertebrate: soft and global .67 -> 91.5, hard and local .79 -> 90.1",
    ),
    "risk_threshold": Ablation(
        (f"experiment={COMMODITY} max_risk=0.1,0.2,0.3,0.5", f"experiment={DOG},{INSECT} max_risk=0.1,0.5"),
        "Commodity: .1 1.82 -> 97.1, .2 .77 -> 95.5, .3 .59 -> 95.5, .5 .33 -> 92.9; Insect+Fungus .1 .99 -> "
        "93.9, .5 .33 -> 93.2; Dog .1 2.63 -> 75.0, .5 1.46 -> 72.7",
    ),
    "number_of_annotators": Ablation(
        (
            f"experiment={DOG} crowd.n_annotators=10,50,100,500,1000",
            f"experiment={INSECT},{COMMODITY} crowd.n_annotators=10,50,1000",
        ),
        "same annotations: Dog 10: 86.1, 100: 72.4, 500: 73.2, 1000: 71.6; Insect+Fungus 95.7 -> 93.0 and "
        "Commodity 97.6 -> 96.0 from 10 to 1000",
    ),
    "annotator_prior": Ablation(
        (
            f"experiment={DOG},{INSECT},{COMMODITY} prior.kind=homogeneous,homogeneous_diagonal_perfect,heterogeneous,"
            "heterogeneous_diagonal_perfect",
            f"experiment={DOG} prior.kind=predefined_homogeneous gold.n_per_class=1 gold.prior=class,annotator,both",
            f"experiment={DOG} prior.kind=predefined_homogeneous",
            f"experiment={DOG} prior.strength=10,30",
        ),
        "oracles none, A (class), B (annotator), A+B: Dog 75.0, 76.0, 86.4, 86.2; Insect+Fungus 94.4, 95.1, "
        "96.9, 96.5; Commodity 96.4, 96.9, 97.6, 97.9; strength 30 a little worse than 10",
    ),
    "update_frequency": Ablation(
        (f"experiment={COMMODITY} batch_size=16 n_batches=1,3,5,10,20",),
        "Commodity (20,140 items), a refresh every 200, 600, 1000, 2000, 4000 annotations (1 to 20 % of the "
        "items, as here): accuracy at .5 94.0, 94.1, 93.6, 93.1, 91.3; own stop .91, .89, .94, 1.39, 1.99",
    ),
    "distractors": Ablation(
        ("experiment=imagenet_animal n_data_distraction_per_class=0,10,30,50,100",),
        "Dog and Vertebrate together, at .5: +0 %: 73.5, +10 %: 72.7, +30 %: 72.3, +50 %: 71.2, +100 %: 70.9 "
        "(accuracy without distractors)",
    ),
    "early_stop": Ablation(
        (f"experiment={DOG},{COMMODITY} early_stop=false,true",),
        "stop when the finished set has not grown for some rounds and leave the rest to experts; in the "
        "authors' demo 40 % cheaper for 1.1 points",
    ),
    "sampler": Ablation(
        (f"experiment={ALL} sampler.algo=random,greedy_task_assignment",),
        "random -> greedy: Dog 74.5 -> 76.9, Vertebrate 91.1 -> 92.8, Insect+Fungus 93.9 -> 97.0, Commodity "
        "96.0 -> 97.9",
    ),
    "crowd": Ablation(
        (f"experiment={DOG},imagenet_animal,{INSECT} simulation=amt_uniform_noise,amt_structured_noise",),
        "uniform against structured noise: Dog 84.6, 75.5; Dog and Vertebrate 91.9, 81.4; Insect+Fungus 97.2, 94.8",
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What one run came to."""

    cost: float
    accuracy: float
    at_half: float
    at_one: float
    unfinished: float
    finished_right: float
    ece_at_one: float


def run(folder: Path, config: SimulationConfig) -> Path:
    with threadpool_limits(1, "blas"):
        simulate(config, folder, resume=folder.exists())
    return folder


def read(folder: Path) -> Outcome:
    with (folder / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    cost = [float(row["annotations_per_item"]) for row in rows]
    measure = "posterior_wanted_top1" if rows[0].get("posterior_wanted_top1") else "posterior_all_top1"
    accuracy, ece = ([float(row[name]) for row in rows] for name in (measure, "posterior_all_ece"))
    return Outcome(
        cost[-1],
        accuracy[-1],
        float(np.interp(0.5, cost, accuracy)),
        float(np.interp(1.0, cost, accuracy)),
        1 - float(rows[-1]["finished_share"]),
        float(rows[-1]["finished_accuracy"] or "nan"),
        float(np.interp(1.0, cost, ece)),
    )


def plan(ablation: Ablation, settings: Sequence[str]) -> list[Variant]:
    """The runs of an ablation; what a line says wins over `settings`."""
    return [variant for line in ablation.lines for variant in expand([*settings, *line.split()])]


def folder_of(out: Path, config: SimulationConfig) -> Path:
    """One folder for equal settings, whichever ablation asks for them."""
    return out / blake2b(json.dumps(config.to_settings(), sort_keys=True).encode(), digest_size=8).hexdigest()


def print_ablation(name: str, ablation: Ablation, settings: Sequence[str], out: Path) -> None:
    print(f"\n{name}")
    for line in ablation.lines:
        print(f"  askless simulate {line}")
        groups: dict[str, list[Outcome]] = {}
        for variant in expand([*settings, *line.split()]):
            varied = ", ".join(NAMES.get(value, value) for key, value in variant.varied.items() if key != "seed")
            groups.setdefault(varied or "as it is", []).append(read(folder_of(out, variant.config)))
        for varied, outcomes in groups.items():
            figures = {key: mean(getattr(outcome, key) for outcome in outcomes) for key in Outcome.__annotations__}
            print(
                f"    {varied:52} {figures['cost']:5.2f} -> {100 * figures['accuracy']:4.1f}   "
                f"{100 * figures['at_half']:5.1f} {100 * figures['at_one']:5.1f}   {100 * figures['unfinished']:5.1f} "
                f"{100 * figures['finished_right']:5.1f}   {figures['ece_at_one']:.3f}"
            )
    print(f"  paper: {ablation.paper}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(ABLATIONS)}; all if none")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--n-data-per-class", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - ABLATIONS.keys():
        parser.error(f"there is no ablation {', '.join(sorted(unknown))}; choose some of {', '.join(ABLATIONS)}")
    chosen = {name: ablation for name, ablation in ABLATIONS.items() if name in (arguments.names or ABLATIONS)}
    amt = f"crowd.amt_folder={SHARED / 'amt_imagenet100'}"
    settings = [*BASE.split(), amt, f"n_data_per_class={arguments.n_data_per_class}", f"seed={arguments.seeds}"]

    configs = {
        folder_of(arguments.out, variant.config): variant.config
        for ablation in chosen.values()
        for variant in plan(ablation, settings)
    }
    missing = {folder: config for folder, config in configs.items() if not (folder / "summary.json").exists()}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        running = [pool.submit(run, folder, config) for folder, config in missing.items()]
        for n_done, done in enumerate(as_completed(running), start=1):
            summary = json.loads((done.result() / "summary.json").read_text())
            print(f"{n_done} of {len(missing)}: {summary['seconds']:.0f} s", flush=True)

    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores; {arguments.n_data_per_class} items a class, "
        f"seeds {arguments.seeds}"
    )
    print(f"every line begins with {BASE} n_data_per_class={arguments.n_data_per_class} seed={arguments.seeds}")
    print(
        "own stop: annotations per item -> accuracy;   accuracy at 0.5, 1.0;   % unfinished, % right of finished;   "
        "ECE at 1.0"
    )
    for name, ablation in chosen.items():
        print_ablation(name, ablation, settings, arguments.out)


if __name__ == "__main__":
    main()
