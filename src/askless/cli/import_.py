"""`askless import`."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app, note, out
from askless.data.answers_in.formats import READERS, read_answers
from askless.data.folder import CampaignFolder
from askless.importing import ImportReport, import_answers
from askless.workspace import alone, open_campaign

app = new_app()

N_SHOWN = 20
SECONDS_BETWEEN_LINES = 5.0


@app.command()
def import_command(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Campaign folder, made by `askless init`.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Answers that were given elsewhere.")],
    form: Annotated[
        str | None, typer.Option("--format", help=f"One of {', '.join(READERS)}; by default name and header tell.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Record answers that people gave elsewhere.

    For example: askless import birds answers.csv. Importing the same file again changes nothing.
    Ends with exit code 1 if no row could be used.
    """
    answers = read_answers(file, form)
    with alone(CampaignFolder(campaign)), closing(open_campaign(campaign)) as opened:
        names = CampaignFolder(campaign).class_index()
        report = import_answers(opened, answers, names, _say_how_far())
    for row, reason in report.problems[:N_SHOWN]:
        note(f"Row {row}: {reason}.")
    n_problems = report.n_refused + report.n_unusable
    if n_problems > N_SHOWN:
        note(f"... and {n_problems - N_SHOWN} more; --json has the first {len(report.problems)}.")
    if as_json:
        print(json.dumps(_as_object(report)))
    else:
        _print(report)
    if n_problems and not report.n_accepted + report.n_repeated:
        raise typer.Exit(1)


def _print(report: ImportReport) -> None:
    out.print(f"accepted    {report.n_accepted}")
    out.print(f"repeated    {report.n_repeated}")
    out.print(f"refused     {report.n_refused}")
    out.print(f"unusable    {report.n_unusable}")
    out.print(f"new people  {len(report.new_annotators)}")
    for remark, n in report.remarks.items():
        out.print(f"{n} {remark}")


def _as_object(report: ImportReport) -> dict[str, object]:
    return {
        "n_accepted": report.n_accepted,
        "n_repeated": report.n_repeated,
        "n_refused": report.n_refused,
        "n_unusable": report.n_unusable,
        "new_annotators": report.new_annotators,
        "remarks": report.remarks,
        "problems": [{"row": row, "reason": reason} for row, reason in report.problems],
    }


def _say_how_far() -> Callable[[int], None]:
    """A line on stderr every few seconds."""
    last = time.monotonic()

    def say(n_rows: int) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            note(f"{n_rows} rows")

    return say
