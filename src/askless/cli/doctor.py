"""`askless doctor`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.terminal import new_app, out
from askless.data.folder import CampaignFolder
from askless.examination import Verdict, examine_campaign, examine_machine

app = new_app()

MARKS = {Verdict.FINE: "ok", Verdict.REMARK: "--", Verdict.PROBLEM: "!!"}


@app.command()
def doctor(
    campaign: Annotated[Path | None, typer.Argument(help="Folder of a campaign; without one, this machine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as a JSON list.")] = False,
) -> None:
    """Say whether askless and a campaign are in order. Ends with exit code 1 if there is a problem.

    It only looks, also while the campaign is served.
    """
    findings = [*examine_machine(), *(examine_campaign(CampaignFolder(campaign)) if campaign else ())]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            line = f"{MARKS[finding.verdict]}  {finding.what:12} {finding.text}"
            out.print(line, markup=False, soft_wrap=True)
    if any(finding.verdict == Verdict.PROBLEM for finding in findings):
        raise typer.Exit(1)
