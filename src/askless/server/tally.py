"""What the log tells of people and of time and the ledger does not keep: an incremental fold over its entries."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from askless.store.entries import Entry, Kind
from askless.types import SkipReason

N_RECENT = 500
"""Of how many of an annotator's last answers the pace is told."""


@dataclass
class Person:
    """What one annotator has done.

    Args:
        name: theirs.
        said: by item the label, or why there is none.
        n_labels: answers that are labels; `per_label` of each.
        n_gold, n_right: answers about gold, and those of them that are right.
        last: when the last answer came, in seconds of the campaign's clock; none before the first.
        pace: response times of the last answers in milliseconds.
        run: how many times in a row the label `run_label` has been given now, `longest_run` at most.
        is_banned: whether their answers count for nothing.
    """

    name: str
    said: dict[int, int | SkipReason] = field(default_factory=dict)
    n_labels: int = 0
    per_label: Counter[int] = field(default_factory=Counter)
    n_gold: int = 0
    n_right: int = 0
    last: float | None = None
    pace: deque[int] = field(default_factory=lambda: deque(maxlen=N_RECENT))
    run: int = 0
    run_label: int | None = None
    longest_run: int = 0
    longest_label: int | None = None
    is_banned: bool = False

    @property
    def n_skips(self) -> int:
        return len(self.said) - self.n_labels

    @property
    def median_ms(self) -> float | None:
        return median(self.pace) if self.pace else None

    def count_run(self, label: int) -> None:
        self.run = self.run + 1 if label == self.run_label else 1
        self.run_label = label
        if self.run > self.longest_run:
            self.longest_run, self.longest_label = self.run, label


class Tally:
    """Counts up to log position `position`. An answer that was taken back counts only in what tells of pace.

    Args:
        gold: the label of each item by which people are tested.
    """

    def __init__(self, gold: Mapping[int, int]) -> None:
        self.position = 0
        self.people: list[Person] = []
        self.per_minute: Counter[int] = Counter()
        self.per_label: Counter[int] = Counter()
        self.broken: dict[int, set[int]] = {}
        self.refreshes: list[Entry] = []
        self.verdicts: list[Entry] = []
        self._gold = gold

    @property
    def n_answers(self) -> int:
        """Labels, those of banned people too: somebody has given them, and is paid for them."""
        return self.per_label.total()

    def n_since(self, time: float) -> int:
        """Labels given since a time, to the minute."""
        first = int(time // 60)
        return sum(n for minute, n in self.per_minute.items() if minute > first)

    def apply(self, entry: Entry) -> None:
        """Takes the next entry into account."""
        self.position = entry.position
        match entry.kind:  # answers first: they are nearly all there is
            case Kind.ANSWERED | Kind.SKIPPED:
                self._answer(entry)
            case Kind.JOINED:
                self.people.append(Person((entry.payload or {})["name"]))
            case Kind.UNDONE:
                self._undo(entry)
            case Kind.BANNED | Kind.UNBANNED:
                self._person(entry).is_banned = entry.kind == Kind.BANNED
            case Kind.REFRESHED:
                self.refreshes.append(entry)
            case Kind.AUDITED:
                self.verdicts.append(entry)

    def _person(self, entry: Entry) -> Person:
        assert entry.annotator is not None
        return self.people[entry.annotator]

    def _answer(self, entry: Entry) -> None:
        assert entry.item is not None
        assert entry.annotator is not None
        person = self._person(entry)
        person.last = entry.time
        if entry.response_ms is not None:
            person.pace.append(entry.response_ms)
        if entry.label is None:
            reason = SkipReason((entry.payload or {}).get("reason", SkipReason.SKIP))
            person.said[entry.item] = reason
            if reason == SkipReason.BROKEN:
                self.broken.setdefault(entry.item, set()).add(entry.annotator)
            return
        person.said[entry.item] = entry.label
        person.count_run(entry.label)
        self._count(person, entry.item, entry.label, 1)
        self.per_minute[int(entry.time // 60)] += 1

    def _undo(self, entry: Entry) -> None:
        assert entry.item is not None
        person = self._person(entry)
        said = person.said.pop(entry.item)
        if isinstance(said, SkipReason):
            self.broken.get(entry.item, set()).discard(entry.annotator or 0)
        else:
            self._count(person, entry.item, said, -1)

    def _count(self, person: Person, item: int, label: int, change: int) -> None:
        person.n_labels += change
        person.per_label[label] += change
        self.per_label[label] += change
        if item in self._gold:
            person.n_gold += change
            person.n_right += change * (self._gold[item] == label)
