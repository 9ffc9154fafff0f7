"""`askless rebuild`."""

import json
import warnings
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from askless.cli.progress import display_progress
from askless.cli.terminal import new_app, out
from askless.estimates import DifferentEstimateWarning
from askless.server.live import LiveCampaign
from askless.store.snapshot import load_estimate, save_estimate
from askless.types import Estimate

app = new_app()


@dataclass(frozen=True)
class Rebuilt:
    """What came out anew.

    Args:
        n_entries: of the log; all counts and promises were made from them.
        n_refreshes: inferences that were repeated.
        n_different: of those, how many came out otherwise.
        difference: largest one of a probability in the last estimate and the one that was kept; none if none was.
    """

    n_entries: int
    n_refreshes: int
    n_different: int
    difference: float | None


@app.command()
def rebuild(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON object.")] = False,
) -> None:
    """Make everything derived anew from the log, and say whether it is what was kept. Exit code 1 if it is not.

    Each inference since the last `askless add` or `askless embed` is repeated, which takes as long as all of them did.
    The campaign must not be served meanwhile.
    """
    with closing(LiveCampaign(campaign)) as live:
        made = _rebuild(live)
    if as_json:
        print(json.dumps(asdict(made)))
    else:
        out.print(f"{made.n_entries} entries read, {made.n_refreshes} inferences repeated.")
        if made.n_different:
            out.print(f"{made.n_different} came out otherwise: this machine or its libraries compute differently.")
        elif made.difference is None:
            out.print("No estimate was kept; now there is one." if made.n_refreshes else "Nothing was inferred yet.")
        else:
            out.print("All is as it was kept." if not made.difference else "What was kept was damaged; now it is not.")
    if made.n_different or made.difference:
        raise typer.Exit(1)


def _rebuild(live: LiveCampaign) -> Rebuilt:
    campaign, log = live.campaign, live.place.log
    last: Estimate | None = None
    n_refreshes = 0
    with warnings.catch_warnings(record=True) as caught, display_progress("inferences") as on_progress:
        warnings.simplefilter("always", DifferentEstimateWarning)
        for estimate in campaign.replay():
            last, n_refreshes = estimate, n_refreshes + 1
            on_progress(n_refreshes, campaign.n_refreshes)
    n_different = sum(issubclass(one.category, DifferentEstimateWarning) for one in caught)
    difference: float | None = None
    if last is not None:
        if kept := load_estimate(log, last.upto, campaign.prior_counts):
            difference = float(np.abs(kept.posterior - last.posterior).max())
        save_estimate(log, last.upto, last)
    return Rebuilt(sum(1 for _ in campaign.entries()), n_refreshes, n_different, difference)
