"""A campaign: ask, tell, refresh, status, result. People, a simulated crowd and a notebook all come in here."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import numpy as np

from askless.answering import check_answers, keep_answers, undo_answer
from askless.auditing import Auditing
from askless.core.forecast import Forecast
from askless.core.gold import Standing
from askless.core.learner import Learner, NetworkMaker, name_of
from askless.core.risk import ItemStatus, item_status, stop_reason
from askless.errors import AnswerError
from askless.estimates import Estimates
from askless.learners import check_learner, choose_learner
from askless.parts import Parts, check_fit
from askless.planning import Planner
from askless.results import Receipt, Refresh, Result, Status
from askless.settings import CampaignConfig
from askless.steering import Steering
from askless.store.entries import Kind
from askless.store.journal import Journal
from askless.store.log import Log, create_log, open_log
from askless.types import (
    Answer,
    Batch,
    Dataset,
    Estimate,
    Features,
    FloatArray,
    IntArray,
    Prototypes,
)

NO_ITEMS: IntArray = np.empty(0, np.int64)


class Campaign(Steering):
    """One dataset, one list of classes, one configuration, one log. Make it with `create` or `open`.

    Everything acknowledged is on disk. Killed at any point and opened again, it goes on as if nothing had
    happened: every draw depends only on the seed and the position in the log.
    """

    def __init__(
        self,
        log: Log,
        features: Features,
        learner: Learner | NetworkMaker | None,
        clock: Callable[[], float],
        gold: IntArray,
        *,
        keeps_estimates: bool,
    ) -> None:
        self._features = features
        self._refreshing = threading.RLock()  # taken before the journal's lock, never while that one is held
        first, *later = Parts.history(log)
        parts = later[-1] if later else first
        journal = Journal(log, first.dataset.n_items, first.dataset.n_classes, clock)
        journal.n_extensions = parts.n_extensions
        self.dataset, self.prototypes = parts.dataset, parts.prototypes
        self.seed, self.prior_counts = parts.seed, parts.prior_counts
        super().__init__(
            journal, parts, Planner(parts.dataset.n_items, parts.prototypes, parts.known_labels(gold), parts.seed)
        )
        config = parts.config
        chosen = choose_learner(config.learner, learner, features.values.shape[1], parts.dataset.n_classes)
        self._auditing = Auditing(parts.dataset.n_items, parts.prototypes, parts.seed)
        self._keeps_estimates = keeps_estimates
        self._estimates = Estimates(
            journal, features, parts.prototypes, parts.prior_counts, config, parts.seed, chosen, is_kept=keeps_estimates
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
        gold: IntArray = NO_ITEMS,
        keeps_estimates: bool = False,
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
            gold: prototypes that people are tested with, see `config.annotators`; it is not written down.
            keeps_estimates: another process infers. All its estimates are files beside the log, also those without a
                learner; here, one that is not there is not computed: an older one or the prior stands in for it.
            clock: seconds; leases end by it.
            folder: where estimates are kept if the log is in PostgreSQL, the same for all processes; without one they
                are computed again when needed.

        Raises:
            DataError, ConfigError: parts that do not fit together; nothing is written.
            StoreError: `path` exists already or cannot be written.
        """
        known = prototypes or Prototypes.none()
        parts = Parts.of_new_campaign(dataset, known, config, seed, prior_counts, features)
        parts.check_gold(gold)
        chosen = check_learner(parts.config.learner, learner, parts.prototypes, features, parts.dataset)
        parts = replace(parts, learner="" if learner is None else name_of(learner))
        log = create_log(path, dataset, parts.prototypes, parts.to_header(), folder)
        return cls(log, features, chosen, clock, gold, keeps_estimates=keeps_estimates)

    @classmethod
    def open(
        cls,
        path: str | Path,
        features: Features,
        *,
        learner: Learner | NetworkMaker | None = None,
        gold: IntArray = NO_ITEMS,
        keeps_estimates: bool = False,
        clock: Callable[[], float] = time.time,
        folder: Path | None = None,
    ) -> Self:
        """Goes on with a campaign; see `create` for what is given.

        Raises:
            StoreError: no log, a foreign or damaged one.
            DataError: features other than those it was made with, gold whose label is not known.
            ConfigError: it was made with a plugged-in learner and none is given, or the other way round.
        """
        with _closed_if_it_fails(open_log(path, folder)) as log:
            campaign = cls(log, features, learner, clock, gold, keeps_estimates=keeps_estimates)
            campaign._check_same_parts(learner, gold)
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
        gold: IntArray = NO_ITEMS,
        keeps_estimates: bool = False,
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
            learner, gold, keeps_estimates, clock, folder: as for `create`.

        Raises:
            StoreError: no log, a foreign or damaged one.
            DataError: an old item, class or known label is not as it was, or parts do not fit together.
            ConfigError: settings that do not fit; new classes or another prior in a campaign whose prior counts were
                given and not made from its settings.
        """
        with _closed_if_it_fails(open_log(path, folder)) as log:
            campaign = cls(log, features, learner, clock, gold, keeps_estimates=keeps_estimates)
            check_fit(features, dataset)
            before = campaign._parts
            with campaign._journal.writing() as (_, append):
                addition = before.find_addition(
                    dataset, prototypes or before.prototypes, features.fingerprint, config or campaign.config
                )
                if addition:
                    after = before.with_addition(addition)
                    after.check_gold(gold)
                    check_learner(after.config.learner, learner, after.prototypes, features, dataset)
                    append(Kind.EXTENDED, payload=addition)
            if addition:
                campaign = cls(log, features, learner, clock, gold, keeps_estimates=keeps_estimates)
            campaign._check_same_parts(learner, gold)
            return campaign

    def close(self) -> None:
        self._journal.log.close()

    def write_alone(self) -> None:
        """Says that no other process writes to the log from now on, so that it is not read again at every look."""
        self._journal.is_alone = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything asked and told inside is on disk together at the end, or not at all: one commit for many batches,
        and one look at what other processes wrote."""
        with self._journal.writing():
            yield

    def ask(
        self,
        annotators: Sequence[str],
        n_batches: int | None = None,
        *,
        askable: Mapping[str, IntArray] | None = None,
        batch_size: int | None = None,
    ) -> list[Batch]:
        """Batches for some of the annotators who are there; none if nobody may be asked about anything now.

        Gold is among the items as `config.annotators` says; no annotator gets an item of it twice. What is handed out
        is promised for `config.lease_seconds`: nobody else gets it meanwhile, unless it is gold.

        Args:
            annotators: names; unknown ones join. A person who opens the page is the case of one.
            n_batches: most batches, at most one per annotator; none means `config.n_batches`.
            askable: by name, the only items that this annotator can be asked about (a doctor's own patients, say);
                who is not in it can be asked about all.
            batch_size: most items in a batch; none means `config.batch_size`.

        Raises:
            DataError: an item that is not there, or one name instead of several; nobody has joined then.
        """
        estimate = self.estimate
        with self._journal.writing() as (ledger, append):
            self._planner.check_askable(askable or {})
            if ledger.stopped or ledger.is_paused:
                return []
            now, config = self._journal.clock(), self.config
            for lease in [lease for lease in ledger.live.values() if lease.batch.lease_end <= now]:
                append(Kind.EXPIRED, batch=lease.batch.id)
            self._join(annotators, ledger, append)
            n_batches = config.n_batches if n_batches is None else n_batches
            if batch_size is not None:
                config = config.model_copy(update={"batch_size": batch_size})
            if ledger.audit:
                batches = self._auditing.batches(ledger, config, annotators, n_batches)
            else:
                others = self._auditing.leave_out(annotators, config)
                careful = config.model_copy(
                    update={"max_risk": self._auditing.threshold(estimate.risk, ledger, config)}
                )
                batches = self._planner.plan(estimate, ledger, careful, others, n_batches, askable or {})
            entries = [
                append(
                    Kind.LEASED,
                    batch=ledger.position + 1,
                    annotator=annotator,
                    payload={"items": items, "end": now + config.lease_seconds},
                )
                for annotator, items in batches
            ]
            return [ledger.batches[entry.position].batch for entry in entries]

    def tell(self, batch_id: int, answers: Sequence[Answer], *, annotator: str | None = None) -> Receipt:
        """Keeps answers to a batch; when it returns they are on disk.

        An annotator has one answer per item: the same again changes nothing, another one is refused and put on
        record, once. A skip is an answer, too. Answers that come after the end of the lease count as well.

        Args:
            batch_id: of a batch that `ask` has handed out.
            answers: to items of it.
            annotator: who the batch must belong to; none asks no questions.

        Raises:
            AnswerError: no such batch, an item that is not in it, a label that is no class, an answer id that was
                used for something else; nothing of the call is kept.
        """
        with self._journal.writing() as (ledger, append):
            lease = ledger.batches.get(batch_id)
            if lease is None or annotator not in (None, lease.batch.annotator):
                raise AnswerError(f"There is no batch {batch_id!r}; answer a batch that `ask` has handed out.")
            for answer in answers:
                if answer.item not in lease.batch.items:
                    raise AnswerError(
                        f"Item {answer.item!r} is not in batch {batch_id}; answer only the items that it holds."
                    )
            check_answers(answers, lease.annotator, ledger)
            receipt = keep_answers(answers, lease.annotator, lease.batch.id, ledger, append)
            if ledger.audit:
                audited = self._estimates.of(ledger.refreshes_of_now[-1])
                self._auditing.conclude(audited.label, ledger, self.config, append)
            return receipt

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

    def undo(self, annotator: str, answer_id: bytes) -> bool:
        """Takes an answer back: it counts no longer, and another one about the same item may follow, with a new id.

        The item is part of its batch again until the lease ends, unless somebody else holds it by now.

        Returns:
            Whether it was taken back now, and not before.

        Raises:
            AnswerError: this annotator has given no answer with this id, or did not qualify: who could answer again
                would learn what was wrong.
        """
        with self._journal.writing() as (ledger, append):
            if answer_id not in ledger.undone and self.standing(annotator) is Standing.UNQUALIFIED:
                raise AnswerError(
                    f"{annotator!r} takes nothing back: it is decided that the first answers were not right often "
                    "enough; ask whoever runs the campaign."
                )
            return undo_answer(answer_id, annotator, ledger, append)

    def release(self, batch_id: int) -> None:
        """Gives the unanswered items of a batch back; one that is answered or over already stays as it is."""
        with self._journal.writing() as (ledger, append):
            if lease := ledger.live.get(batch_id):
                append(Kind.RELEASED, batch=lease.batch.id)

    def refresh(self) -> Estimate:
        """Infers everything anew from the log as it is now, and stops the campaign if a stop rule says so.

        Answers may come in meanwhile; this estimate and its stop rule do not know them. If another process has
        refreshed meanwhile, its estimate is returned and this one dropped: each builds on the one before it.

        Raises:
            RuntimeError: called inside `transaction`, which would keep everybody waiting for the inference.
        """
        with self._inference():
            with self._journal.reading() as ledger:
                is_frozen = ledger.is_frozen
            if not is_frozen:
                self.take(self.infer_now())
            return self.estimate

    def infer_now(self) -> Refresh:
        """The first half of a refresh: infers and keeps the estimate, but the log does not tell of it yet.

        Raises:
            RuntimeError: called inside `transaction`, which would keep everybody waiting for the inference.
        """
        with self._inference():
            with self._journal.reading() as ledger:
                annotations, upto, n_changes = ledger.annotations(), ledger.position, ledger.n_changes
                n_labels, is_broken, config = ledger.n_labels.copy(), ledger.is_broken, self.config
                of_now, last = ledger.refreshes_of_now, ledger.last_refresh
            estimate = self._estimates.infer(annotations, upto, self._estimates.of(of_now[-1]) if of_now else None)
            digest = self._estimates.save(estimate)
        with self._journal.reading() as ledger:
            estimate = self._auditing.settle(estimate, ledger, config)
            threshold = self._auditing.threshold(estimate.risk, ledger, config)
            stuck = self._auditing.stuck_risk(estimate.risk, ledger, config)
        careful = config.model_copy(update={"max_risk": threshold})
        status = item_status(estimate.risk, n_labels, self.prototypes, careful, is_broken)
        counts = {name: int((status == name).sum()) for name in ("open", "confident", "exhausted")}
        risk = float(estimate.risk[status != ItemStatus.KNOWN].mean())
        return Refresh(upto, last, len(annotations), n_changes, **counts, risk=risk, digest=digest, stuck=stuck)

    @contextmanager
    def _inference(self) -> Iterator[None]:
        if self._journal.is_writing():
            raise RuntimeError("refresh() inside transaction() would lock the log all the time; call it outside.")
        with self._refreshing:
            yield

    def take(self, refresh: Refresh) -> bool:
        """The second half of a refresh, also of one that another process has inferred: from now on it is the latest.

        Returns:
            False, and nothing is done, if it was overtaken: by another refresh, other settings, a ban, an audit; or if
            its estimate cannot be found.
        """
        estimate = self._estimates.find(refresh.upto, refresh.digest)
        with self._journal.writing() as (ledger, append):
            is_overtaken = ledger.last_refresh != refresh.previous or ledger.restarted > refresh.upto
            if estimate is None or is_overtaken or ledger.is_frozen:
                return False
            append(Kind.REFRESHED, payload=asdict(refresh))
            n_items = self.dataset.n_items - len(self.prototypes)
            history = ledger.confident_history
            reason = stop_reason(refresh.open, ledger.n_given, n_items, history, self.config)
            if reason and not ledger.stopped:
                append(Kind.STOPPED, payload={"reason": reason.value})
            self._auditing.begin(refresh, estimate.risk, ledger, self.config, append)
        self._estimates.forget_others(refresh.upto, refresh.digest)
        return True

    @property
    def estimate(self) -> Estimate:
        """The estimate of the last refresh, with the labels that auditors gave; the first use makes the first refresh,
        unless another process infers."""
        estimate = self._inferred()
        with self._journal.reading() as ledger:
            return self._auditing.settle(estimate, ledger, self.config)

    def _inferred(self) -> Estimate:
        with self._journal.reading() as ledger:
            last = ledger.refreshes_of_now[-1] if ledger.refreshes_of_now else None
        if self._keeps_estimates:
            payload = last.payload if last else None
            found = self._estimates.find(payload["upto"], payload["digest"]) if payload else None
            return found or self._estimates.at_hand
        if last is None:
            self.refresh()
            return self._inferred()
        return self._estimates.of(last)

    @property
    def n_new(self) -> int | None:
        """Changes that the next refresh would be the first to see, see `Status`: 0 while labels stay as they are, none
        if the estimate of the last one is not there and has to be made."""
        with self._journal.reading() as ledger:
            if ledger.is_frozen:
                return 0
            last, n_new = ledger.refreshes_of_now[-1:], ledger.n_new
        payload = (last[0].payload or {}) if last else {}
        return n_new if payload and self._estimates.find(payload["upto"], payload["digest"]) else None

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
            status = item_status(estimate.risk, ledger.n_labels, self.prototypes, self.config, ledger.is_broken)
            is_unknown, is_open = status != ItemStatus.KNOWN, status == ItemStatus.OPEN
            return Status(
                n_items=int(is_unknown.sum()),
                n_annotations=ledger.n_annotations,
                n_new=ledger.n_new,
                n_promised=ledger.n_promised,
                n_open=int(is_open.sum()),
                n_confident=int((status == ItemStatus.CONFIDENT).sum()),
                n_exhausted=int((status == ItemStatus.EXHAUSTED).sum()),
                n_broken=int((status == ItemStatus.BROKEN).sum()),
                mean_risk=float(estimate.risk[is_unknown].mean()),
                stopped=ledger.stopped,
                is_paused=ledger.is_paused,
                promise=self._auditing.promise(self._inferred(), ledger, self.config),
                n_askable=int((self.config.sampler.max_per_item - ledger.n_labels[is_open]).sum()),
            )

    def forecast(self) -> Forecast | None:
        """Labels in all at the end of the campaign, as it goes now; none while there are too few refreshes."""
        risk = self.estimate.risk
        with self._journal.reading() as ledger:
            return self._auditing.forecast(risk, ledger, self.config)

    def result(self) -> Result:
        """The labels as of the last refresh."""
        estimate = self.estimate
        with self._journal.reading() as ledger:
            n_labels = ledger.n_labels.copy()
            status = item_status(estimate.risk, n_labels, self.prototypes, self.config, ledger.is_broken)
            return Result(self.dataset, estimate.label, 1 - estimate.risk, n_labels, status)

    def _check_same_parts(self, learner: Learner | NetworkMaker | None, gold: IntArray) -> None:
        self._parts.check_same(self._features, "" if learner is None else name_of(learner))
        self._parts.check_gold(gold)


@contextmanager
def _closed_if_it_fails(log: Log) -> Iterator[Log]:
    try:
        yield log
    except Exception:
        log.close()
        raise
