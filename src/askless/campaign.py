"""A campaign: ask, tell, refresh, status, result. People, a simulated crowd and a notebook all come in here."""

import io
import json
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from askless.config import CampaignConfig, LearnerSettings
from askless.core import confusion
from askless.core.learner import Learner, NetworkMaker, name_of
from askless.core.machine import check_settings
from askless.core.risk import ItemStatus, StopReason, item_status, stop_reason
from askless.core.sampler import Assignment, Workload, plan
from askless.core.tanh_network import TanhNetwork
from askless.errors import AnswerError, ConfigError, DataError
from askless.estimates import Estimates, digest
from askless.extension import Addition, add, find_addition
from askless.randomness import generator
from askless.results import Receipt, Result, Status
from askless.store.entries import Kind
from askless.store.journal import Append, Journal
from askless.store.ledger import Lease, Ledger
from askless.store.log import Log, create_log, open_log, read_header, read_items
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
        with log.reading() as connection:
            header = read_header(connection)
            self.dataset, self.prototypes = read_items(connection, tuple(json.loads(header["classes"])))
        self.config = CampaignConfig.model_validate_json(header["config"])
        self.seed = int(header["seed"])
        self.prior_counts: FloatArray = np.load(io.BytesIO(header["prior_counts"]), allow_pickle=False)
        self._fingerprint = header["features"].decode()
        self._learner_name = header["learner"].decode()
        self._journal = Journal(log, self.dataset.n_items, self.dataset.n_classes, clock)
        with self._journal.reading() as ledger:
            extensions = list(ledger.extensions)
        for entry in extensions:
            self._take(entry.payload or {})
        self._journal.n_extensions = len(extensions)
        self._learner = _chosen(self.config.learner, learner, features, self.dataset)
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
    ) -> Self:
        """Starts a campaign with an empty log.

        Args:
            path: file of the log; none keeps it in memory, for throw-away simulations.
            dataset: N items, K classes.
            features: (N, D).
            config: see `askless.preset`.
            prototypes: items whose label is known.
            prior_counts: Dirichlet counts of a confusion matrix, row = truth, (K, K) or, in the order in which
                annotators join, (J, K, K); none makes them from `config.prior`.
            seed: of every draw.
            learner: a classifier, or what makes networks (`TorchLearner`); none means what `config.learner` says.
            clock: seconds; leases end by it.

        Raises:
            DataError, ConfigError: parts that do not fit together; nothing is written.
            StoreError: `path` exists already or cannot be written.
        """
        prototypes = prototypes or Prototypes.none()
        prototypes.check_fit(dataset)
        _check_one_row_per_item(features, dataset)
        if len(prototypes) == dataset.n_items:
            raise DataError(
                "Every item is a prototype, so there is nothing to label; add items or take prototypes away."
            )
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise ConfigError(f"seed={seed!r} does not fit: allowed is a whole number of 0 or more.")
        if learner is not None and config.learner.algo != "mlp":
            means = "no learner" if config.learner.algo == "dummy" else "the one of learner.module"
            raise ConfigError(
                f"learner.algo={config.learner.algo} means {means}, but one was given; set learner.algo=mlp."
            )
        chosen = _chosen(config.learner, learner, features, dataset)
        check_settings(config.learner, prototypes, chosen)
        if prior_counts is None:
            prior_counts = confusion.prior_counts(config.prior, dataset.n_classes)
        prior_counts = confusion.check_prior_counts(prior_counts, dataset.n_classes)
        stored = io.BytesIO()
        np.save(stored, prior_counts)
        header = {
            "config": config.model_dump_json().encode(),
            "seed": str(int(seed)).encode(),
            "classes": json.dumps(dataset.classes).encode(),
            "prior_counts": stored.getvalue(),
            "features": features.fingerprint.encode(),
            "learner": ("" if learner is None else name_of(learner)).encode(),
        }
        log = create_log(None if path is None else Path(path), dataset, prototypes, header)
        return cls(log, features, chosen, clock)

    @classmethod
    def open(
        cls,
        path: str | Path,
        features: Features,
        *,
        learner: Learner | NetworkMaker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Goes on with a campaign on disk.

        Raises:
            StoreError: no log, a foreign or damaged one.
            DataError: features other than those it was made with.
            ConfigError: it was made with a plugged-in learner and none is given, or the other way round.
        """
        log = open_log(Path(path))
        try:
            campaign = cls(log, features, learner, clock)
            campaign._check_same_parts(learner)
        except Exception:
            log.close()
            raise
        return campaign

    @classmethod
    def extend(
        cls,
        path: str | Path,
        dataset: Dataset,
        features: Features,
        *,
        prototypes: Prototypes | None = None,
        learner: Learner | NetworkMaker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Goes on with more items, classes or known labels, or with other features; with nothing new, as `open`.

        What there was keeps its place: new items and classes come after the old ones. From here on everything is
        inferred from the new features, and a campaign that had stopped goes on. Whoever has the campaign open must
        open it again.

        Args:
            path: of the log.
            dataset: the items and classes that there were, and new ones behind them.
            features: (N, D) of all items.
            prototypes: all items whose label is known; none leaves them as they were.
            learner: as for `open`.
            clock: as for `open`.

        Raises:
            StoreError: no log, a foreign or damaged one.
            DataError: an old item, class or known label is not as it was, or parts do not fit together.
            ConfigError: new classes in a campaign whose prior counts were given and not made from its settings.
        """
        log = open_log(Path(path))
        try:
            campaign = cls(log, features, learner, clock)
            _check_one_row_per_item(features, dataset)
            before = campaign.dataset, campaign.prototypes
            after = dataset, prototypes or campaign.prototypes
            with campaign._journal.writing() as (_, append):
                addition = find_addition(before, after, features.fingerprint)
                if addition["classes"]:
                    campaign._check_prior_can_grow()
                if addition != {"items": [], "known": [], "classes": [], "features": campaign._fingerprint}:
                    append(Kind.EXTENDED, payload=addition)
            campaign = cls(log, features, campaign._learner, clock)
            campaign._check_same_parts(learner)
        except Exception:
            log.close()
            raise
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
            used = ChainMap[bytes, tuple[int, int]]({}, ledger.answer_ids)
            for answer in answers:
                self._check_answer(answer, lease, used)
            said = ledger.said[lease.annotator]
            n_accepted = n_repeated = 0
            refused: list[int] = []
            for answer in answers:
                if answer.item not in said:
                    kind = Kind.ANSWERED if answer.label is not None else Kind.SKIPPED
                    n_accepted += 1
                elif said[answer.item] == answer.label:
                    n_repeated += 1
                    continue
                else:
                    kind = Kind.REFUSED
                    refused.append(answer.item)
                    if (lease.annotator, answer.item, answer.label) in ledger.refused:
                        continue
                append(
                    kind,
                    batch=lease.batch.id,
                    annotator=lease.annotator,
                    item=answer.item,
                    label=answer.label,
                    response_ms=answer.response_ms,
                    answer_id=answer.id,
                )
            return Receipt(n_accepted, n_repeated, tuple(refused))

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

    def _check_answer(self, answer: Answer, lease: Lease, used: MutableMapping[bytes, tuple[int, int]]) -> None:
        if answer.item not in lease.batch.items:
            raise AnswerError(
                f"Item {answer.item!r} is not in batch {lease.batch.id}; answer only the items that it holds."
            )
        K = self.dataset.n_classes
        if answer.label is not None and not 0 <= answer.label < K:
            raise AnswerError(f"The label {answer.label!r} is no class; allowed is 0 to {K - 1}, or None for a skip.")
        if answer.id is not None:
            by, item = used.setdefault(answer.id, (lease.annotator, answer.item))
            if (by, item) != (lease.annotator, answer.item):
                raise AnswerError(
                    f"The answer id {answer.id!r} was used for item {item} before; make a new id for every answer."
                )

    def _check_askable(self, name: str, items: IntArray) -> None:
        N = self.dataset.n_items
        if len(items) and not 0 <= items.min() <= items.max() < N:
            raise DataError(
                f"{name!r} cannot be asked about items {items.min()} to {items.max()}; give indices from 0 to {N - 1}."
            )

    def _take(self, addition: Addition) -> None:
        """Goes on with what an `extended` entry brought."""
        self.dataset, self.prototypes = add(addition, self.dataset, self.prototypes)
        self._fingerprint = addition["features"]
        if addition["classes"]:
            self.prior_counts = confusion.prior_counts(self.config.prior, self.dataset.n_classes)

    def _check_prior_can_grow(self) -> None:
        K = self.dataset.n_classes
        if not np.array_equal(self.prior_counts, confusion.prior_counts(self.config.prior, K)):
            raise ConfigError(
                f"The campaign was made with prior counts of its own for {K} classes, so none can be added; start "
                "another campaign."
            )

    def _check_same_parts(self, learner: Learner | NetworkMaker | None) -> None:
        if self._features.fingerprint != self._fingerprint:
            raise DataError(
                f"These features ({self._features.values.shape}) are not those the campaign was made with; "
                "open it with the same file."
            )
        given = "" if learner is None else name_of(learner)
        if given != self._learner_name:
            raise ConfigError(
                f"The campaign was made with {self._learner_name or 'the built-in learner'}, "
                f"not {given or 'the built-in learner'}; open it with the same."
            )


def _check_one_row_per_item(features: Features, dataset: Dataset) -> None:
    if len(features) != dataset.n_items:
        raise DataError(f"There are {len(features)} rows of features for {dataset.n_items} items; give one per item.")


def _chosen(
    settings: LearnerSettings, learner: Learner | NetworkMaker | None, features: Features, dataset: Dataset
) -> Learner | NetworkMaker:
    """The learner that was given, or else the one that the settings name; a network is tried before it is needed."""
    if learner is None:
        learner = TanhNetwork
        if settings.module is not None:
            from askless.torch_learner import load_learner  # torch is an extra

            learner = load_learner(settings.module, settings.device)
    if not isinstance(learner, Learner | NetworkMaker):
        raise ConfigError(
            f"{learner!r} is no learner; give an object with fit and predict_proba, or TorchLearner(make)."
        )
    if not isinstance(learner, Learner):
        learner(features.values.shape[1], dataset.n_classes, settings, generator(0, "trial"))
    return learner
