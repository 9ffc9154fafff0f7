"""What whoever runs a campaign decides while it is under way: who takes part, when, and by which settings."""

from collections.abc import Sequence

from askless.config import change
from askless.core.gold import Standing
from askless.core.risk import StopReason, starts_anew
from askless.errors import ConfigError, DataError
from askless.parts import Parts
from askless.planning import Planner
from askless.reading import Reading
from askless.settings import CampaignConfig
from askless.store.entries import Entry, Kind
from askless.store.journal import Append, Journal
from askless.store.ledger import Ledger
from askless.types import Invitation, Role


class Steering(Reading):
    """The part of a campaign that is not about answers. Each decision is an entry of the log, for every process."""

    def __init__(self, journal: Journal, parts: Parts, planner: Planner) -> None:
        self._journal = journal
        self._parts = parts
        self._planner = planner
        self._change: tuple[Entry | None, CampaignConfig] = (None, parts.config)

    @property
    def config(self) -> CampaignConfig:
        """The settings as the log has them now."""
        with self._journal.reading() as ledger:
            if ledger.changed is None:
                return self._parts.config
            if self._change[0] is not ledger.changed:
                payload = ledger.changed.payload or {}
                self._change = (ledger.changed, CampaignConfig.model_validate(payload["config"]))
            return self._change[1]

    def change(self, **settings: object) -> None:
        """Other settings from now on, those of `config.CHANGEABLE`.

        A campaign that had stopped goes on if the reason looks at what has changed (`core.risk.LOOKS_AT`). An audit
        under way ends, and what it may spend of alpha is gone, by another risk, cap of an item or promise, and by a
        budget that is spent already.

        For example `change(budget=500, **{"sampler.max_per_item": 5})`.

        Raises:
            ConfigError: a setting that inference depends on (see `Campaign.extend`), or a value that is not allowed;
                nothing is changed then.
        """
        with self._journal.writing() as (ledger, append):
            before = self.config
            after = change(before, settings)
            if after != before:
                is_spent = after.budget is not None and ledger.n_given >= after.budget
                restarts = starts_anew(ledger.stopped, before, after) or (ledger.audit is not None and is_spent)
                append(Kind.CHANGED, payload={"config": after.model_dump(mode="json"), "restarts": restarts})

    def pause(self) -> None:
        """From now on nothing is handed out; answers are kept all the same."""
        self._set_paused(True)

    def resume(self) -> None:
        """Ends a pause."""
        self._set_paused(False)

    def stop(self, reason: StopReason) -> None:
        """Ends the campaign; `ask` hands nothing out any more. A campaign that is over stays over for its reason."""
        with self._journal.writing() as (ledger, append):
            if not ledger.stopped:
                append(Kind.STOPPED, payload={"reason": reason.value})

    def join(self, names: Sequence[str]) -> None:
        """Makes annotators known, in this order; those already known are passed over.

        Raises:
            DataError: one name instead of several.
            ConfigError: `prior_counts` were given per annotator, and this is one more.
        """
        with self._journal.writing() as (ledger, append):
            self._join(names, ledger, append)

    def standing(self, annotator: str) -> Standing:
        """Where an annotator stands; who has not joined yet is new."""
        with self._journal.reading() as ledger:
            if annotator not in ledger.index:
                return Standing.NEW
            return self._planner.standing(ledger.index[annotator], ledger, self.config)

    def ban(self, annotator: str) -> None:
        """From now on nothing that this annotator says counts, or has counted; the answers stay in the log.

        What they hold is free again. The budget stays spent, and a campaign that had stopped goes on.

        Raises:
            DataError: there is no such annotator.
        """
        with self._journal.writing() as (ledger, append):
            j = self._index_of(annotator, ledger)
            if j not in ledger.banned:
                append(Kind.BANNED, annotator=j)
                for lease in [lease for lease in ledger.live.values() if lease.annotator == j]:
                    append(Kind.RELEASED, batch=lease.batch.id)

    def unban(self, annotator: str) -> None:
        """Everything that this annotator has said counts again.

        Raises:
            DataError: there is no such annotator.
        """
        with self._journal.writing() as (ledger, append):
            j = self._index_of(annotator, ledger)
            if j in ledger.banned:
                append(Kind.UNBANNED, annotator=j)

    def invite(self, name: str, role: Role, ends: float | None = None) -> int:
        """Puts an invitation on record and returns its id; `ends` is in seconds of the campaign's clock.

        Raises:
            ConfigError: a role that does not exist, a name that cannot be printed.
        """
        with self._journal.writing() as (ledger, append):
            place = ledger.position + 1
            Invitation(place, name, role, ends)  # checked before it is in the log
            append(Kind.INVITED, payload={"name": name, "role": role, "ends": ends})
            return place

    def revoke(self, invitation: int) -> None:
        """Takes an invitation back.

        Raises:
            DataError: there is no such invitation.
        """
        with self._journal.writing() as (ledger, append):
            if invitation not in ledger.invitations:
                raise DataError(f"There is no invitation {invitation!r}; `invitations` lists those that there are.")
            if not ledger.invitations[invitation].is_revoked:
                append(Kind.REVOKED, payload={"invitation": invitation})

    def _set_paused(self, is_paused: bool) -> None:
        with self._journal.writing() as (ledger, append):
            if ledger.is_paused != is_paused:
                append(Kind.PAUSED if is_paused else Kind.RESUMED)

    def _join(self, names: Sequence[str], ledger: Ledger, append: Append) -> None:
        if isinstance(names, str):
            raise DataError(f"{names!r} is one name, not several; give a list of names.")
        prior_counts = self._parts.prior_counts
        for name in dict.fromkeys(names):
            if name not in ledger.index:
                if prior_counts.ndim == 3 and len(ledger.names) == len(prior_counts):
                    raise ConfigError(
                        f"{name!r} cannot join: prior_counts were given for {len(prior_counts)} annotators only; "
                        "give them for one more, or one (K, K) array for everyone."
                    )
                append(Kind.JOINED, annotator=len(ledger.names), payload={"name": name})

    def _index_of(self, annotator: str, ledger: Ledger) -> int:
        if annotator not in ledger.index:
            raise DataError(f"There is no annotator {annotator!r}; `annotators` lists those who have joined.")
        return ledger.index[annotator]
