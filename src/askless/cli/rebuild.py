"""`askless rebuild`."""

from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app

app = new_app()


@app.command()
def rebuild(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON object.")] = False,
) -> None:
    """Make everything derived anew from the log, and say whether it is what was kept. Exit code 1 if it is not.

    Every inference since the last `askless add` or `askless embed` is repeated, which takes as long as all of them did.
    """
