"""`askless resume`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app
from askless.server.reach import reach

app = new_app()


@app.command()
def resume(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the state as one JSON object.")] = False,
) -> None:
    """Hand out again after a pause."""
    with reach(campaign) as manager:
        manager.post("/resume")
    print(json.dumps({"is_paused": False}) if as_json else "Resumed.")
