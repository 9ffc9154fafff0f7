"""`askless invite`."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from askless.cli.links import print_link
from askless.cli.terminal import new_app, note, out
from askless.server.reach import reach

app = new_app()


@app.command()
def invite(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Whom; without one, list all.")] = None,
    role: Annotated[str, typer.Option(help="annotator: answers; viewer: looks on; admin: decides.")] = "annotator",
    days: Annotated[float, typer.Option(help="For how long the links are good.")] = 30,
    has_codes: Annotated[bool, typer.Option("--qr", help="Show each link as a QR code, too.")] = False,
    is_new: Annotated[bool, typer.Option("--new", help="Also for somebody who has a link already.")] = False,
    revoked: Annotated[int | None, typer.Option("--revoke", metavar="ID", help="Take back one link.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the invitations as a JSON list.")] = False,
) -> None:
    """Make personal links for people, list them, or take one back.

    For example: askless invite birds ann bob --qr. Each link is for one person; whoever has it is that person.
    """
    with reach(campaign, is_looking=revoked is None and not names) as manager:
        if revoked is not None:
            manager.post("/revoke", {"id": revoked})
        links: dict[int, str] = {}
        try:
            for name in dict.fromkeys(names or ()):
                given = manager.post("/invitations", {"name": name, "role": role, "days": days, "is_new": is_new})
                if not given["is_new"]:
                    note(f"{name} has a link already, {_until(given)}: this one. --new makes another.")
                links[given["id"]] = manager.link(given["link"])
        finally:  # a name that is refused hides no link that was made
            if links or not names:
                invitations = manager.get("/invitations")["invitations"]
                _print([one for one in invitations if not names or one["id"] in links], links, as_json, has_codes)
        if links and not manager.is_serving and not as_json:
            note(f"Nobody serves this campaign now: askless serve {campaign}")


def _print(invitations: list[dict[str, Any]], links: dict[int, str], as_json: bool, has_codes: bool) -> None:
    if as_json:
        print(json.dumps([one | {"link": links.get(one["id"])} for one in invitations]))
        return
    for one in invitations:
        if one["id"] in links:
            print_link(one["name"], links[one["id"]], has_code=has_codes)
            note(f"{one['name']}'s link is good {_until(one)}.")
        else:
            out.print(_line(one), markup=False, soft_wrap=True)


def _until(invitation: dict[str, Any]) -> str:
    ends = invitation["ends"]
    return "for ever" if ends is None else f"until {datetime.fromtimestamp(ends):%Y-%m-%d}"


def _line(invitation: dict[str, Any]) -> str:
    state = "revoked" if invitation["is_revoked"] else _until(invitation)
    return f"{invitation['id']:6}  {invitation['name']:16} {invitation['role']:10} {state}"
