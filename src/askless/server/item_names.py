"""What an item is called where annotators can look: names that say nothing of its place among the others."""

from hashlib import blake2b

N_ROUNDS = 4
N_HALF_BYTES = 4
HALF = 2**32
PATTERN = r"^[0-9a-f]{16}$"


class ItemNames:
    """A permutation of the numbers below 2^64 that only the secret tells apart from a random one: a Feistel network of
    four rounds (Luby and Rackoff 1988) whose rounds are keyed digests. The same campaign always has the same names.

    Args:
        secret: of the campaign, 16 to 64 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def name(self, item: int) -> str:
        """16 hexadecimal digits for an item (its index)."""
        left, right = divmod(item, HALF)
        for number in range(N_ROUNDS):
            left, right = right, left ^ self._mix(right, number)
        return f"{left:08x}{right:08x}"

    def item(self, name: str) -> int:
        """The number behind any 16 hexadecimal digits; in what was made up it is that of no item."""
        left, right = int(name[:8], 16), int(name[8:], 16)
        for number in reversed(range(N_ROUNDS)):
            left, right = right ^ self._mix(left, number), left
        return left * HALF + right

    def _mix(self, half: int, number: int) -> int:
        content, purpose = half.to_bytes(N_HALF_BYTES, "big"), b"askless item %d" % number
        mixed = blake2b(content, key=self._secret, digest_size=N_HALF_BYTES, person=purpose)
        return int.from_bytes(mixed.digest(), "big")
