"""The kinds of entries in a log. An entry is written once and never changed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What happened, and which fields an entry of this kind carries beside `time`.

    joined: annotator; payload {"name"}.
    leased: batch, annotator; payload {"items", "end"}.
    answered: batch (none if the answer was given elsewhere), annotator, item, label, response_ms, answer_id.
    skipped: the same without a label.
    refused: an answer that contradicts the one already given; fields as answered.
    released, expired: batch; what is left of the lease is free again.
    refreshed: payload {"upto", "confident", "digest"}.
    stopped: payload {"reason"}.
    extended: payload {"items", "known", "classes", "features"}: new items as [id, image], newly known labels as
        [item, label], new classes, the fingerprint of the features from here on; work goes on if it had stopped.
    """

    JOINED = "joined"
    LEASED = "leased"
    ANSWERED = "answered"
    SKIPPED = "skipped"
    REFUSED = "refused"
    RELEASED = "released"
    EXPIRED = "expired"
    REFRESHED = "refreshed"
    STOPPED = "stopped"
    EXTENDED = "extended"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `position` counts from 1 without gaps; `time` is in seconds of the campaign's clock."""

    position: int
    kind: Kind
    time: float
    annotator: int | None = None
    batch: int | None = None
    item: int | None = None
    label: int | None = None
    response_ms: int | None = None
    answer_id: bytes | None = None
    payload: dict[str, Any] | None = None
