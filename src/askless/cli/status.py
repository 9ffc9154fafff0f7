"""`askless status`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from askless.cli.terminal import counted, new_app, out
from askless.server.reach import reach

app = new_app()


@app.command()
def status(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is known as one JSON object.")] = False,
) -> None:
    """Say how far a campaign is: answers, images, cost, estimated accuracy, inference. Also while it is served."""
    with reach(campaign, is_looking=True) as manager:
        summary = manager.get("/summary")
    if as_json:
        print(json.dumps(summary))
        return
    for name, text in _lines(summary):
        out.print(f"{name:12} {text}", markup=False, soft_wrap=True)


def _lines(summary: dict[str, Any]) -> list[tuple[str, str]]:
    images, cost, inference = summary["images"], summary["cost"], summary["inference"]
    people = counted(summary["n_annotators"], "person", "people")
    reason = f" ({summary['reason']})" if summary["reason"] else ""
    lines = [
        ("state", summary["state"] + reason),
        ("answers", f"{summary['n_answers']} by {people}, {summary['per_hour']:.0f} an hour"),
        (
            "images",
            f"{images['finished']} of {images['total']} finished, {images['open']} open, "
            f"{images['exhausted']} exhausted, {images['broken']} broken",
        ),
    ]
    if cost["n_to_come"] and not summary["reason"]:
        bounds = f" ({cost['n_to_come_low']} to {cost['n_to_come_high']})" if cost["n_to_come_high"] is not None else ""
        lines.append(("to come", f"about {cost['n_to_come']} answers{bounds}"))
    if cost["price"]:
        lines.append(("cost", f"{cost['spent']:.2f} {cost['currency']}"))
    accuracy = f"{summary['accuracy']['estimated']:.1%}" if summary["n_answers"] else "-"
    lines.append(("accuracy", f"{accuracy} ({summary['accuracy']['rests_on']})"))
    behind = f"{counted(inference['n_behind'], 'change', 'changes')} not yet inferred"
    lines.append(("inference", f"{behind}; {inference['last_error']}" if inference["last_error"] else behind))
    return lines
