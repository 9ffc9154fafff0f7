"""What a place offers: images that may become items, each named once, and all that is none."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from askless.data.item_table import Use, path_from


class Candidate(NamedTuple):
    """An image that nobody has looked at yet.

    Args:
        item: the id that it would have.
        path: as in `ItemRow`.
        label: what it is known to be, as the place calls it; empty if nothing is known.
        use: what the known label is for, if the place says so.
    """

    item: str
    path: str
    label: str = ""
    use: Use = ""


@dataclass
class Listing:
    """Candidates in their order, ids all different, and what is no candidate, with the reason.

    Args:
        root: the campaign folder; what lies below it is named relative to it.
    """

    root: Path
    candidates: list[Candidate] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    _items: set[str] = field(default_factory=set)

    def add(self, item: str, place: str, label: str = "", use: Use = "") -> None:
        """Adds an image at an absolute `place`, unless its names cannot be kept."""
        names = f"{item}{place}{label}"
        if to_utf8(names) != names or "\0" in names:
            self.skip(place, "its name is not text in UTF-8; rename it")
        elif item in self._items:
            self.skip(place, f"an image before it has the same id: {item}")
        else:
            self._items.add(item)
            self.candidates.append(Candidate(item, path_from(self.root, place), label, use))

    def skip(self, place: str, reason: str) -> None:
        """Adds what is no candidate."""
        self.skipped.append((to_utf8(path_from(self.root, place)), to_utf8(reason)))


def to_utf8(text: str) -> str:
    """The text with lone surrogates, as names of files may have, spelt out."""
    return text.encode("utf-8", "backslashreplace").decode()
