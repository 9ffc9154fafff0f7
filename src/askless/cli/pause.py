"""`askless pause`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app
from askless.server.reach import reach

app = new_app()


@app.command()
def pause(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the state as one JSON object.")] = False,
) -> None:
    """Hand out nothing for now; answers that are under way are kept."""
    with reach(campaign) as manager:
        manager.post("/pause")
    print(json.dumps({"is_paused": True}) if as_json else "Paused: nothing is handed out until askless resume.")
