"""`askless annotators`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from askless.cli.terminal import decimals, new_app, out
from askless.server.reach import reach

app = new_app()


@app.command()
def annotators(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    banned: Annotated[
        str | None, typer.Option("--ban", metavar="NAME", help="Ask them nothing; their answers no longer count.")
    ] = None,
    unbanned: Annotated[str | None, typer.Option("--unban", metavar="NAME", help="Undo that.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as a JSON list.")] = False,
) -> None:
    """List who answers, how much, how fast and how well; ban somebody, whose answers stay in the log.

    Skill is the chance that an answer is right, with its interval of 95 %.
    """
    with reach(campaign, is_looking=banned is None and unbanned is None) as manager:
        for path, name in (("/ban", banned), ("/unban", unbanned)):
            if name is not None:
                manager.post(path, {"name": name})
        people = manager.get("/annotators")["annotators"]
    if as_json:
        print(json.dumps(people))
        return
    if not people:
        out.print("Nobody has answered yet.")
        return
    table = Table(box=None)
    for heading in ("name", "answers", "skips", "gold", "skill", "interval", "seconds", "standing", "flags"):
        table.add_column(heading, justify="left" if heading in ("name", "standing", "flags") else "right")
    for person in people:
        table.add_row(*_cells(person))
    out.print(table)


def _cells(person: dict[str, Any]) -> list[str]:
    gold, skill, median_ms = person["gold"], person["skill"], person["median_ms"]
    return [
        person["name"].replace("[", r"\["),
        str(person["n_answers"]),
        str(person["n_skips"]),
        "-" if gold is None else f"{gold['share']:.0%} of {gold['n']}",
        decimals(skill and skill["share"]),
        "-" if skill is None else f"{skill['low']:.2f} to {skill['high']:.2f}",
        decimals(None if median_ms is None else median_ms / 1000, 1),
        person["standing"],
        ", ".join(person["flags"]),
    ]
