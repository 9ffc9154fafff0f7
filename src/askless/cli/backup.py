"""`askless backup`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from askless.backup import back_up
from askless.cli.terminal import new_app
from askless.data.folder import CampaignFolder

app = new_app()


@app.command()
def backup(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .tar to write; must not exist yet.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Copy the log and the small files of a campaign, also while it is served.

    For example: askless backup birds birds-monday.tar. To restore, end serving, then: rm birds/log.db*; tar -xf
    birds-monday.tar -C birds.
    """
    n_bytes = back_up(CampaignFolder(campaign), file)
    if as_json:
        print(json.dumps({"file": str(file), "n_bytes": n_bytes}))
    else:
        print(f"Written: {file} ({n_bytes / 1e6:.1f} MB)")
        print(f"To restore, end serving, then: rm {campaign}/log.db*; tar -xf {file} -C {campaign}")
