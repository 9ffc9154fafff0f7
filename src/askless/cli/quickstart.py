"""`askless quickstart`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.browser import has_display, open_link
from askless.cli.intake import Store
from askless.cli.links import print_link
from askless.cli.progress import display_progress
from askless.cli.promise import Confidence, TargetAccuracy, name_auditors, promise_settings
from askless.cli.serve import Host, Port, PublicUrl, warn, warn_of_settings
from askless.cli.terminal import counted, new_app, note, out
from askless.data.classes import OTHER, parse_classes
from askless.data.folder import CampaignFolder
from askless.data.intake import init
from askless.embed.models import open_encoder
from askless.embed.run import embed
from askless.server.live import LiveCampaign
from askless.server.serve import serve
from askless.store.postgres import address_of_folder

app = new_app()


@app.command()
def quickstart(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder, table or .tar of images.")],
    classes: Annotated[str, typer.Option(help="Names between commas, or a .txt or .json file.")],
    campaign: Annotated[
        Path | None, typer.Option(help="Folder of the campaign; by default IMAGES-campaign, here.")
    ] = None,
    target_accuracy: TargetAccuracy = None,
    confidence: Confidence = None,
    store: Store = "",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    public_url: PublicUrl = None,
    n_annotators: Annotated[
        int, typer.Option("--annotators", min=0, help="How many annotators to make links for.")
    ] = 3,
    is_quiet: Annotated[bool, typer.Option("--no-browser", help="Do not open the manager's page here.")] = False,
    has_codes: Annotated[bool, typer.Option("--qr", help="Show each link as a QR code, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the links as one JSON object.")] = False,
) -> None:
    """From a folder of images to a page where people answer: init, embed, serve, and links for everybody.

    For example: askless quickstart photos --classes cat,dog,owl. Repeated, it goes on where it was.
    """
    place = CampaignFolder(campaign or Path(f"{images.resolve().stem}-campaign"))
    warn(host, public_url)
    try:
        _prepare(place, images, classes, promise_settings(target_accuracy, confidence), store)
    except KeyboardInterrupt:
        note("Interrupted. Nothing is lost: repeat the command to go on.")
        raise typer.Exit(130) from None

    def say(live: LiveCampaign, url: str) -> None:
        manager = live.link(live.admin(), url)
        names = [f"annotator-{number}" for number in range(1, n_annotators + 1)]
        promise = live.campaign.config.promise
        links = {name: live.link(live.invite_for_good(name, "annotator"), url) for name in (*names, *promise.trusted)}
        if as_json:
            people = {"annotators": names, "auditors": promise.trusted}
            told = {role: {name: links[name] for name in known} for role, known in people.items()}
            print(json.dumps({"url": url, "admin": manager} | told), flush=True)
        else:
            out.print(
                "\nEach of these links is for one person and good until you take it back. "
                "Ctrl-C ends serving; repeated, this command goes on.\n",
                soft_wrap=True,
            )
            print_link("manager", manager, has_code=has_codes)
            for name, link in links.items():
                print_link(name, link, has_code=has_codes)
            if promise.trusted:
                out.print(f"\n{name_auditors(promise)}", markup=False, soft_wrap=True)
        warn_of_settings(live)
        if not is_quiet and has_display():
            open_link(manager, place.opening)

    try:
        serve(place.root, host=host, port=port, public_url=public_url, on_ready=say)
    finally:
        place.opening.unlink(missing_ok=True)


def _prepare(place: CampaignFolder, images: Path, classes: str, settings: list[str], store: str) -> None:
    address = address_of_folder(store, place.root) if store else ""
    with display_progress("images") as on_progress:
        intake = init(place, images, parse_classes(classes), settings=settings, store=address, on_progress=on_progress)
    has_other = any(one.name == OTHER for one in place.read_classes())
    names = counted(intake.n_classes - has_other, "class", "classes") + (f" and `{OTHER}`" if has_other else "")
    note(f"{place.root}: {counted(intake.n_items, 'item', 'items')}, {names}.")
    if intake.skipped:
        left_out = counted(sum(intake.skipped.values()), "file is", "files are")
        note(f"{left_out} left out; {place.skipped} says why.")
    if not place.features.exists():
        with display_progress("features") as on_progress:
            embed(place, open_encoder("basic"), on_progress=on_progress)
