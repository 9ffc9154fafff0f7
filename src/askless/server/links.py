"""Personal links: who comes with one is who it was made for, without a name or a password to type.

A link carries a signed number of an invitation, and nothing else; name, role, end and whether it was taken back are in
the log. It stands behind the `#`, so that neither proxies nor logs see it.
"""

import os
import secrets
from pathlib import Path

from itsdangerous import BadSignature, Signer, URLSafeSerializer

from askless.errors import StoreError

N_SECRET_BYTES = 32


class Links:
    """Signs invitations and knows its signature again.

    Args:
        secret: of the campaign; whoever has it can make links.
    """

    def __init__(self, secret: bytes) -> None:
        self._signer = URLSafeSerializer(secret, salt="askless invitation")
        self._people = Signer(secret, salt="askless person")

    def token(self, invitation: int) -> str:
        """What stands in the link for an invitation (its position in the log)."""
        return str(self._signer.dumps(invitation))

    def person(self, name: str) -> str:
        """What stands for a person of this campaign on their own devices, whichever of their links they come by."""
        return self._people.get_signature(name.encode()).decode()

    def invitation(self, token: str) -> int | None:
        """The invitation that a token stands for; none if it was not signed here."""
        try:
            position = self._signer.loads(token)
        except BadSignature:
            return None
        return position if isinstance(position, int) else None


def read_secret(path: Path) -> bytes:
    """The secret in a file that only its owner can read; it is made at the first use.

    Raises:
        StoreError: the file holds something else, or others can read it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(N_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
    secret = path.read_bytes()
    if len(secret) != N_SECRET_BYTES:
        raise StoreError(f"{path} holds no secret of askless; delete it, and every link that was given out ends.")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise StoreError(f"Others can read {path}, and make links with it; make it yours alone (chmod 600).")
    return secret
