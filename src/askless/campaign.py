"""A campaign: ask, tell, refresh, status, result. People, a simulated crowd and a notebook all come in here."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from askless.answering import check_answers, keep_answers
from askless.core.learner import Learner, NetworkMaker, name_of
from askless.core.machine import check_settings
from askless.core.risk import ItemStatus, StopReason, item_status, stop_reason
from askless.core.sampler import Assignment, Workload, plan
from askless.errors import AnswerError, ConfigError, DataError
from askless.estimates import Estimates, digest
from askless.learners import choose_learner
from askless.parts import Parts, check_fit
from askless.randomness import generator
from askless.results import Receipt, Result, Status
from askless.settings import CampaignConfig
from askless.store.entries import Kind
from askless.store.journal import Append, Journal
from askless.store.ledger import Ledger
from askless.store.log import Log, create_log, open_log, read_entries
from askless.types import Annotations, Answer, Batch, Dataset, Estimate, Features, FloatArray, IntArray, Prototypes


class Campaign:
    """One dataset, one list of classes, one configuration, one log. Make it with `create` or `open`.

    Everything acknowledged is on disk. Killed at any point and opened again, it goes on as if nothing had
    happened: every draw depends only on the seed and the position in the log.
    """

    def __init__(
        self, log: Log, features: Features, learner: Learner | NetworkMaker | None, clock: Callable[[], float]
    ) -> None:
        self._features = features
        self._refreshing = threading.RLock()  # taken before the journal's lock, never while that one is held
        first, *later = Parts.history(log)
        self._parts = parts = later[-1] if later else first
        self._journal = Journal(log, first.dataset.n_items, first.dataset.n_classes, clock)
        self._journal.n_extensions = len(later)
        self.dataset, self.prototypes, self.config = parts.dataset, parts.prototypes, parts.config
        self.seed, self.prior_counts = parts.seed, parts.prior_counts
        self._learner = choose_learner(self.config.learner, learner, features.values.shape[1], self.dataset.n_classes)
        self._estimates = Estimates(
            self._journal, features, self.prototypes, self.prior_counts, self.config, self.seed, self._learner
        )

    @classmethod
    def create(
        cls,
        path: str | Path | None,
        dataset: Dataset,
        features: Features,
        config: CampaignConfig,
        *,
        prototypes: Prototypes | None = None,
        prior_counts: FloatArray | None = None,
        seed: int = 0,
        learner: Learner | NetworkMaker | None = None,
        clock: Callable[[], float] = time.time,
        folder: Path | None = None,
    ) -> Self:
        """Starts a campaign with an empty log.

        Args:
            path: file of the log, or `postgresql://user@host/database?schema=name`; none keeps it in memory, for
                throw-away simulations.
            dataset: N items, K classes.
            features: (N, D).
            config: see `askless.preset`.
            prototypes: items whose label is known.
            prior_counts: Dirichlet counts of a confusion matrix, row = truth, (K, K) or, in the order in which
                annotators join, (J, K, K); none makes them from `config.prior`.
            seed: of every draw.
            learner: a classifier, or what makes networks (`TorchLearner`); none means what `config.learner` says.
            clock: seconds; leases end by it.
            folder: where estimates are kept if the log is in PostgreSQL, the same for all processes; without one they
                are computed again when needed.

        Raises:
            DataError, ConfigError: parts that do not fit together; nothing is written.
            StoreError: `path` exists already or cannot be written.
        """
        known = prototypes or Prototypes.none()
        parts = Parts.of_new_campaign(dataset, known, config, seed, prior_counts, features)
        chosen = _check_learner(parts, learner, features)
        parts = replace(parts, learner="" if learner is None else name_of(learner))
        log = create_log(path, dataset, parts.prototypes, parts.to_header(), folder)
        return cls(log, features, chosen, clock)

    @classmethod
    def open(
        cls,
        path: str | Path,
        features: Features,
        *,
        learner: Learner | NetworkMaker | None = None,
        clock: Callable[[], float] = time.time,
        folder: Path | None = None,
    ) -> Self:
        """Goes on with a campaign; the arguments are those of `create`.

        Raises:
            StoreError: no log, a foreign or damaged one.
            DataError: features other than those it was made with.
            ConfigError: it was made with a plugged-in learner and none is given, or the other way round.
        """
        with _closed_if_it_fails(open_log(path, folder)) as log:
            campaign = cls(log, features, learner, clock)
            campaign._check_same_parts(learner)
            return campaign

    @classmethod
    def extend(
        cls,
        path: str | Path,
        dataset: Dataset,
        features: Features,
        *,
        prototypes: Prototypes | None = None,
        config: CampaignConfig | None = None,
        learner: Learner | NetworkMaker | None = None,
        clock: Callable[[], float] = time.time,
        folder: Path | None = None,
    ) -> Self:
        """Goes on with more items, classes or known labels, other features or settings; with nothing new, as `open`.

        What there was keeps its place: new items and classes come after the old ones. From here on everything is
        inferred from what is new, and a campaign that had stopped goes on. Whoever has the campaign open must open it
        again.

        Args:
            path: of the log, as for `create`.
            dataset: the items and classes that there were, and new ones behind them.
            features: (N, D) of all items.
            prototypes: all items whose label is known; none leaves them as they were.
            config: all settings from here on; none leaves them as they were.
            learner: as for `open`.
            clock: as for `open`.
            folder: as for `create`.

        Raises:
            StoreError: no log, a foreign or damaged one.
            DataError: an old item, class or known label is not as it was, or parts do not fit together.
            ConfigError: settings that do not fit; new classes or another prior in a campaign whose prior counts were
                given and not made from its settings.
        """
        with _closed_if_it_fails(open_log(path, folder)) as log:
            campaign = cls(log, features, learner, clock)
            check_fit(features, dataset)
            before = campaign._parts
            with campaign._journal.writing() as (_, append):
                addition = before.find_addition(
                    dataset, prototypes or before.prototypes, features.fingerprint, config or before.config
                )
                if addition:
                    _check_learner(before.after(addition), learner, features)
                    append(Kind.EXTENDED, payload=addition)
            if addition:
                campaign = cls(log, features, learner, clock)
            campaign._check_same_parts(learner)
            return campaign

    def close(self) -> None:
        self._journal.log.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything told inside is on disk together at the end, or not at all: one commit for many batches."""
        with self._journal.writing():
            yield

    def join(self, names: Sequence[str]) -> None:
        """Makes annotators known, in this order; those already known are passed over.

        Raises:
            DataError: one name instead of several.
            ConfigError: `prior_counts` were given per annotator, and this is one more.
        """
        with self._journal.writing() as (ledger, append):
            self._join(names, ledger, append)

    def ask(
        self,
        annotators: Sequence[str],
        n_batches: int | None = None,
        *,
        askable: Mapping[str, IntArray] | None = None,
    ) -> list[Batch]:
        """Batches for some of the annotators who are there; none if nobody may be asked about anything now.

        What is handed out is promised for `config.lease_seconds`: nobody else gets it meanwhile.

        Args:
            annotators: names; unknown ones join. A person who opens the page is the case of one.
            n_batches: most batches, at most one per annotator; none means `config.n_batches`.
            askable: by name, the only items that this annotator can be asked about (a doctor's own patients, say);
                who is not in it can be asked about all.

        Raises:
            DataError: an item that is not there, or one name instead of several; nobody has joined then.
        """
        if n_batches is None:
            n_batches = self.config.n_batches
        estimate = self.estimate
        with self._journal.writing() as (ledger, append):
            for name, items in (askable or {}).items():
                self._check_askable(name, items)
            if ledger.stopped:
                return []
            now = self._journal.clock()
            for lease in [lease for lease in ledger.live.values() if lease.batch.lease_end <= now]:
                append(Kind.EXPIRED, batch=lease.batch.id)
            self._join(annotators, ledger, append)
            entries = [
                append(
                    Kind.LEASED,
                    batch=ledger.position + 1,
                    annotator=assignment.annotator,
                    payload={"items": assignment.items.tolist(), "end": now + self.config.lease_seconds},
                )
                for assignment in self._plan(estimate, ledger, annotators, n_batches, askable or {})
            ]
            return [ledger.batches[entry.position].batch for entry in entries]

    def tell(self, batch_id: int, answers: Sequence[Answer]) -> Receipt:
        """Keeps answers to a batch; when it returns they are on disk.

        An annotator has one answer per item: the same again changes nothing, another one is refused and put on
        record, once. A skip is an answer, too. Answers that come after the end of the lease count as well.

        Raises:
            AnswerError: no such batch, an item that is not in it, a label that is no class, an answer id that was
                used for something else; nothing of the call is kept.
        """
        with self._journal.writing() as (ledger, append):
            lease = ledger.batches.get(batch_id)
            if lease is None:
                raise AnswerError(f"There is no batch {batch_id!r}; answer a batch that `ask` has handed out.")
            for answer in answers:
                if answer.item not in lease.batch.items:
                    raise AnswerError(
                        f"Item {answer.item!r} is not in batch {batch_id}; answer only the items that it holds."
                    )
            check_answers(answers, lease.annotator, ledger)
            return keep_answers(answers, lease.annotator, lease.batch.id, ledger, append)

    def record(self, annotator: str, answers: Sequence[Answer]) -> Receipt:
        """Keeps answers that an annotator gave elsewhere: like `tell`, but without a batch.

        Nobody asked for them, so neither the cap of an item nor the budget holds them back; both count them.

        Args:
            annotator: joins if unknown.

        Raises:
            AnswerError: an item or label that does not exist, an answer id that was used for something else; nothing
                of the call is kept.
            ConfigError: the annotator cannot join; see `join`.
        """
        with self._journal.writing() as (ledger, append):
            check_answers(answers, ledger.index.get(annotator, len(ledger.index)), ledger)
            self._join([annotator], ledger, append)
            return keep_answers(answers, ledger.index[annotator], None, ledger, append)

    def release(self, batch_id: int) -> None:
        """Gives the unanswered items of a batch back; one that is answered or over already stays as it is."""
        with self._journal.writing() as (ledger, append):
            if lease := ledger.live.get(batch_id):
                append(Kind.RELEASED, batch=lease.batch.id)

    def leased(self) -> list[Batch]:
        """Batches that are out, each with its unanswered items only. (After a restart: who still holds what.)"""
        with self._journal.reading() as ledger:
            return [
                replace(lease.batch, items=tuple(item for item in lease.batch.items if item in lease.open_items))
                for lease in ledger.live.values()
            ]

    def refresh(self) -> Estimate:
        """Infers everything anew from the log as it is now, and stops the campaign if a stop rule says so.

        Answers may come in meanwhile; this estimate and its stop rule do not know them. If another process has
        refreshed meanwhile, its estimate is returned and this one dropped: each builds on the one before it.

        Raises:
            RuntimeError: called inside `transaction`, which would keep everybody waiting for the inference.
        """
        if self._journal.is_writing():
            raise RuntimeError("refresh() inside transaction() would lock the log for its whole time; call it after.")
        with self._refreshing:
            with self._journal.reading() as ledger:
                annotations, upto, refreshes = ledger.annotations(), ledger.position, list(ledger.refreshes)
                of_now = ledger.refreshes_of_now
            previous = self._estimates.of(of_now[-1]) if of_now else None
            estimate = self._estimates.infer(annotations, upto, previous)
            self._estimates.save(estimate)
            n_annotations = np.bincount(annotations.item, minlength=self.dataset.n_items)
            status = item_status(estimate.risk, n_annotations, self.prototypes, self.config)
            with self._journal.writing() as (ledger, append):
                is_overtaken = len(ledger.refreshes) != len(refreshes)
                if not is_overtaken:
                    payload = {
                        "upto": upto,
                        "n_annotations": len(annotations),
                        "confident": int((status == ItemStatus.CONFIDENT).sum()),
                        "digest": digest(estimate),
                    }
                    entry = append(Kind.REFRESHED, payload=payload)
                    reason = stop_reason(
                        int((status == ItemStatus.OPEN).sum()),
                        len(annotations),
                        self.dataset.n_items - len(self.prototypes),
                        ledger.confident_history,
                        self.config,
                    )
                    if reason and not ledger.stopped:
                        append(Kind.STOPPED, payload={"reason": reason.value})
            if is_overtaken:
                return self.estimate
            self._estimates.keep(entry, estimate)
            return estimate

    def stop(self, reason: StopReason) -> None:
        """Ends the campaign; `ask` hands nothing out any more. A campaign that is over stays over for its reason."""
        with self._journal.writing() as (ledger, append):
            if not ledger.stopped:
                append(Kind.STOPPED, payload={"reason": reason.value})

    @property
    def estimate(self) -> Estimate:
        """The estimate of the last refresh; the first use makes the first refresh."""
        with self._journal.reading() as ledger:
            last = ledger.refreshes_of_now[-1] if ledger.refreshes_of_now else None
        return self._estimates.of(last) if last else self.refresh()

    @property
    def n_refreshes(self) -> int:
        with self._journal.reading() as ledger:
            return len(ledger.refreshes)

    @property
    def refreshed_at(self) -> float | None:
        """When the last refresh was, in seconds of the campaign's clock; none before the first."""
        with self._journal.reading() as ledger:
            return ledger.refreshes[-1].time if ledger.refreshes else None

    def replay(self) -> Iterator[Estimate]:
        """Computes the estimate of every refresh since the last `extend` again, from the annotations in the log alone.

        Warns if one is not what it was when it was made (another machine, other versions of the libraries).
        """
        with self._journal.reading() as ledger:
            refreshes = ledger.refreshes_of_now
        yield from self._estimates.again(refreshes)

    def status(self) -> Status:
        """What the last refresh believed, with the annotations and promises of now."""
        estimate = self.estimate
        with self._journal.reading() as ledger:
            status = item_status(estimate.risk, ledger.n_labels, self.prototypes, self.config)
            is_unknown = status != ItemStatus.KNOWN
            return Status(
                n_items=int(is_unknown.sum()),
                n_annotations=ledger.n_annotations,
                n_new=ledger.n_annotations - ledger.n_refreshed,
                n_promised=ledger.n_promised,
                n_open=int((status == ItemStatus.OPEN).sum()),
                n_confident=int((status == ItemStatus.CONFIDENT).sum()),
                n_exhausted=int((status == ItemStatus.EXHAUSTED).sum()),
                mean_risk=float(estimate.risk[is_unknown].mean()),
                stopped=ledger.stopped,
            )

    def result(self) -> Result:
        """The labels as of the last refresh."""
        estimate = self.estimate
        with self._journal.reading() as ledger:
            n_labels = ledger.n_labels.copy()
            status = item_status(estimate.risk, n_labels, self.prototypes, self.config)
            return Result(self.dataset, estimate.label, 1 - estimate.risk, n_labels, status)

    def annotations(self) -> Annotations:
        """All annotations so far, in the order of the log; annotator indices are those of `annotators`."""
        with self._journal.reading() as ledger:
            return ledger.annotations()

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Who said what, in the order of the log, skips included; `record` takes them again."""
        names: list[str] = []
        with self._journal.log.reading() as connection:
            for entry in read_entries(connection):
                if entry.kind == Kind.JOINED:
                    names.append((entry.payload or {})["name"])
                elif entry.kind in (Kind.ANSWERED, Kind.SKIPPED):
                    assert entry.annotator is not None
                    assert entry.item is not None
                    yield names[entry.annotator], Answer(entry.item, entry.label, entry.response_ms, entry.answer_id)

    @property
    def annotators(self) -> tuple[str, ...]:
        """Names in the order of joining."""
        with self._journal.reading() as ledger:
            return tuple(ledger.names)

    def _join(self, names: Sequence[str], ledger: Ledger, append: Append) -> None:
        if isinstance(names, str):
            raise DataError(f"{names!r} is one name, not several; give a list of names.")
        for name in dict.fromkeys(names):
            if name not in ledger.index:
                if self.prior_counts.ndim == 3 and len(ledger.names) == len(self.prior_counts):
                    raise ConfigError(
                        f"{name!r} cannot join: prior_counts were given for {len(self.prior_counts)} annotators only; "
                        "give them for one more, or one (K, K) array for everyone."
                    )
                append(Kind.JOINED, annotator=len(ledger.names), payload={"name": name})

    def _plan(
        self,
        estimate: Estimate,
        ledger: Ledger,
        annotators: Sequence[str],
        n_batches: int,
        askable: Mapping[str, IntArray],
    ) -> list[Assignment]:
        settings = self.config.sampler
        is_free = ledger.n_labels < settings.max_per_item
        is_free[self.prototypes.item] = False
        is_free[ledger.promised_items()] = False
        budget = self.config.budget
        cap = settings.max_per_annotator or self.dataset.n_items
        present = {name: ledger.index[name] for name in annotators}
        confusion = estimate.confusion
        if confusion.n_annotators < len(ledger.names):
            confusion = replace(confusion, n_annotators=len(ledger.names))
        return plan(
            estimate.posterior,
            estimate.risk,
            confusion,
            is_free,
            [Workload(j, ledger.asked(j), cap - ledger.n_asked(j), askable.get(name)) for name, j in present.items()],
            n_batches,
            self.config.batch_size,
            None if budget is None else budget - ledger.n_annotations - ledger.n_promised,
            self.config.max_risk,
            settings,
            rng=generator(self.seed, "ask", ledger.position),
            answer_power=self.config.aggregator.answer_power,
        )

    def _check_askable(self, name: str, items: IntArray) -> None:
        N = self.dataset.n_items
        if len(items) and not 0 <= items.min() <= items.max() < N:
            raise DataError(
                f"{name!r} cannot be asked about items {items.min()} to {items.max()}; give indices from 0 to {N - 1}."
            )

    def _check_same_parts(self, learner: Learner | NetworkMaker | None) -> None:
        if self._features.fingerprint != self._parts.fingerprint:
            raise DataError(
                f"These features ({self._features.values.shape}) are not those the campaign was made with; "
                "open it with the same file."
            )
        given = "" if learner is None else name_of(learner)
        if given != self._parts.learner:
            raise ConfigError(
                f"The campaign was made with {self._parts.learner or 'the built-in learner'}, "
                f"not {given or 'the built-in learner'}; open it with the same."
            )


@contextmanager
def _closed_if_it_fails(log: Log) -> Iterator[Log]:
    try:
        yield log
    except Exception:
        log.close()
        raise


def _check_learner(parts: Parts, given: Learner | NetworkMaker | None, features: Features) -> Learner | NetworkMaker:
    """The learner of these parts, tried; raises ConfigError if it does not fit."""
    settings = parts.config.learner
    if given is not None and settings.algo != "mlp":
        means = "no learner" if settings.algo == "dummy" else "the one of learner.module"
        raise ConfigError(f"learner.algo={settings.algo} means {means}, but one was given; set learner.algo=mlp.")
    chosen = choose_learner(settings, given, features.values.shape[1], parts.dataset.n_classes)
    check_settings(settings, parts.prototypes, chosen)
    return chosen
