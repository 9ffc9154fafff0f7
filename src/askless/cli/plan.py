"""`askless plan`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from askless.cli.terminal import counted, decimals, new_app, note, out
from askless.config import compose
from askless.data.digits import load_digits
from askless.data.features import map_features
from askless.data.folder import CampaignFolder
from askless.errors import ConfigError
from askless.report import write_report
from askless.simulate.pseudo import write_pseudo_data
from askless.simulate.sources import Source, load
from askless.simulate.sweep import Standing, State, sweep
from askless.simulate.variants import Variant, expand

app = new_app()

LABELS = ("labels.npy", "labels.csv", "truth.csv")


@app.command()
def plan(
    data: Annotated[
        Path,
        typer.Argument(help="Folder of features.npy and, if there are any, labels; or a campaign folder; or digits."),
    ],
    target_accuracy: Annotated[float, typer.Option(help="Share of all labels that shall be right.")] = 0.95,
    confidence: Annotated[float, typer.Option(help="The chance that the promise is kept.")] = 0.95,
    skills: Annotated[
        str, typer.Option("--skill", help="Of the crowd: guesses, or what a pilot found.")
    ] = "0.6,0.75,0.9",
    annotators: Annotated[str, typer.Option(help="How many people.")] = "30",
    prototypes: Annotated[
        str, typer.Option(help="Images per class whose label is known beforehand; at most all but one.")
    ] = "3,10",
    machine_accuracies: Annotated[
        str,
        typer.Option("--machine-accuracy", help="What a machine on the features can reach; where there are no labels."),
    ] = "0.8,0.95",
    n_classes: Annotated[
        int | None, typer.Option("--classes", min=2, help="How many; a campaign folder knows.")
    ] = None,
    max_items: Annotated[int, typer.Option(min=50, help="Simulate with at most so many images.")] = 600,
    seeds: Annotated[str, typer.Option("--seed", help="More than one for a mean.")] = "0",
    folder: Annotated[Path, typer.Option("--out", help="Folder of the plan; one that was cut off goes on.")] = Path(
        "plan"
    ),
    n_jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Simulations at a time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """What will it cost? Simulates campaigns on your features before anybody has answered.

    For example: askless plan my-images --target-accuracy 0.95 --skill 0.7,0.9.
    Where labels are known they are the truth. Elsewhere the truth is made up from clusters of the features, and how
    well a machine could tell the classes apart is a guess of yours: the table is as good as the guesses in it.
    """
    datasets, n_items = _pseudo_data(data, machine_accuracies, n_classes, max_items, folder), _count(data)
    has_truth = not datasets
    datasets = datasets or [str(data)]
    sources = [load(compose([_as_dataset([name]), "n_prototypes_per_class=0"])) for name in datasets]
    n_simulated = min(max_items, n_items) if has_truth else sources[0].dataset.n_items
    settings = [
        _as_dataset(datasets),
        "learner_method=askless",
        f"crowd.skill={skills}",
        f"crowd.n_annotators={annotators}",
        f"n_prototypes_per_class={','.join(map(str, _bound(prototypes, sources)))}",
        f"promise.target_accuracy={target_accuracy}",
        f"promise.confidence={confidence}",
        f"promise.max_audit_share={min(1.0, 0.5 * n_items / n_simulated):g}",
        f"seed={seeds}",
        *([f"n_data_per_class={max(1, max_items // sources[0].dataset.n_classes)}"] if has_truth else []),
    ]
    runs = folder / "runs"
    variants = [replace(variant, name=variant.name or "one") for variant in expand(settings)]
    ends = sweep(variants, runs, resume=runs.exists(), n_jobs=n_jobs, on_change=_tell)
    if failed := [end for end in ends if end.state is State.FAILED]:
        raise ConfigError(f"A campaign that the plan simulated failed: {failed[0].error}")
    rows = [_row(variant, alike, n_items) for variant, alike in _by_setting(ends)]
    page = write_report([end.folder for end in ends], folder / "report.html")
    if as_json:
        print(json.dumps(rows))
        return
    out.print(_table(rows, n_items))
    out.print(
        f"Answers for all {n_items:,} images: the crowd's share grows with their number, the audit's hardly.\n"
        + (
            "The truth is that of known labels. "
            if has_truth
            else "The truth is made up from clusters of the features. "
        )
        + "People err independently, more often between classes that look alike.",
        style="italic",
    )
    print(f"Curves: {page}")


def _as_dataset(names: Sequence[str]) -> str:
    return f"dataset={','.join(json.dumps(name, ensure_ascii=False) for name in names)}"


def _count(data: Path) -> int:
    """How many images there are in all."""
    return load_digits()[0].n_items if str(data) == "digits" else len(map_features(data / "features.npy"))


def _pseudo_data(data: Path, machine_accuracies: str, n_classes: int | None, max_items: int, folder: Path) -> list[str]:
    """A folder with a made-up truth for each accuracy of the machine; none where labels are known."""
    if str(data) == "digits":
        return []
    if not (data / "features.npy").is_file():
        raise ConfigError(f"{data} has no features.npy; make it by `askless embed {data}`, or save your own there.")
    place = CampaignFolder(data)
    if any((data / name).is_file() for name in LABELS):
        return []
    if place.items.is_file():
        n_classes = len(place.read_classes())
    if n_classes is None:
        raise ConfigError(f"{data} has no labels, so say how many classes there are: --classes N.")
    made = []
    for text in machine_accuracies.split(","):
        try:
            accuracy = float(text)
        except ValueError:
            accuracy = 0.0
        if not 0 < accuracy <= 1:
            raise ConfigError(f"--machine-accuracy {text!r} does not fit: give shares between 0 and 1.")
        to = folder / "data" / f"machine-{accuracy:g}"
        made.append(str(write_pseudo_data(data / "features.npy", n_classes, accuracy, max_items, to, seed=0)))
    return made


def _bound(prototypes: str, sources: Sequence[Source]) -> list[int]:
    """How many prototypes a class, so that something is left to label in the smallest one."""
    if not all(text.strip().isdecimal() for text in prototypes.split(",")):
        raise ConfigError(f"--prototypes {prototypes!r} does not fit: give whole numbers of 0 or more, such as 3,10.")
    wanted = [int(text) for text in prototypes.split(",")]
    smallest = min(int(np.bincount(source.truth, minlength=source.dataset.n_classes).min()) for source in sources)
    most = max(smallest - 1, 0)
    if max(wanted) > most:
        note(
            f"Simulated with {counted(most, 'prototype', 'prototypes')} a class at most: the smallest class has "
            f"{counted(smallest, 'image', 'images')}."
        )
    return list(dict.fromkeys(min(n, most) for n in wanted))


def _tell(standing: Standing) -> None:
    if standing.state is State.FINISHED and standing.summary:
        note(f"{standing.variant.name or 'the only one'}: {standing.summary['annotations_per_item']:.2f} per image")


def _by_setting(ends: Sequence[Standing]) -> list[tuple[Variant, list[dict[str, Any]]]]:
    """The summaries of runs that differ in the seed only, under the first of them."""
    groups: dict[tuple[tuple[str, str], ...], tuple[Variant, list[dict[str, Any]]]] = {}
    for end in ends:
        key = tuple((name, value) for name, value in end.variant.varied.items() if name != "seed")
        groups.setdefault(key, (end.variant, []))[1].append(dict(end.summary or {}))
    return list(groups.values())


def _row(variant: Variant, summaries: Sequence[dict[str, Any]], n_items: int) -> dict[str, Any]:
    config = variant.config
    per_image = mean((s["n_annotations"] - s["n_audited"]) / s["n_items"] for s in summaries)
    n_audited = mean(s["n_audited"] for s in summaries)
    kept = sum(s["stopped_because"] == "promise_kept" for s in summaries)
    return {
        "features": Path(config.dataset).name,
        "skill": config.crowd.skill,
        "annotators": config.crowd.n_annotators,
        "prototypes": config.n_prototypes_per_class,
        "answers_per_image": round(per_image, 3),
        "audits": round(n_audited),
        "answers_in_all": round(per_image * n_items + n_audited),
        "accuracy": round(mean(s["accuracy"] for s in summaries), 4),
        "promises_kept": f"{kept} of {len(summaries)}",
    }


def _table(rows: Sequence[dict[str, Any]], n_items: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "features" else "right")
    for row in rows:
        table.add_row(*(escape(value) if isinstance(value, str) else _shown(value) for value in row.values()))
    return table


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else decimals(value, 3)
