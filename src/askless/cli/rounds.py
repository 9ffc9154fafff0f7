"""How simulated rounds are shown while they come, and what is said of them at the end."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.table import Table

from askless.cli.terminal import decimals, out, progress, whole_percent
from askless.core.risk import StopReason
from askless.simulate.experiment import ACCURACY_LEVELS, Row


@contextmanager
def display_rounds(method: str) -> Iterator[Callable[[Row], None]]:
    """Shows rounds as they come: one line that changes on a terminal, a line each elsewhere."""
    if not progress.is_terminal:
        yield lambda row: progress.print(f"{method}: {_progress_line(row)}", soft_wrap=True)
        return
    with Live(console=progress, refresh_per_second=8) as live:
        yield lambda row: live.update(f"[bold]{method}[/bold]  {_progress_line(row)}")


def _progress_line(row: Row) -> str:
    finished = whole_percent(row["finished_share"] or 0)
    return (
        f"round {row['round']}  {row['n_annotations']} annotations  {row['annotations_per_item']:.2f} per item  "
        f"accuracy {row['posterior_all_top1']:.3f}  finished {finished}  {row['seconds']:.0f} s"
    )


def going_on(folder: Path) -> str:
    """The command that goes on with a folder."""
    return shlex.join(["askless", "simulate", "--out", str(folder), "--resume"])


def print_summaries(summaries: list[dict[str, Any]]) -> None:
    """A line for each run."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in (*(f"{level:.0%}" for level in ACCURACY_LEVELS), "at end", "accuracy", "finished", "ECE", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(
            summary["method"],
            *(decimals(value) for value in summary["reached"].values()),
            decimals(summary["annotations_per_item"]),
            decimals(summary["accuracy"], 3),
            whole_percent(summary["finished_share"]),
            decimals(summary["ece"], 3),
            decimals(summary["seconds"], 1),
        )
    out.print("Annotations per item to reach an accuracy, and how each method ended", style="italic")
    out.print(table)


def print_prototypes(summary: dict[str, Any]) -> None:
    """Says what a cost of 0.00 leaves out."""
    if summary["n_prototypes"] and 0 in summary["reached"].values():
        out.print(
            f"0.00: reached by the {summary['n_prototypes']:,} images labelled in advance (prototypes), "
            "which are not counted."
        )


def print_promise(target_accuracy: float, confidence: float, summary: dict[str, Any]) -> None:
    """Whether the promise was kept, what audits have proved, and what they took."""
    is_kept = summary["stopped_because"] == StopReason.PROMISE_KEPT
    out.print(
        f"The promise, {100 * target_accuracy:g} % right with {100 * confidence:g} % confidence, was "
        f"{'kept' if is_kept else 'not kept'}: audits prove {int(1000 * summary['accuracy_low']) / 10:.1f} % or more. "
        f"{summary['n_audited']:,} of the {summary['n_annotations']:,} answers are the auditors'.",
        soft_wrap=True,
    )
