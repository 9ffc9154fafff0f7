"""`askless data`."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from askless.cli.terminal import new_app, out, progress
from askless.data import download
from askless.data.catalogue import CATALOGUE, PublicFile, find_data

app = new_app()


@app.callback()
def _data() -> None:
    """Fetch public data that askless works with and may not ship."""


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List what can be fetched, and what is there already.

    It is looked for in the user's data folder, or in $ASKLESS_DATA.
    """
    if as_json:
        found = [(data, data.default_folder) for data in CATALOGUE.values()]
        print(json.dumps([asdict(data) | {"folder": str(at), "is_there": data.is_in(at)} for data, at in found]))
        return
    for data in CATALOGUE.values():
        state = (
            "there" if data.is_in(data.default_folder) else f"not there; fetch it with: askless data get {data.name}"
        )
        out.print(f"[bold]{data.name}[/bold]  about {decimal(data.n_bytes)}; {state}", soft_wrap=True)
        for line in (data.purpose, f"Licence: {data.licence}", f"Folder: {data.default_folder}"):
            out.print(f"    {line}", style="dim", markup=False, soft_wrap=True)


@app.command("get")
def get_command(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(CATALOGUE)}.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to put the files, if not in the user's data folder.")
    ] = None,
) -> None:
    """Fetch public data, check it, and say how to use it.

    A call that was cut off goes on where it was. Files that are there already are only checked.
    """
    data = find_data(name)
    place = folder or data.default_folder
    try:
        with _display_progress() as on_progress:
            files = download.get(data, place, on_progress)
    except KeyboardInterrupt:
        command = shlex.join(["askless", "data", "get", name, *(["--folder", str(folder)] if folder else [])])
        print(f"Interrupted. What has come is kept: go on with {command}", file=sys.stderr)
        raise typer.Exit(130) from None
    for file in files:
        print(f"{'There already' if file.was_there else 'Fetched'}: {file.path}")
        if file.recorded:
            print(f"    No checksum of it is published; {file.recorded} is recorded beside it for later calls.")
    print(f"To use it: {data.example(place)}")


@contextmanager
def _display_progress() -> Iterator[download.Progress]:
    """A bar for each file on a terminal, a line for each elsewhere."""
    if not progress.is_terminal:
        noted: set[PublicFile] = set()

        def note_start(file: PublicFile, n_here: int, n_bytes: int) -> None:
            if file not in noted:
                noted.add(file)
                print(f"{file.url}: {decimal(n_bytes - n_here)} to fetch of {decimal(n_bytes)}", file=sys.stderr)

        yield note_start
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=progress,
    ) as bars:
        tasks: dict[PublicFile, TaskID] = {}

        def move_bar(file: PublicFile, n_here: int, n_bytes: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file.name, total=n_bytes, completed=n_here)
            bars.update(tasks[file], completed=n_here)

        yield move_bar
