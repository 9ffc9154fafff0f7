"""What `askless init` and `askless add` have in common: what is known labels' use, and what they say at the end."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.progress import display_progress
from askless.cli.terminal import counted, note, out
from askless.data.intake import Intake, Progress
from askless.data.item_table import Use, find_use
from askless.errors import ConfigError

Store = Annotated[
    str, typer.Option(envvar="ASKLESS_STORE", help="Keep answers in PostgreSQL: postgresql://user@host/database.")
]


def take_in(campaign: Path, run: Callable[[Progress], Intake], *, as_json: bool) -> None:
    """Runs it and says what came of it."""
    start = time.perf_counter()
    try:
        with display_progress("images") as on_progress:
            intake = run(on_progress)
    except KeyboardInterrupt:
        print("Interrupted. Nothing is lost: repeat the command to go on.", file=sys.stderr)
        raise typer.Exit(130) from None
    seconds = time.perf_counter() - start
    if as_json:
        print(json.dumps(asdict(intake) | {"seconds": round(seconds, 3)}))
        return
    if intake.n_new:
        images = counted(intake.n_new, "new image", "new images")
        out.print(f"{images} in {seconds:.1f} s, {intake.n_new / seconds:.0f} a second.")
    else:
        out.print("No new images.")
    items, classes = counted(intake.n_items, "item", "items"), counted(intake.n_classes, "class", "classes")
    out.print(
        f"{campaign} has {items} and {classes}; prototypes: {intake.n_prototypes}, gold: {intake.n_gold}.",
        markup=False,
        soft_wrap=True,
    )
    for reason, count in intake.skipped.items():
        out.print(f"{count:8} {'file' if count == 1 else 'files'} left out: {reason}", markup=False, soft_wrap=True)
    if intake.skipped:
        print(f"Each by name: {campaign / 'skipped.csv'}")
    if intake.n_notes:
        print(f"{counted(intake.n_notes, 'remark', 'remarks')} on images that are used: {campaign / 'notes.csv'}")
    if intake.n_unused_labels:
        note(f"{intake.n_unused_labels} images have a label already, which is not used; --labels-are says what for.")


def use_of(labels_are: str) -> Use:
    """Raises ConfigError if it is no use of labels."""
    use = find_use(labels_are)
    if use is None:
        raise ConfigError(f"--labels-are {labels_are} is not known; allowed: prototype, gold.")
    return use
