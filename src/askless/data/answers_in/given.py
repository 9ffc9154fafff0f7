"""An answer as a file of another tool gives it: names, not yet looked up in a campaign."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One answer of a file.

    Args:
        row: its place in the file, counted from 1: data row, line or task.
        annotator: who gave it.
        items: what may be the name of the item; a file can hold several names beside each other, one of them known.
        labels: what may be the name of the class, likewise; none if the item was skipped.
        response_ms: time to answer in milliseconds.
        remark: what is worth saying about an answer that is nevertheless taken.
    """

    row: int
    annotator: str
    items: tuple[str, ...]
    labels: tuple[str, ...] | None
    response_ms: int | None = None
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A place in a file that holds no answer, and why, in a few words."""

    row: int
    reason: str


def milliseconds(time: object, per_unit: int) -> int | None:
    """A number, perhaps as text, of units of so many milliseconds; none if it is no time."""
    try:
        value = float(time) * per_unit  # type: ignore[arg-type]
        return round(value) if 0 <= value < 2**53 else None
    except (TypeError, ValueError, OverflowError):
        return None
