"""`askless serve`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from askless.advice import advise
from askless.cli.links import print_link
from askless.cli.terminal import new_app, note, out
from askless.server.live import LiveCampaign
from askless.server.serve import is_own, serve

app = new_app()

Host = Annotated[str, typer.Option(help="Address of this machine to listen at; 0.0.0.0 is all of them.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
PublicUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Where people reach this machine; for links and behind a proxy.")
]


@app.command()
def serve_command(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN", help="Folder of the campaign.")],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    public_url: PublicUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address and link as one JSON object.")] = False,
) -> None:
    """Let people answer in their browsers, until Ctrl-C.

    For example: askless serve birds. Nothing is lost by ending it; started again, it goes on.
    """

    def say(live: LiveCampaign, url: str) -> None:
        link = live.link(live.admin(), url)
        warn_of_settings(live)
        if as_json:
            print(json.dumps({"url": url, "admin": link}), flush=True)
            return
        out.print(f"{live.place.root} is served at {url}; Ctrl-C ends it.", markup=False, soft_wrap=True)
        print_link("manager", link)
        out.print(f"Invite people by: askless invite {campaign} NAME...", markup=False, soft_wrap=True)

    warn(host, public_url)
    serve(campaign, host=host, port=port, public_url=public_url, on_ready=say)


def warn_of_settings(live: LiveCampaign) -> None:
    """Says what speaks against the settings of the campaign."""
    if advice := advise(live.campaign.config, len(live.campaign.prototypes)):
        note(f"Warning: {advice}")


def warn(host: str, public_url: str | None) -> None:
    """Says so where links and answers travel in the open."""
    if not is_own(host) and not (public_url or "").startswith("https://"):
        note(
            f"Warning: at {host} without TLS, whoever is in the same network can read links and answers. Within a "
            "network that you trust this may do; else put a proxy with TLS in front (docs/howto/serve.md)."
        )
