"""One campaign folder being served: the campaign, its inference process, its links."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from secrets import compare_digest, token_bytes, token_urlsafe
from typing import Self

from askless.campaign import Campaign
from askless.data.folder import CampaignFolder
from askless.errors import DataError
from askless.server.inference import Inference, InferenceState, child_command
from askless.server.item_names import ItemNames
from askless.server.links import Links, read_secret
from askless.server.settings import read_page_settings
from askless.server.writer import Writer
from askless.types import Invitation, Role
from askless.workspace import alone, open_campaign

ADMIN = "admin"


class LiveCampaign:
    """What the pages and the commands work on.

    While there is one, no other process writes to the log, unless that is in PostgreSQL: there may be several then.

    Args:
        folder: of a campaign, as `askless init` made it.
        clock: seconds; leases and links end by it.
        is_looking: nothing will be told or decided, so that a campaign which has not begun is not begun.

    Raises:
        ServedError: another process has it.
        DataError, ConfigError, StoreError: the folder cannot be used.
    """

    campaign: Campaign

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time, is_looking: bool = False) -> None:
        self.place = place = CampaignFolder(folder)
        self.clock = clock
        self.own_token = token_urlsafe()  # of an admin; for commands, in no log or link
        self.public_url: str | None = None  # where people reach the server, if somebody has said so
        with ExitStack() as opened:
            opened.enter_context(alone(place))
            store = place.store
            self.classes = place.read_classes()
            self.page = read_page_settings(place.settings)
            self._stamps = _stamps(place)
            secret = token_bytes() if is_looking else read_secret(place.secret)
            self.links, self.item_names = Links(secret), ItemNames(secret)
            self.campaign = open_campaign(folder, clock=clock, keeps_estimates=True, begins=not is_looking)
            opened.callback(self.campaign.close)
            if store == place.log:
                self.campaign.write_alone()
            self._inference = Inference(self.campaign, self.page, child_command(place.root), store)
            opened.callback(self._inference.close)
            self.writer = Writer(self.campaign)
            opened.callback(self.writer.close)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts the inference process; without it answers are kept all the same."""
        self._inference.start()

    def close(self) -> None:
        """Ends the inference process and closes the log; promises to annotators stay."""
        self._opened.close()

    def is_own(self, token: str) -> bool:
        """Whether a token is the one that only this process gives out."""
        return compare_digest(token.encode(), self.own_token.encode())

    def invitation(self, token: str | None) -> Invitation | None:
        """Whom a token was made for; none if it was not made here, has ended or was taken back."""
        if token is not None and self.is_own(token):
            return Invitation(0, ADMIN, "admin")
        position = None if token is None else self.links.invitation(token)
        invitation = None if position is None else self.campaign.invitation(position)
        return invitation if invitation is not None and self._is_good(invitation) else None

    def invited(self, name: str, role: Role) -> Invitation | None:
        """The invitation of somebody in a role that is good now, of several the one that is longest; or none."""
        theirs = [one for one in self.campaign.invitations() if (one.name, one.role) == (name, role)]
        good = [one for one in theirs if self._is_good(one)]
        return max(good, key=lambda one: math.inf if one.ends is None else one.ends, default=None)

    def invite_for_good(self, name: str, role: Role) -> int:
        """The invitation of somebody that never ends, made at the first use."""
        known = self.invited(name, role)
        return known.id if known and known.ends is None else self.campaign.invite(name, role)

    def link(self, invitation: int, base_url: str) -> str:
        """The personal link of an invitation.

        Args:
            invitation: its id.
            base_url: where the server is reached, such as `http://127.0.0.1:8000`.

        Raises:
            DataError: there is no such invitation.
        """
        found = self.campaign.invitation(invitation)
        if found is None:
            raise DataError(f"There is no invitation {invitation}; `askless invite` lists those that there are.")
        page = "/" if found.role == "annotator" else "/manage"
        return f"{base_url.rstrip('/')}{page}#{self.links.token(invitation)}"

    def admin(self) -> int:
        """The invitation of whoever serves the campaign."""
        return self.invite_for_good(ADMIN, "admin")

    def has_more(self) -> bool:
        """Whether `askless add` or `askless embed` has changed the folder since; it is taken up when serving begins."""
        return _stamps(self.place) != self._stamps

    def inference(self) -> InferenceState:
        return self._inference.state()

    def _is_good(self, invitation: Invitation) -> bool:
        return not invitation.is_revoked and (invitation.ends is None or self.clock() < invitation.ends)


def _stamps(place: CampaignFolder) -> list[int | None]:
    """When each of the files was written that a campaign takes up when it is opened."""
    files = (place.items, place.classes, place.features, place.prior)
    return [path.stat().st_mtime_ns if path.exists() else None for path in files]
