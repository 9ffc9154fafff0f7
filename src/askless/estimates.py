"""The estimates of a campaign: made by a refresh, kept beside the log, computed again where that file is missing."""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b

import numpy as np

from askless.core.infer import infer
from askless.core.learner import Learner, NetworkMaker
from askless.cores import side_by_side
from askless.randomness import generator
from askless.settings import CampaignConfig
from askless.store.entries import Entry
from askless.store.journal import Journal
from askless.store.snapshot import load_estimate, remove_older_estimates, save_estimate
from askless.types import Annotations, Confusion, Estimate, Features, FloatArray, Prototypes


class DifferentEstimateWarning(UserWarning):
    """An estimate is not what it was when it was made."""


class Estimates:
    """What `infer` says of one campaign at any of its refreshes.

    An estimate builds on the one before it only through the machine's belief: without a learner, or with the pool, it
    depends on the log alone. Without a learner it is quickly computed again, and kept on disk only if asked for.

    Args:
        journal: of the campaign.
        features: (N, D).
        prototypes: items whose label is known.
        prior_counts: (K, K) or (J, K, K).
        config: which aggregator, which learner.
        seed: of every draw.
        learner: a classifier, or what makes a network for each fit.
        is_kept: keep each as a file, whatever the learner.
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
        *,
        is_kept: bool = False,
    ) -> None:
        self._journal = journal
        self._features = features
        self._prototypes = prototypes
        self._prior_counts = prior_counts
        self._config = config
        self._seed = seed
        self._learner = learner
        self._path = journal.log.path if is_kept or config.learner.algo != "dummy" else None
        self._held: dict[tuple[int, str], Estimate] = {}

    def find(self, upto: int, digest_of_it: str) -> Estimate | None:
        """The estimate of these marks: at hand or from its file; none if it would have to be computed."""
        key = upto, digest_of_it
        if key not in self._held and self._path:
            estimate = load_estimate(self._path, upto, self._prior_counts)
            if estimate is not None and digest(estimate) == digest_of_it:
                self._hold(key, estimate)
        return self._held.get(key)

    @property
    def at_hand(self) -> Estimate:
        """The newest one that need not be computed, if only what is believed before the first inference."""
        return next(reversed(self._held.values()), None) or self.before_any

    def of(self, refreshed: Entry) -> Estimate:
        """The estimate behind a `refreshed` entry, computed again if need be."""
        payload = refreshed.payload or {}
        estimate = self.find(payload["upto"], payload["digest"])
        if estimate is None:
            with self._journal.reading() as ledger:
                refreshes = [e for e in ledger.refreshes_of_now if e.position <= refreshed.position]
            needed = refreshes if self._has_memory else refreshes[-1:]
            estimate = deque(self.again(needed), maxlen=1).pop()
            self._held = {(payload["upto"], payload["digest"]): estimate}
        return estimate

    def again(self, refreshes: Sequence[Entry]) -> Iterator[Estimate]:
        """Computes the estimate of each refresh anew, from the first one on; warns where one comes out otherwise."""
        estimate: Estimate | None = None
        for entry in refreshes:
            payload = entry.payload or {}
            with self._journal.reading() as ledger:
                annotations = ledger.annotations(payload["upto"])
            estimate = self.infer(annotations, payload["upto"], estimate)
            if digest(estimate) != payload["digest"]:
                warnings.warn(
                    f"The estimate of log entry {entry.position} differs from the one made then; "
                    "this machine or its libraries compute differently.",
                    DifferentEstimateWarning,
                    stacklevel=3,
                )
            yield estimate

    @cached_property
    def before_any(self) -> Estimate:
        """What is believed before the first inference: known labels, and the prior of an annotator."""
        N, K = len(self._features), self._prior_counts.shape[-1]
        posterior = np.full((N, K), 1.0 / K)
        posterior[self._prototypes.item] = np.eye(K)[self._prototypes.label]
        nothing = np.empty(0, np.int64)
        confusion = Confusion(self._prior_counts, nothing, nothing, np.empty((0, K)), 0)
        return Estimate(posterior, confusion, np.full(K, 1.0 / K), None, np.inf, 0.0)

    def infer(self, annotations: Annotations, upto: int, previous: Estimate | None) -> Estimate:
        """One inference, by draws that belong to log position `upto`."""
        with side_by_side():
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

    def save(self, estimate: Estimate) -> str:
        """Holds a new estimate, and keeps it on disk, before the log tells of it; returns its digest."""
        of_it = digest(estimate)
        self._hold((estimate.upto, of_it), estimate)
        if self._path is not None:
            save_estimate(self._path, estimate.upto, estimate)
        return of_it

    def forget_others(self, upto: int, digest_of_it: str) -> None:
        """Holds only the estimate that the log tells of now; files of earlier ones go."""
        self._held = {key: estimate for key, estimate in self._held.items() if key == (upto, digest_of_it)}
        if self._path is not None:
            remove_older_estimates(self._path, upto)

    def _hold(self, key: tuple[int, str], estimate: Estimate) -> None:
        """Beside one other: that before it, or the one that is in the making."""
        self._held = dict([*self._held.items()][-1:]) | {key: estimate}

    @property
    def _has_memory(self) -> bool:
        return self._config.learner.algo not in ("dummy", "pool")


def digest(estimate: Estimate) -> str:
    """By which an estimate is known again: its labels and risks."""
    content = blake2b(estimate.label.tobytes(), digest_size=16)
    content.update(estimate.risk.tobytes())
    return content.hexdigest()
