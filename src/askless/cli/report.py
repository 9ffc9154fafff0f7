"""`askless report`."""

from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app
from askless.report import write_report
from askless.simulate.sweep import SWEEP_FILE, read_sweep

app = new_app()


@app.command()
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders to be laid side by side; a sweep stands for its runs."),
    ],
    page: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page about one run, or several side by side."""
    print(f"Report: {write_report([run for folder in runs for run in _runs_of(folder)], page)}")


def _runs_of(folder: Path) -> list[Path]:
    if not (folder / SWEEP_FILE).exists():
        return [folder]
    return [folder / variant.name for variant in read_sweep(folder)]
