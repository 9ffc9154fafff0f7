"""`askless init`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from askless.advice import advise
from askless.cli.intake import Store, take_in, use_of
from askless.cli.promise import Confidence, TargetAccuracy, name_auditors, promise_settings
from askless.cli.terminal import new_app, note
from askless.data.classes import parse_classes
from askless.data.folder import CampaignFolder
from askless.data.intake import init
from askless.store.postgres import address_of_folder

app = new_app()


@app.command()
def init_command(
    campaign: Annotated[Path, typer.Argument(help="Folder of the campaign; is made.")],
    images: Annotated[Path, typer.Option(help="Folder, table (.csv, .jsonl, .parquet) or .tar of images.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    classes: Annotated[str | None, typer.Option(help="Names between commas, or a .txt or .json file.")] = None,
    labels_are: Annotated[str, typer.Option(help="Use folder names and other labels as: prototype, gold.")] = "",
    no_other: Annotated[bool, typer.Option("--no-other", help="Leave out the class for what is none of them.")] = False,
    target_accuracy: TargetAccuracy = None,
    confidence: Confidence = None,
    store: Store = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Make a campaign from images: every file is looked at once, and used or reported by name.

    For example: askless init birds --images photos --classes sparrow,finch,tit.
    Interrupted and repeated, it goes on where it was.
    """
    named = None if classes is None else parse_classes(classes)
    take_in(
        campaign,
        lambda on_progress: init(
            CampaignFolder(campaign),
            images,
            named,
            labels_are=use_of(labels_are),
            has_other=not no_other,
            settings=[*(settings or ()), *promise_settings(target_accuracy, confidence)],
            store=address_of_folder(store, campaign) if store else "",
            on_progress=on_progress,
        ),
        as_json=as_json,
    )
    place = CampaignFolder(campaign)
    config = place.read_config().campaign
    if advice := advise(config, len(place.prototypes()) + len(place.gold())):
        note(f"Warning: {advice}")
    if config.promise.target_accuracy is not None:
        links = shlex.join(["askless", "invite", str(campaign), *config.promise.auditors])
        note(f"{name_auditors(config.promise)} Their links: {links}")
