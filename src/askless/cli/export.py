"""`askless export`."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app, note
from askless.core.risk import ItemStatus
from askless.data.labels_out.folder import write_export
from askless.data.labels_out.formats import FORMATS, find_format
from askless.data.labels_out.item_images import Way, place_image
from askless.data.labels_out.outcome import DecidedBy, Outcome
from askless.errors import ConfigError
from askless.simulate.run import open_run
from askless.workspace import feature_licences, open_or_look, outcome_of, take_outcome

app = new_app()


@app.command()
def export(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Campaign folder, or run folder.")],
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "csv",
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the export; by default CAMPAIGN/exports/FORMAT.")
    ] = None,
    way: Annotated[
        Way, typer.Option("--images", help="How images get there; links need no room on the disk.")
    ] = Way.COPY,
    is_finished_only: Annotated[
        bool, typer.Option("--finished-only", help="Leave out items that are open, exhausted or broken.")
    ] = False,
    is_forced: Annotated[
        bool, typer.Option("--force", help="If something else is there, rename it with .old at the end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Write the labels of a campaign in a format that other tools read.

    For example: askless export birds --format imagefolder --out labelled --images hardlink.
    Every export is a folder with a dataset card. Exporting again replaces it, unless something in it was changed.
    """
    make_files = find_format(form)
    root = Path.cwd() if _is_run(campaign) else campaign
    folder = folder or campaign / "exports" / form
    if campaign.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"{folder} holds the campaign itself; choose another folder by --out.")
    outcome = _outcome_of_run(campaign) if _is_run(campaign) else _outcome(campaign)
    if is_finished_only:
        outcome = outcome.finished()
    images = outcome.result.dataset.images or ()
    n_files = write_export(
        folder,
        make_files(outcome),
        lambda item, target: place_image(images[item], root, target, way),
        is_forced=is_forced,
    )
    n_undecided = int((outcome.decided_by == DecidedBy.NOBODY).sum())
    if n_undecided:
        note(
            f"{n_undecided} of {len(outcome.items)} labels say nothing: nobody has labelled the item, and no machine "
            "has (decided_by: nobody)."
        )
    n_open = int((outcome.result.status == ItemStatus.OPEN).sum())
    if n_open:
        note(f"{n_open} of {len(outcome.items)} items are not finished yet (status: open), and exported, too.")
    if outcome.n_left_out:
        note(f"{outcome.n_left_out} items are not finished, and left out.")
    if as_json:
        told = {"n_items": len(outcome.items), "n_left_out": outcome.n_left_out, "n_files": n_files}
        print(json.dumps({"format": form, "folder": str(folder), **told}))
    else:
        print(f"Written: {folder} ({n_files} files)")


def _outcome_of_run(folder: Path) -> Outcome:
    with closing(open_run(folder)) as campaign:
        return take_outcome(campaign, folder.resolve().name)


def _outcome(folder: Path) -> Outcome:
    with open_or_look(folder) as (campaign, is_alone):
        if not is_alone:
            note("The campaign is served: labels are those of its last inference.")
        found = take_outcome if is_alone else outcome_of
        return found(campaign, folder.resolve().name, feature_licences(folder))


def _is_run(folder: Path) -> bool:
    """Whether `askless simulate` made this folder."""
    return (folder / "config.toml").is_file()
