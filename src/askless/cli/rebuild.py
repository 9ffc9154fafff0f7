"""`askless rebuild`."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.progress import display_progress
from askless.cli.terminal import new_app, out
from askless.server.live import LiveCampaign

app = new_app()


@app.command()
def rebuild(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON object.")] = False,
) -> None:
    """Make everything derived anew from the log, and say whether it is what was kept. Exit code 1 if it is not.

    Each inference since the last `askless add` or `askless embed` is repeated, which takes as long as all of them did.
    The campaign must not be served meanwhile.
    """
    with closing(LiveCampaign(campaign)) as live, display_progress("inferences") as on_progress:
        found = live.rebuild(on_progress)
