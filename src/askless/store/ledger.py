"""What a log says so far: a fold over its entries. Live writing and reopening go through the same `apply`."""

from array import array
from dataclasses import dataclass, field

import numpy as np

from askless.errors import StoreError
from askless.store.entries import Entry, Kind
from askless.types import Annotations, Batch, IntArray


@dataclass
class Lease:
    """A batch and which of its items are still promised."""

    batch: Batch
    annotator: int
    open_items: set[int]


@dataclass
class Ledger:
    """Counts, leases and annotations of N items and K classes, up to log position `position`."""

    n_items: int
    n_classes: int
    position: int = 0
    index: dict[str, int] = field(default_factory=dict)
    said: list[dict[int, int | None]] = field(default_factory=list)
    batches: dict[int, Lease] = field(default_factory=dict)
    live: dict[int, Lease] = field(default_factory=dict)
    answer_ids: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    refused: set[tuple[int, int, int | None]] = field(default_factory=set)
    refreshes: list[Entry] = field(default_factory=list)
    extensions: list[Entry] = field(default_factory=list)
    stopped: str | None = None
    n_late: int = 0
    _columns: tuple["array[int]", "array[int]", "array[int]"] = field(
        default_factory=lambda: (array("q"), array("q"), array("q"))
    )

    def __post_init__(self) -> None:
        self.n_labels: IntArray = np.zeros(self.n_items, np.int64)

    @property
    def names(self) -> list[str]:
        """Annotators in the order of joining."""
        return list(self.index)

    @property
    def n_annotations(self) -> int:
        return len(self._columns[0])

    @property
    def n_refreshed(self) -> int:
        """Annotations that the last refresh has seen."""
        payload = self.refreshes[-1].payload if self.refreshes else None
        return payload["n_annotations"] if payload else 0

    @property
    def n_promised(self) -> int:
        return sum(len(lease.open_items) for lease in self.live.values())

    @property
    def refreshes_of_now(self) -> list[Entry]:
        """Those that knew all items, classes and features there are: no extension came after them."""
        start = self.extensions[-1].position if self.extensions else 0
        return [entry for entry in self.refreshes if entry.position > start]

    @property
    def confident_history(self) -> list[int]:
        return [entry.payload["confident"] for entry in self.refreshes_of_now if entry.payload]

    def annotations(self) -> Annotations:
        """A copy of all annotations in the order of the log."""
        item, annotator, label = (np.array(column, dtype=np.int64) for column in self._columns)
        return Annotations(item, annotator, label, self.n_items, len(self.index), self.n_classes)

    def promised_items(self) -> IntArray:
        """The items that somebody holds now."""
        return np.array([item for lease in self.live.values() for item in lease.open_items], np.int64)

    def asked(self, annotator: int) -> IntArray:
        """The items that this annotator has answered or skipped. (What they hold now is promised.)"""
        return np.fromiter(self.said[annotator], np.int64)

    def n_asked(self, annotator: int) -> int:
        """Answers given and promised, by one annotator."""
        held = sum(len(lease.open_items) for lease in self.live.values() if lease.annotator == annotator)
        return len(self.said[annotator]) + held

    def apply(self, entry: Entry) -> None:
        """Takes the next entry into account."""
        if entry.position != self.position + 1:
            raise StoreError(
                f"The log jumps from entry {self.position} to {entry.position}; entries were lost, restore a backup."
            )
        self.position = entry.position
        payload = entry.payload or {}
        match entry.kind:
            case Kind.JOINED:
                self.index[payload["name"]] = len(self.index)
                self.said.append({})
            case Kind.LEASED:
                self._lease(entry)
            case Kind.ANSWERED | Kind.SKIPPED:
                self._answer(entry)
            case Kind.RELEASED | Kind.EXPIRED:
                self.live.pop(entry.batch or 0).open_items.clear()
            case Kind.REFRESHED:
                self.refreshes.append(entry)
            case Kind.STOPPED:
                self.stopped = payload["reason"]
            case Kind.EXTENDED:
                self.extensions.append(entry)
                self.n_items += len(payload["items"])
                self.n_classes += len(payload["classes"])
                self.n_labels = np.concatenate([self.n_labels, np.zeros(len(payload["items"]), np.int64)])
                self.stopped = None
            case Kind.REFUSED:
                assert entry.annotator is not None
                assert entry.item is not None
                self.refused.add((entry.annotator, entry.item, entry.label))

    def _lease(self, entry: Entry) -> None:
        assert entry.batch is not None
        assert entry.annotator is not None
        assert entry.payload is not None
        items = entry.payload["items"]
        batch = Batch(entry.batch, self.names[entry.annotator], tuple(items), entry.payload["end"])
        self.batches[batch.id] = self.live[batch.id] = Lease(batch, entry.annotator, set(items))

    def _answer(self, entry: Entry) -> None:
        assert entry.annotator is not None
        assert entry.item is not None
        if entry.batch is not None and entry.item not in self.batches[entry.batch].open_items:
            self.n_late += 1
        held = [lease for lease in self.live.values() if lease.annotator == entry.annotator]
        for lease in held:  # a late or recorded answer also settles the item where it is leased to them
            lease.open_items.discard(entry.item)
            if not lease.open_items:
                del self.live[lease.batch.id]
        self.said[entry.annotator][entry.item] = entry.label
        if entry.answer_id is not None:
            self.answer_ids[entry.answer_id] = (entry.annotator, entry.item)
        if entry.label is not None:
            self.n_labels[entry.item] += 1
            for column, value in zip(self._columns, (entry.item, entry.annotator, entry.label), strict=True):
                column.append(value)
