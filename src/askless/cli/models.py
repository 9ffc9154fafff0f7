"""`askless models`."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from askless.cli.terminal import new_app, note, out
from askless.embed.models import MODELS, Model, open_encoder
from askless.embed.run import count_cores
from askless.errors import AsklessError

app = new_app()

N_MEASURED = 64
MANY_IMAGES = 100_000


@app.callback()
def models() -> None:
    """List the models that can make features, and what they cost to run here."""


@app.command("list")
def list_command(
    measure: Annotated[
        bool, typer.Option("--measure", help="Run each model whose weights can be had; may download them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models that askless embed knows by name, with licence, size and what they cost to run here.

    Without --measure, speed is reckoned from the cores of this machine and times that were measured elsewhere.
    """
    rows = [_describe(model, measure) for model in MODELS.values()]
    if as_json:
        print(json.dumps({"models": rows}))
        return
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("model", "runs by", "licence", "D", "MB", "images/s here", "100,000 images", "reads class names"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            row["engine"] if row["can_run"] else f"{row['engine']} (not installed)",
            row["licence"],
            str(row["dimension"]),
            f"{row['megabytes']:.0f}",
            f"{row['images_per_second']:.3g}{'' if row['is_measured'] else ' (estimate)'}",
            _duration(MANY_IMAGES / row["images_per_second"]),
            "yes" if row["has_text"] else "no",
        )
    out.print(table)
    out.print("Decoding the images comes on top: about 3 ms of one core for 500 x 375 pixels, 20 ms for 12 megapixels.")


def _describe(model: Model, measure: bool) -> dict[str, Any]:
    row = asdict(model) | {"can_run": model.can_run, "is_measured": False}
    row["images_per_second"] = count_cores() / model.core_seconds
    if measure and model.can_run:
        try:
            row["images_per_second"], row["is_measured"] = _measure(model.name), True
        except AsklessError as error:
            note(f"{model.name} is not measured: {error}")
    return row


def _measure(name: str) -> float:
    """Images a second on all cores, decoding apart."""
    encoder = open_encoder(name)
    size = encoder.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (N_MEASURED, size, size, 3), np.uint8)
    start = time.perf_counter()
    with ThreadPoolExecutor(count_cores()) as pool:
        list(pool.map(encoder.encode, np.split(pixels, range(encoder.batch_size, N_MEASURED, encoder.batch_size))))
    return N_MEASURED / (time.perf_counter() - start)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
