"""The kinds of entries in a log. An entry is written once and never changed."""

from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What happened, and which fields an entry of this kind carries beside `time`.

    joined: annotator; payload {"name"}.
    leased: batch, annotator; payload {"items", "end"}.
    answered: batch (none if the answer was given elsewhere), annotator, item, label, response_ms, answer_id.
    skipped: the same without a label; payload {"reason"}, or none for a plain skip.
    refused: an answer that contradicts the one already given; fields as answered or skipped.
    undone: batch, annotator, item, answer_id of the answer that is taken back; it counts no longer, and the item is
        part of the lease again as long as that runs.
    released, expired: batch; what is left of the lease is free again.
    refreshed: payload as `results.Refresh` (in old logs "upto", "n_annotations", "confident" and "digest" only).
    stopped: payload {"reason"}.
    auditing: payload {"items", "stratum", "risk"} and `core.promise.Terms`: the labels stay as they are, and trusted
        people are asked about these items, in this order (in old logs without strata).
    audited: payload {"verdict", "n_audited", "n_wrong", "n_expected", "low", "high"}: what came of it; labels move on.
    paused, resumed: nothing is handed out in between.
    banned, unbanned: annotator, whose answers count for nothing in between; work goes on if it had stopped.
    invited: payload {"name", "role", "ends"}.
    revoked: payload {"invitation"}, the position of the `invited` entry.
    changed: payload {"config", "restarts"}: all settings from here on, and whether a stop, an audit and the refreshes
        so far count no longer (in old logs always).
    extended: payload {"items", "known", "classes", "features", "config"}: new items as [id, image], newly known labels
        as [item, label], new classes, the fingerprint of the features and the settings from here on (none: as they
        were); work goes on if it had stopped.
    """

    JOINED = "joined"
    LEASED = "leased"
    ANSWERED = "answered"
    SKIPPED = "skipped"
    REFUSED = "refused"
    UNDONE = "undone"
    RELEASED = "released"
    EXPIRED = "expired"
    REFRESHED = "refreshed"
    STOPPED = "stopped"
    AUDITING = "auditing"
    AUDITED = "audited"
    PAUSED = "paused"
    RESUMED = "resumed"
    BANNED = "banned"
    UNBANNED = "unbanned"
    INVITED = "invited"
    REVOKED = "revoked"
    CHANGED = "changed"
    EXTENDED = "extended"


class Entry(NamedTuple):
    """One line of the log; a tuple, since there may be millions.

    `position` counts from 1 without gaps; `time` is in seconds of the campaign's clock.
    """

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
