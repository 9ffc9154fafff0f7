"""`askless report`."""

from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app
from askless.report import write_report

app = new_app()


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, to be laid side by side.")],
    page: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page about one run, or several side by side."""
    print(f"Report: {write_report(runs, page)}")
