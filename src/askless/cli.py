"""The command line: the library with words. Bad input is one sentence and exit code 2."""

import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from askless import __version__
from askless.config import SimulationConfig, compose, describe_settings
from askless.data.table import AnnotationTable, read_annotations, read_truth, write_tables
from askless.errors import AsklessError, ConfigError
from askless.estimators import METHODS, MajorityVote
from askless.metrics import score
from askless.report import write_report
from askless.simulate.experiment import ACCURACY_LEVELS, Row
from askless.simulate.run import read_config, simulate

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"max_content_width": 110},
)
WIDTH_OF_PLAIN_OUTPUT = 120

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_PLAIN_OUTPUT)
progress = Console(stderr=True, highlight=False)

DEMO_METHODS = {
    "majority_vote": ["sampler.max_per_item=7"],
    "ds_model": ["sampler.max_per_item=7"],
    "efficient_annotation": [],
}
DEMO_MARKER = ".askless-demo"
DEMO_SETTINGS = ["dataset=digits", "crowd.n_annotators=30", "crowd.skill=0.7", "seed=0"]


@app.callback(invoke_without_command=True)
def _root(is_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Label large image sets with as few human answers as possible."""
    if is_version:
        out.print(f"askless {__version__}")
        raise typer.Exit


@app.command("simulate")
def simulate_command(
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; KEY=VALUE wins over it.")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Run folder; must not exist yet.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Let simulated annotators label a set whose truth is known, and report what it cost.

    For example: askless simulate dataset=digits learner_method=efficient_annotation
    simulation=structured_noise sampler.algo=greedy_task_assignment seed=3.
    `askless settings` lists every key. The names of the paper's code are understood too.
    """
    is_bare = not settings and config is None
    composed = read_config(folder) if resume and folder and is_bare else compose(settings or (), config)
    folder = folder or Path("runs") / _run_name(composed)
    try:
        with _display(composed.learner_method) as on_round:
            summary = simulate(composed, folder, resume=resume, on_round=on_round)
    except KeyboardInterrupt:
        command = shlex.join(["askless", "simulate", "--out", str(folder), "--resume"])
        print(f"Interrupted. Nothing is lost: go on with {command}", file=sys.stderr)
        raise typer.Exit(130) from None
    page = write_report([folder], folder / "report.html")
    if as_json:
        print(json.dumps(summary))
    else:
        out.print(_summary_table([summary]))
        print(f"Report: {page}")


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, to be laid side by side.")],
    page: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page about one run, or several side by side."""
    print(f"Report: {write_report(runs, page)}")


@app.command()
def aggregate(
    answers: Annotated[Path, typer.Argument(help="Table with columns item (or task), annotator (or worker), label.")],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "dawid_skene",
    labels: Annotated[Path | None, typer.Option("-o", "--out", help="Write item, label, probability.")] = None,
    probabilities: Annotated[Path | None, typer.Option(help="Write item and the probability of each class.")] = None,
    annotators: Annotated[Path | None, typer.Option(help="Write annotator, n_annotations, skill.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Table with columns item (or task), label, to score by.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Find the labels of a table of annotations that is there already.

    For example: askless aggregate answers.csv --method dawid_skene -o labels.csv.
    All tables are CSV, or Parquet if their names end so.
    """
    if method not in METHODS:
        raise ConfigError(f"There is no method {method!r}; allowed: {', '.join(METHODS)}.")
    start = time.perf_counter()
    outputs = [path for path in (labels, probabilities, annotators) if path]
    paths = [path.resolve() for path in (answers, *outputs, *([truth] if truth else []))]
    if len(set(paths)) < len(paths):
        raise ConfigError("Each table needs a file of its own, but one is named twice; choose another name.")
    known = read_truth(truth) if truth else None
    table = read_annotations(answers)
    if table.n_repeated:
        n_rows = table.n_repeated + len(table.annotations)
        _note(f"Left out {table.n_repeated} of {n_rows} annotations: the same annotator labels the same item again.")
    fitted = METHODS[method]().fit(table)
    summary = _aggregation_summary(method, table, fitted, known)
    columns = {
        labels: {"item": table.items, "label": fitted.labels_, "probability": fitted.posterior_.max(axis=1)},
        probabilities: {
            "item": table.items,
            **{str(name): fitted.posterior_[:, k] for k, name in enumerate(table.classes)},
        },
        annotators: {
            "annotator": table.annotators,
            "n_annotations": fitted.n_annotations_.tolist(),
            "skill": fitted.skill_,
        },
    }
    write_tables({path: content for path, content in columns.items() if path})
    summary["seconds"] = round(time.perf_counter() - start, 3)
    if as_json:
        print(json.dumps(summary))
        return
    for key, value in summary.items():
        out.print(f"{key:16} {_decimals(value, 4) if value is None or isinstance(value, float) else value}")
    for path in outputs:
        print(f"Written: {path}")


@app.command()
def settings() -> None:
    """List every setting with its default and what it means."""
    for key, default, allowed, meaning in describe_settings():
        out.print(f"[bold]{key}[/bold] = {default}", soft_wrap=True)
        note = "; ".join(part for part in (meaning, allowed and f"allowed: {allowed}") if part)
        if note:
            out.print(f"    [dim]{note}[/dim]", soft_wrap=True)


@app.command()
def demo(folder: Annotated[Path, typer.Option("--out", help="Folder of the demo's runs.")] = Path("runs/demo")) -> None:
    """Label 1,697 digits with 30 simulated annotators in three ways and compare what each needs."""
    marker = folder / DEMO_MARKER
    if folder.exists() and not marker.exists():
        raise ConfigError(f"{folder} exists and is no folder of the demo; choose another by --out.")
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()
    summaries = []
    for method, own in DEMO_METHODS.items():
        shutil.rmtree(folder / method, ignore_errors=True)
        with _display(method) as on_round:
            config = compose([f"learner_method={method}", *DEMO_SETTINGS, *own])
            summaries.append(simulate(config, folder / method, on_round=on_round))
        write_report([folder / method], folder / method / "report.html")
    page = write_report([folder / method for method in DEMO_METHODS], folder / "report.html")
    first = summaries[0]
    out.print(
        f"\n{first['n_items']} images of handwritten digits, {first['n_annotators']} simulated annotators who are "
        f"right about 70 % of the time.\n{first['n_prototypes']} more images are labelled in advance "
        f"({first['n_prototypes'] / first['n_items']:.2f} per item, not counted below);\n"
        "only efficient_annotation makes use of them.\n"
    )
    out.print(_summary_table(summaries))
    print(f"\nReport: {page}")


def main() -> None:
    """Entry point of the `askless` command."""
    try:
        app()
    except AsklessError as error:
        print(f"askless: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(
            f"askless: {error.filename or 'The output'}: {error.strerror}; mend that, or write elsewhere.",
            file=sys.stderr,
        )
        sys.exit(2)


def _note(text: str) -> None:
    progress.print(text, soft_wrap=True)


def _aggregation_summary(
    method: str, table: AnnotationTable, fitted: MajorityVote, truth: dict[str, str] | None
) -> dict[str, Any]:
    """What `askless aggregate` prints; says on stderr what part of the truth does not fit the table."""
    summary = {
        "method": method,
        "n_items": len(table.items),
        "n_classes": len(table.classes),
        "n_annotators": len(table.annotators),
        "n_annotations": len(table.annotations),
        "n_repeated": table.n_repeated,
        "iterations": fitted.n_iter_,
        "accuracy": None,
        "n_scored": 0,
    }
    if truth is not None:
        found = dict(zip(map(str, table.items), map(str, fitted.labels_), strict=True))
        result = score(found, {str(name) for name in table.classes}, truth)
        summary |= {"accuracy": result.accuracy, "n_scored": result.n_scored}
        if result.n_unknown_items:
            _note(
                f"Not scored: {result.n_unknown_items} of {len(truth)} items with a truth, which are not in the table."
            )
        if result.n_unknown_labels:
            _note(f"Wrong for certain: {result.n_unknown_labels} items whose true label nobody gave.")
    return summary


def _run_name(config: SimulationConfig) -> str:
    return f"{config.learner_method}-{config.data_name}-{config.simulation}-seed{config.seed}"


@contextmanager
def _display(method: str) -> Iterator[Callable[[Row], None]]:
    """Shows rounds as they come: one line that changes on a terminal, a line each elsewhere."""
    if not progress.is_terminal:
        yield lambda row: progress.print(f"{method}: {_progress_line(row)}", soft_wrap=True)
        return
    with Live(console=progress, refresh_per_second=8) as live:
        yield lambda row: live.update(f"[bold]{method}[/bold]  {_progress_line(row)}")


def _progress_line(row: Row) -> str:
    return (
        f"round {row['round']}  {row['n_annotations']} annotations  {row['annotations_per_item']:.2f} per item  "
        f"accuracy {row['posterior_all_top1']:.3f}  finished {row['finished_share']:.0%}  {row['seconds']:.0f} s"
    )


def _summary_table(summaries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left")
    table.title = "Annotations per item to reach an accuracy, and how each method ended"
    table.add_column("", no_wrap=True)
    for name in (*(f"{level:.0%}" for level in ACCURACY_LEVELS), "at end", "accuracy", "finished", "ECE", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(
            summary["method"],
            *(_decimals(value) for value in summary["reached"].values()),
            _decimals(summary["annotations_per_item"]),
            _decimals(summary["accuracy"], 3),
            f"{summary['finished_share']:.0%}",
            _decimals(summary["ece"], 3),
            _decimals(summary["seconds"], 1),
        )
    return table


def _decimals(value: float | None, n: int = 2) -> str:
    return "-" if value is None else f"{value:.{n}f}"
