"""What commands that change the folder of a campaign say if it is being served."""

from askless.cli.terminal import note
from askless.data.folder import CampaignFolder
from askless.data.serving import find_server


def note_if_served(place: CampaignFolder) -> None:
    """Says when the server takes up what was changed in the folder of its campaign."""
    if server := find_server(place):
        note(
            f"The campaign is being served at {server.url}, and goes on there as it was: end serving (Ctrl-C) and "
            "serve it again to take this up; no answer is lost."
        )
