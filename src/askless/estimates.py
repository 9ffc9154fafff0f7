"""The estimates of a campaign: made by a refresh, kept beside the log, computed again where that file is missing."""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path

from threadpoolctl import ThreadpoolController

from askless.core.infer import infer
from askless.core.learner import Learner, NetworkMaker
from askless.randomness import generator
from askless.settings import CampaignConfig
from askless.store.entries import Entry
from askless.store.journal import Journal
from askless.store.snapshot import load_estimate, remove_older_estimates, save_estimate
from askless.types import Annotations, Estimate, Features, FloatArray, Prototypes


class Estimates:
    """What `infer` says of one campaign at any of its refreshes.

    An estimate builds on the one before it only through the machine's belief: without a learner, or with the pool, it
    depends on the log alone. Without a learner it is quickly computed again, and not kept on disk.

    Args:
        journal: of the campaign.
        features: (N, D).
        prototypes: items whose label is known.
        prior_counts: (K, K) or (J, K, K).
        config: which aggregator, which learner.
        seed: of every draw.
        learner: a classifier, or what makes a network for each fit.
    """

    def __init__(
        self,
        journal: Journal,
        features: Features,
        prototypes: Prototypes,
        prior_counts: FloatArray,
        config: CampaignConfig,
        seed: int,
        learner: Learner | NetworkMaker,
    ) -> None:
        self._journal = journal
        self._features = features
        self._prototypes = prototypes
        self._prior_counts = prior_counts
        self._config = config
        self._seed = seed
        self._learner = learner
        self._latest: tuple[int, Estimate | None] = (0, None)

    def of(self, refreshed: Entry) -> Estimate:
        """The estimate behind a `refreshed` entry: at hand, from its file, or computed again."""
        position, estimate = self._latest
        if estimate is None or position != refreshed.position:
            path, payload = self._path, refreshed.payload or {}
            estimate = load_estimate(path, payload["upto"], self._prior_counts) if path else None
            if estimate is None or digest(estimate) != payload["digest"]:
                with self._journal.reading() as ledger:
                    refreshes = [e for e in ledger.refreshes_of_now if e.position <= refreshed.position]
                needed = refreshes if self._has_memory else refreshes[-1:]
                estimate = deque(self.again(needed), maxlen=1).pop()
            self._latest = (refreshed.position, estimate)
        return estimate

    def again(self, refreshes: Sequence[Entry]) -> Iterator[Estimate]:
        """Computes the estimate of each refresh anew, from the first one on; warns where one comes out otherwise."""
        with self._journal.reading() as ledger:
            annotations = ledger.annotations()
        estimate: Estimate | None = None
        for entry in refreshes:
            payload = entry.payload or {}
            seen = slice(payload["n_annotations"])
            estimate = self.infer(
                replace(
                    annotations,
                    item=annotations.item[seen],
                    annotator=annotations.annotator[seen],
                    label=annotations.label[seen],
                ),
                payload["upto"],
                estimate,
            )
            if digest(estimate) != payload["digest"]:
                warnings.warn(
                    f"The estimate of log entry {entry.position} differs from the one made then; "
                    "this machine or its libraries compute differently.",
                    stacklevel=3,
                )
            yield estimate

    def infer(self, annotations: Annotations, upto: int, previous: Estimate | None) -> Estimate:
        """One inference on one BLAS thread, by draws that belong to log position `upto`."""
        with _threadpools().limit(limits=1, user_api="blas"):
            estimate, _ = infer(
                annotations,
                self._features,
                self._prototypes,
                self._prior_counts,
                self._config,
                rng=generator(self._seed, "refresh", upto),
                previous=previous,
                learner=self._learner,
                upto=upto,
            )
        return estimate

    def save(self, estimate: Estimate) -> None:
        """Keeps a new estimate on disk, before the log tells of it."""
        if self._path is not None:
            save_estimate(self._path, estimate.upto, estimate)

    def keep(self, refreshed: Entry, estimate: Estimate) -> None:
        """Holds the estimate that the log tells of now; files of earlier ones go."""
        self._latest = (refreshed.position, estimate)
        if self._path is not None:
            remove_older_estimates(self._path, estimate.upto)

    @property
    def _has_memory(self) -> bool:
        return self._config.learner.algo not in ("dummy", "pool")

    @property
    def _path(self) -> Path | None:
        """Beside which log estimates are kept."""
        return None if self._config.learner.algo == "dummy" else self._journal.log.path


def digest(estimate: Estimate) -> str:
    """By which an estimate is known again: its labels and risks."""
    content = blake2b(estimate.label.tobytes(), digest_size=16)
    content.update(estimate.risk.tobytes())
    return content.hexdigest()


@cache
def _threadpools() -> ThreadpoolController:
    """Matrix products round differently with another number of threads; on one, a refresh gives the same everywhere
    that has the same processor and libraries."""
    return ThreadpoolController()
