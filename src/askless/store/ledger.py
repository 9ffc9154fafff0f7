"""What a log says so far: a fold over its entries. Live writing and reopening go through the same `apply`."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from askless.core.risk import StopReason
from askless.errors import StoreError
from askless.store.entries import Entry, Kind
from askless.types import Annotations, Batch, BoolArray, IntArray, Invitation, SkipReason

ENOUGH_BROKEN = 2
"""So many people must call an item broken before nobody is asked about it any more."""


@dataclass
class Lease:
    """A batch, which of its items are still promised, and whether it was given back or has expired."""

    batch: Batch
    annotator: int
    open_items: set[int]
    is_over: bool = False


class Given(NamedTuple):
    """Where an answer with an id stands: who, what about, in which batch, and the log position."""

    annotator: int
    item: int
    batch: int | None
    position: int


@dataclass
class Ledger:
    """Counts, leases and annotations of N items and K classes, up to log position `position`.

    An answer stands until it is undone. It counts as long as it stands and its annotator is not banned. `n_changes`
    are labels and calls of broken that began to count or ceased to, settings, bans and their ends.
    """

    n_items: int
    n_classes: int
    position: int = 0
    names: list[str] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)
    said: list[dict[int, int | SkipReason]] = field(default_factory=list)
    batches: dict[int, Lease] = field(default_factory=dict)
    live: dict[int, Lease] = field(default_factory=dict)
    answer_ids: dict[bytes, tuple[int, int, int | None, int]] = field(default_factory=dict)
    undone: set[bytes] = field(default_factory=set)
    refused: set[tuple[int, int, int | SkipReason]] = field(default_factory=set)
    refreshes: list[Entry] = field(default_factory=list)
    extensions: list[Entry] = field(default_factory=list)
    bans: list[Entry] = field(default_factory=list)
    audits: list[Entry] = field(default_factory=list)
    audit: Entry | None = None
    verdicts: list[Entry] = field(default_factory=list)
    banned: set[int] = field(default_factory=set)
    invitations: dict[int, Invitation] = field(default_factory=dict)
    changed: Entry | None = None
    restarted: int = 0
    stopped: str | None = None
    is_paused: bool = False
    n_changes: int = 0
    n_late: int = 0
    _joined: "array[int]" = field(default_factory=lambda: array("q"))
    _columns: tuple["array[int]", "array[int]", "array[int]", "array[int]"] = field(
        default_factory=lambda: (array("q"), array("q"), array("q"), array("q"))
    )
    _row_ends: dict[int, int] = field(default_factory=dict)
    _live_of: dict[int, dict[int, Lease]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.n_labels: IntArray = np.zeros(self.n_items, np.int64)
        self.n_broken: IntArray = np.zeros(self.n_items, np.int64)

    @property
    def n_given(self) -> int:
        """Labels that stand, those of banned people too: what the budget is spent on."""
        return len(self._columns[0]) - len(self._row_ends)

    @property
    def n_annotations(self) -> int:
        """Labels that count."""
        return int(self.n_labels.sum())

    @property
    def n_new(self) -> int:
        """Changes that the last refresh has not seen, each a reason to infer and to ask whether all is done."""
        payload = self.refreshes[-1].payload if self.refreshes else None
        return self.n_changes - (payload.get("n_changes", payload["n_annotations"]) if payload else 0)

    @property
    def is_frozen(self) -> bool:
        """Whether labels stay as they are, because they are audited or promised."""
        return self.audit is not None or self.stopped == StopReason.PROMISE_KEPT

    @property
    def n_promised(self) -> int:
        return sum(len(lease.open_items) for lease in self.live.values())

    @property
    def is_broken(self) -> BoolArray:
        """(N,) whether enough people say that there is nothing to see."""
        return self.n_broken >= ENOUGH_BROKEN

    @property
    def last_refresh(self) -> int:
        """Position of the last refresh, 0 before the first."""
        return self.refreshes[-1].position if self.refreshes else 0

    @property
    def refreshes_of_now(self) -> list[Entry]:
        """Those that knew all items, classes and features there are: no extension came after them."""
        start = self.extensions[-1].position if self.extensions else 0
        return [entry for entry in self.refreshes if entry.position > start]

    @property
    def confident_history(self) -> list[int]:
        """Number of confident items after each refresh of the same items, settings and people as now."""
        return [e.payload["confident"] for e in self.refreshes if e.payload and e.position > self.restarted]

    def annotations(self, upto: int | None = None) -> Annotations:
        """A copy of all annotations that counted at log position `upto` (none: now), in the order of the log."""
        upto = self.position if upto is None else upto
        item, annotator, label, position = (np.array(column, dtype=np.int64) for column in self._columns)
        counts = position <= upto
        counts[[row for row, end in self._row_ends.items() if end <= upto]] = False
        counts &= ~np.isin(annotator, list(self._banned_at(upto)))
        n_annotators = bisect_right(self._joined, upto)
        return Annotations(item[counts], annotator[counts], label[counts], self.n_items, n_annotators, self.n_classes)

    def promised_items(self) -> IntArray:
        """The items that somebody holds now."""
        return np.array([item for lease in self.live.values() for item in lease.open_items], np.int64)

    def asked(self, annotator: int) -> IntArray:
        """The items that this annotator has answered or skipped. (What they hold now is promised.)"""
        return np.fromiter(self.said[annotator], np.int64)

    def given(self, answer_id: bytes | None) -> Given | None:
        """Where the answer with this id stands; none if there is no such."""
        found = None if answer_id is None else self.answer_ids.get(answer_id)
        return None if found is None else Given(*found)

    def held(self, annotator: int) -> set[int]:
        """The items that this annotator is promised."""
        return {item for lease in self._live_of.get(annotator, {}).values() for item in lease.open_items}

    def n_asked(self, annotator: int) -> int:
        """Answers given and promised, by one annotator."""
        return len(self.said[annotator]) + len(self.held(annotator))

    def apply(self, entry: Entry) -> None:
        """Takes the next entry into account."""
        if entry.position != self.position + 1:
            raise StoreError(
                f"The log jumps from entry {self.position} to {entry.position}; entries were lost, restore a backup."
            )
        self.position = entry.position
        payload = entry.payload or {}
        match entry.kind:  # answers first: they are nearly all there is
            case Kind.ANSWERED | Kind.SKIPPED:
                self._answer(entry)
            case Kind.JOINED:
                self.index[payload["name"]] = len(self.index)
                self.names.append(payload["name"])
                self.said.append({})
                self._joined.append(entry.position)
            case Kind.LEASED:
                self._lease(entry)
            case Kind.UNDONE:
                self._undo(entry)
            case Kind.RELEASED | Kind.EXPIRED:
                lease = self.live[entry.batch or 0]
                self._settle(lease, set(lease.open_items))
                lease.is_over = True
            case Kind.REFRESHED:
                self.refreshes.append(entry)
            case Kind.STOPPED:
                self.stopped = payload["reason"]
            case Kind.AUDITING:
                self.audits.append(entry)
                self.audit = entry
            case Kind.AUDITED:
                self.verdicts.append(entry)
                self.audit = None
            case Kind.PAUSED | Kind.RESUMED:
                self.is_paused = entry.kind is Kind.PAUSED
            case Kind.BANNED | Kind.UNBANNED:
                self._ban(entry)
            case Kind.INVITED:
                self.invitations[entry.position] = Invitation(entry.position, **payload)
            case Kind.REVOKED:
                place = payload["invitation"]
                self.invitations[place] = replace(self.invitations[place], is_revoked=True)
            case Kind.CHANGED:
                self.changed = entry
                self.n_changes += 1
                if payload.get("restarts", True):
                    self._restart()
            case Kind.EXTENDED:
                self._extend(entry)
            case Kind.REFUSED:
                assert entry.annotator is not None
                assert entry.item is not None
                self.refused.add((entry.annotator, entry.item, _said(entry)))

    def _lease(self, entry: Entry) -> None:
        assert entry.batch is not None
        assert entry.annotator is not None
        assert entry.payload is not None
        items = entry.payload["items"]
        batch = Batch(entry.batch, self.names[entry.annotator], tuple(items), entry.payload["end"])
        self.batches[batch.id] = lease = Lease(batch, entry.annotator, set())
        self._promise(lease, items)

    def _answer(self, entry: Entry) -> None:
        position, _, _, annotator, batch, item, label, _, answer_id, _ = entry
        assert annotator is not None
        assert item is not None
        if batch is not None and item not in self.batches[batch].open_items:
            self.n_late += 1
        for lease in [*self._live_of.get(annotator, {}).values()]:  # a late or recorded answer also settles it there
            if item in lease.open_items:
                self._settle(lease, {item})
        said = self.said[annotator][item] = _said(entry)
        if answer_id is not None:
            self.answer_ids[answer_id] = annotator, item, batch, position  # a plain tuple costs the collector nothing
        if label is not None:
            items, annotators, labels, positions = self._columns
            items.append(item)
            annotators.append(annotator)
            labels.append(label)
            positions.append(position)
        if annotator not in self.banned:
            self._count(item, said, 1)

    def _undo(self, entry: Entry) -> None:
        assert entry.answer_id is not None
        given = Given(*self.answer_ids[entry.answer_id])
        said = self.said[given.annotator].pop(given.item)
        self.undone.add(entry.answer_id)
        if not isinstance(said, SkipReason):
            self._row_ends[bisect_left(self._columns[3], given.position)] = entry.position
        if given.annotator in self.banned:
            return
        self._count(given.item, said, -1)
        lease = self.batches.get(given.batch or 0)
        is_running = lease is not None and not lease.is_over and entry.time < lease.batch.lease_end
        if lease and is_running and all(given.item not in other.open_items for other in self.live.values()):
            self._promise(lease, [given.item])

    def _ban(self, entry: Entry) -> None:
        assert entry.annotator is not None
        is_banned = entry.kind is Kind.BANNED
        self.bans.append(entry)
        self.banned ^= {entry.annotator}
        self.n_changes += 1
        self._restart()
        for item, said in self.said[entry.annotator].items():
            self._count(item, said, -1 if is_banned else 1)

    def _extend(self, entry: Entry) -> None:
        assert entry.payload is not None
        self.extensions.append(entry)
        new = np.zeros(len(entry.payload["items"]), np.int64)
        self.n_items += len(new)
        self.n_classes += len(entry.payload["classes"])
        self.n_labels, self.n_broken = np.append(self.n_labels, new), np.append(self.n_broken, new)
        if entry.payload["config"]:
            self.changed = None
        self._restart()

    def _restart(self) -> None:
        """What was finished may be no longer; earlier refreshes looked at something else."""
        self.restarted = self.position
        self.stopped = None
        self.audit = None

    def _count(self, item: int, said: int | SkipReason, by: int) -> None:
        """An answer begins to count (1), or ceases to (-1)."""
        if not isinstance(said, SkipReason):
            self.n_labels[item] += by
            self.n_changes += 1
        elif said is SkipReason.BROKEN:
            self.n_broken[item] += by
            self.n_changes += 1

    def _promise(self, lease: Lease, items: Iterable[int]) -> None:
        lease.open_items.update(items)
        self.live[lease.batch.id] = self._live_of.setdefault(lease.annotator, {})[lease.batch.id] = lease

    def _settle(self, lease: Lease, items: set[int]) -> None:
        lease.open_items -= items
        if not lease.open_items:
            del self.live[lease.batch.id], self._live_of[lease.annotator][lease.batch.id]

    def _banned_at(self, position: int) -> set[int]:
        last = {entry.annotator: entry.kind for entry in self.bans if entry.position <= position}
        return {annotator for annotator, kind in last.items() if annotator is not None and kind is Kind.BANNED}


def _said(entry: Entry) -> int | SkipReason:
    if entry.label is not None:
        return entry.label
    return SkipReason((entry.payload or {}).get("reason", SkipReason.SKIP))
