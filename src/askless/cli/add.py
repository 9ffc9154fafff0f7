"""`askless add`."""

from pathlib import Path
from typing import Annotated

import typer

from askless.cli.intake import take_in, use_of
from askless.cli.served import note_if_served
from askless.cli.terminal import new_app, note
from askless.data.campaign_features import explain_outdated_prior, is_prior_outdated
from askless.data.classes import parse_classes
from askless.data.folder import CampaignFolder
from askless.data.intake import add
from askless.errors import ConfigError

app = new_app()


@app.command()
def add_command(
    campaign: Annotated[Path, typer.Argument(help="Folder that `askless init` made.")],
    images: Annotated[Path | None, typer.Option(help="Folder, table (.csv, .jsonl, .parquet) or .tar.")] = None,
    classes: Annotated[str | None, typer.Option(help="Names between commas, or a .txt or .json file.")] = None,
    labels_are: Annotated[str, typer.Option(help="Use folder names and other labels as: prototype, gold.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Bring new images, classes and known labels into a campaign; what is there keeps its id and place.

    For example: askless add birds --images more-photos --classes wren.
    """
    if images is None and classes is None:
        raise ConfigError("There is nothing to add; name --images, --classes, or both.")
    named = () if classes is None else parse_classes(classes)
    folder = CampaignFolder(campaign)
    take_in(
        campaign,
        lambda on_progress: add(folder, images, named, labels_are=use_of(labels_are), on_progress=on_progress),
        as_json=as_json,
    )
    note_if_served(folder)
    if is_prior_outdated(folder):
        note(explain_outdated_prior(folder))
