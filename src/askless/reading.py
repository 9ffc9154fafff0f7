"""What the log of a campaign says, without inference."""

from collections.abc import Iterator
from dataclasses import replace

from askless.answering import read_answers
from askless.core.risk import StopReason
from askless.store.entries import Entry
from askless.store.journal import Journal
from askless.store.log import read_entries
from askless.types import Annotations, Answer, Batch, Invitation


class Reading:
    """The part of a campaign that only looks: who takes part, who holds what, who said what."""

    _journal: Journal

    @property
    def is_paused(self) -> bool:
        with self._journal.reading() as ledger:
            return ledger.is_paused

    @property
    def annotators(self) -> tuple[str, ...]:
        """Names in the order of joining."""
        with self._journal.reading() as ledger:
            return tuple(ledger.names)

    def invitations(self) -> list[Invitation]:
        """All of them, in the order in which they were made."""
        with self._journal.reading() as ledger:
            return list(ledger.invitations.values())

    def invitation(self, place: int) -> Invitation | None:
        """The invitation with this id, revoked or ended as it may be; none if there is no such."""
        with self._journal.glancing() as ledger:
            return ledger.invitations.get(place)

    @property
    def n_entries(self) -> int:
        """How long the log is, with what this thread is writing."""
        with self._journal.reading() as ledger:
            return ledger.position

    @property
    def stopped(self) -> str | None:
        """Why the campaign is over, or none."""
        with self._journal.reading() as ledger:
            return ledger.stopped

    @property
    def n_refreshes(self) -> int:
        """How often labels were made anew; those that a promise was kept with, once more."""
        with self._journal.reading() as ledger:
            return len(ledger.refreshes) + (ledger.stopped == StopReason.PROMISE_KEPT)

    @property
    def refreshed_at(self) -> float | None:
        """When the last refresh was, in seconds of the campaign's clock; none before the first."""
        with self._journal.reading() as ledger:
            return ledger.refreshes[-1].time if ledger.refreshes else None

    @property
    def is_auditing(self) -> bool:
        """Whether an audit is under way, so that nobody but auditors is asked."""
        with self._journal.reading() as ledger:
            return ledger.audit is not None

    def leased(self, annotator: str | None = None) -> list[Batch]:
        """Batches that are out, to one annotator or to all, each with its unanswered items only."""
        with self._journal.reading() as ledger:
            return [
                replace(lease.batch, items=tuple(item for item in lease.batch.items if item in lease.open_items))
                for lease in ledger.live.values()
                if annotator in (None, lease.batch.annotator)
            ]

    def n_answered(self, annotator: str) -> int:
        """How many items this annotator has answered or skipped."""
        with self._journal.reading() as ledger:
            return len(ledger.said[ledger.index[annotator]]) if annotator in ledger.index else 0

    def is_known_to(self, annotator: str, item: int) -> bool:
        """Whether this annotator holds an item, or has answered it."""
        with self._journal.reading() as ledger:
            j = ledger.index.get(annotator)
            return j is not None and (item in ledger.said[j] or item in ledger.held(j))

    def annotations(self) -> Annotations:
        """All annotations that count, in the order of the log; annotator indices are those of `annotators`."""
        with self._journal.reading() as ledger:
            return ledger.annotations()

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """What happened, in order, behind a position of the log."""
        with self._journal.log.reading() as connection:
            yield from read_entries(connection, after)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Who said what, in the order of the log, skips included; `record` takes them again.

        What was undone, and what banned people said, is left out.
        """
        return read_answers(self._journal)
