"""Who asks: the invitation behind the token of a personal link, or a refusal that says what to do."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from askless.server.live import LiveCampaign
from askless.types import Invitation, Role

_bearer = HTTPBearer(auto_error=False, description="What stands behind the # of a personal link.")
Link = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
"""What came instead of a name and a password."""


def signed(live: LiveCampaign) -> Callable[[Link], Awaitable[None]]:
    """A dependency of routes: 401 without a link that was made here, whatever became of it since. Reads no log."""

    async def check(link: Link) -> None:
        if link is None or live.links.invitation(link.credentials) is None:
            raise _not_valid()

    return check


def person(live: LiveCampaign, *roles: Role) -> Callable[[Link], Invitation]:
    """The invitation of whoever asks, by their link; also a dependency of routes.

    401 without a link that is valid now, 403 with one of another role.
    """

    def find(link: Link) -> Invitation:
        invitation = live.invitation(link.credentials) if link else None
        if invitation is None:
            raise _not_valid()
        if invitation.role not in roles:
            raise HTTPException(
                403, f"This link is for a person of role {invitation.role}; this needs {' or '.join(roles)}."
            )
        return invitation

    return find


def _not_valid() -> HTTPException:
    return HTTPException(
        401, "This link is not valid, or not any more; ask for a new one.", {"WWW-Authenticate": "Bearer"}
    )
