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
    for name, text in _lines(summary, campaign):
        out.print(f"{name:12} {text}", markup=False, soft_wrap=True)


def _lines(summary: dict[str, Any], campaign: Path) -> list[tuple[str, str]]:
    images, cost = summary["images"], summary["cost"]
    is_to_infer = summary["n_answers"] and not summary["estimate"]
    standing = (
        f"{images['finished']} of {images['total']} finished, {images['open']} open, "
        f"{images['exhausted']} exhausted, {images['broken']} broken"
    )
    people = counted(summary["n_annotators"], "person", "people")
    reason = f" ({summary['reason']})" if summary["reason"] else ""
    pace = "" if summary["per_hour"] is None else f", {summary['per_hour']:.0f} an hour"
    lines = [
        ("state", summary["state"] + reason),
        ("answers", f"{summary['n_answers']} by {people}{pace}"),
        ("images", f"{images['total']}; the first inference will say which are finished" if is_to_infer else standing),
    ]
    if cost["n_to_come"] and not summary["reason"]:
        bounds = f" ({cost['n_to_come_low']} to {cost['n_to_come_high']})" if cost["n_to_come_high"] is not None else ""
        lines.append(("to come", f"about {cost['n_to_come']} answers{bounds}"))
    if cost["price"]:
        lines.append(("cost", f"{cost['spent']:.2f} {cost['currency']}"))
    is_known = summary["n_answers"] and summary["estimate"]
    accuracy = f"{summary['accuracy']['estimated']:.1%}" if is_known else "-"
    lines.append(("accuracy", f"{accuracy} ({summary['accuracy']['rests_on']})"))
    behind = _to_infer(summary, campaign) if is_to_infer else _behind(summary["inference"]["n_behind"])
    error = summary["inference"]["last_error"]
    lines.append(("inference", f"{behind}; {error}" if error else behind))
    return lines + [("note", note) for note in summary["notes"]]


def _behind(n_changes: int) -> str:
    return f"{counted(n_changes, 'change', 'changes')} not yet inferred"


def _to_infer(summary: dict[str, Any], campaign: Path) -> str:
    """What is said of answers without an estimate: imported ones, or those of a log that was restored alone."""
    if summary["inference"]["is_running"]:
        return "the first one is under way"
    again = f", or askless rebuild {campaign}" if summary["inference"]["refreshed"] else ""
    return f"nothing is inferred from the answers yet; do so by askless serve {campaign}{again}"
