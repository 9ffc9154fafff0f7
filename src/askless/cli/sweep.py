"""How `askless simulate` carries out comma lists, and what it shows of many runs."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from askless.cli.rounds import going_on
from askless.cli.terminal import decimals, out, progress
from askless.report import write_report
from askless.report.groups import Group, Spread, group_runs
from askless.report.run import read_runs
from askless.simulate.experiment import ACCURACY_LEVELS
from askless.simulate.sweep import Standing, State, sweep
from askless.simulate.variants import Variant

STYLES = {State.FAILED: "red", State.RUNNING: "bold", State.FINISHED: "", State.WAITING: "dim"}
"""In the order in which runs are shown where there is no room for all."""

LINES_BESIDE_RUNS = 4
FIGURES = ("annotations_per_item", "accuracy", "finished_share", "finished_accuracy", "ece", "seconds")


def run_sweep(variants: Sequence[Variant], folder: Path, *, resume: bool, n_jobs: int | None, as_json: bool) -> None:
    """Runs all, writes a page for each and one for all, prints means over seeds; exit code 2 if a run failed."""
    with _display_runs() as show:

        def on_change(standing: Standing) -> None:
            show(standing)
            page = standing.folder / "report.html"
            if standing.state is State.FINISHED and not page.exists():
                write_report([standing.folder], page)

        ends = sweep(variants, folder, resume=resume, n_jobs=n_jobs, on_change=on_change)
    finished = [end.folder for end in ends if end.state is State.FINISHED]
    groups = group_runs(read_runs(finished)) if finished else []
    page = write_report(finished, folder / "report.html") if finished else None
    if as_json:
        told = [_told_group(group, ends) for group in groups]
        print(json.dumps({"runs": [_told_run(end) for end in ends], "groups": told}))
    elif page:
        out.print(_grouped_table(groups))
        print(f"Report: {page}")
    if len(finished) < len(ends):
        _complain(ends, folder)
        raise typer.Exit(2)


@contextmanager
def _display_runs() -> Iterator[Callable[[Standing], None]]:
    """Shows runs as they come on: one table that changes on a terminal, a line for each that is over elsewhere."""
    if not progress.is_terminal:
        yield _print_if_over
        return
    standings: dict[str, Standing] = {}
    with Live(console=progress, refresh_per_second=8) as live:

        def show(standing: Standing) -> None:
            standings[standing.variant.name] = standing
            live.update(progress_table(list(standings.values()), max(1, progress.height - LINES_BESIDE_RUNS)))

        yield show


def _print_if_over(standing: Standing) -> None:
    if standing.state in (State.FINISHED, State.FAILED):
        *_, per_item, accuracy, finished, seconds = _cells(standing)
        told = f"{per_item} per item  accuracy {accuracy}  finished {finished}  {seconds} s"
        told = told if standing.state is State.FINISHED else f"failed: {standing.error}"
        progress.print(f"{standing.variant.name}: {told}", soft_wrap=True, markup=False)


def progress_table(standings: Sequence[Standing], max_rows: int) -> Table:
    """A row for each run, failed and running ones first; those that have no room are counted below."""
    keys = list(standings[0].variant.varied)
    count = Counter(standing.state for standing in standings)
    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    for key in keys:
        table.add_column(key, no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ("round", "per item", "accuracy", "finished", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    urgent = sorted(standings, key=lambda standing: list(STYLES).index(standing.state))
    for standing in urgent[:max_rows]:
        varied = [escape(standing.variant.varied[key]) for key in keys]
        table.add_row(*varied, standing.state, *_cells(standing), style=STYLES[standing.state])
    counted = ", ".join(f"{count[state]} {state}" for state in STYLES if count[state])
    n_hidden = max(0, len(standings) - max_rows)
    table.caption = f"{len(standings)} runs: {counted}" + (f" ({n_hidden} not shown)" if n_hidden else "")
    return table


def _cells(standing: Standing) -> tuple[str, str, str, str, str]:
    """Round, annotations per item, accuracy, finished share, seconds."""
    row = standing.row or {}
    known = standing.summary or row
    share = known.get("finished_share")
    return (
        str(row.get("round", "")),
        decimals(known.get("annotations_per_item")),
        decimals(known.get("accuracy", row.get("posterior_all_top1")), 3),
        "-" if share is None else f"{share:.0%}",
        decimals(known.get("seconds"), 1),
    )


def _grouped_table(groups: Sequence[Group]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left")
    table.title = "Annotations per item to reach an accuracy, and how it ended: mean over seeds, lowest..highest"
    table.add_column("", overflow="fold")
    table.add_column("seeds", justify="right")
    for name in (*(f"{level:.0%}" for level in ACCURACY_LEVELS), "at end", "accuracy", "finished", "ECE"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        costs = [group.spread_to_reach(f"{level:.2f}") for level in ACCURACY_LEVELS]
        table.add_row(
            escape(group.name),
            str(len(group.runs)),
            *(_spread_cell(cost, decimals) for cost in (*costs, group.spread("annotations_per_item"))),
            _spread_cell(group.spread("accuracy"), lambda value: decimals(value, 3)),
            _spread_cell(group.spread("finished_share"), lambda value: "-" if value is None else f"{value:.0%}"),
            _spread_cell(group.spread("ece"), lambda value: decimals(value, 3)),
        )
    return table


def _spread_cell(spread: Spread, form: Callable[[float | None], str]) -> str:
    if spread.n == 1 or not spread.n_known:
        return form(spread.mean)
    if spread.n_known < spread.n:
        return f"-\n[dim]{spread.n_known} of {spread.n}[/dim]"
    return f"{form(spread.mean)}\n[dim]{form(spread.low)}..{form(spread.high)}[/dim]"


def _told_run(end: Standing) -> dict[str, Any]:
    return {"name": end.variant.name, "settings": end.variant.varied, "summary": end.summary, "error": end.error}


def _told_group(group: Group, ends: Sequence[Standing]) -> dict[str, Any]:
    varied = next(end.variant.varied for end in ends if end.folder == group.runs[0].folder)
    reached = {f"{level:.2f}": asdict(group.spread_to_reach(f"{level:.2f}")) for level in ACCURACY_LEVELS}
    seeds = [run.summary["seed"] for run in group.runs]
    return {
        "settings": {key: value for key, value in varied.items() if key != "seed"},
        "seeds": seeds,
        **{key: asdict(group.spread(key)) for key in FIGURES},
        "reached": reached,
    }


def _complain(ends: Sequence[Standing], folder: Path) -> None:
    """Every error once, with the runs that it stopped."""
    names: dict[str, list[str]] = {}
    for end in ends:
        if end.error is not None:
            names.setdefault(end.error, []).append(end.variant.name)
    for error, failed in names.items():
        runs = f"all {len(ends)} runs" if len(failed) == len(ends) else ", ".join(failed)
        print(f"askless: {runs}: {error}", file=sys.stderr)
    if folder.exists():
        print(f"askless: Fix that, then go on with {going_on(folder)}", file=sys.stderr)
