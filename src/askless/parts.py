"""What a campaign is made of beside answers: written when it is created, and gained while it is under way.

It may gain items, classes, known labels, other features and other settings. Nothing old may change its place.
"""

import io
import json
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import attrgetter
from typing import Any, Self

import numpy as np

from askless.core.confusion import check_prior_counts, prior_counts
from askless.errors import ConfigError, DataError
from askless.settings import CampaignConfig
from askless.store.entries import Entry, Kind
from askless.store.log import Log, read_entries, read_header, read_items
from askless.types import Dataset, Features, FloatArray, IntArray, Prototypes

Addition = dict[str, Any]
"""Payload of an `extended` entry, see `store.entries.Kind`."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a campaign at one position of its log.

    Args:
        dataset: N items, K classes.
        prototypes: items whose label is known.
        config: all settings.
        seed: of every draw.
        prior_counts: (K, K) or (J, K, K).
        fingerprint: of the features.
        learner: name of the learner that was plugged in, or nothing.
        n_extensions: so many times the campaign has gained something.
    """

    dataset: Dataset
    prototypes: Prototypes
    config: CampaignConfig
    seed: int
    prior_counts: FloatArray
    fingerprint: str
    learner: str = ""
    n_extensions: int = 0

    @classmethod
    def of_new_campaign(
        cls,
        dataset: Dataset,
        prototypes: Prototypes,
        config: CampaignConfig,
        seed: int,
        given_counts: FloatArray | None,
        features: Features,
    ) -> Self:
        """Checked parts; `given_counts` of None are made from `config.prior`.

        Raises:
            DataError, ConfigError: parts that do not fit together.
        """
        prototypes.check_fit(dataset)
        check_fit(features, dataset)
        if len(prototypes) == dataset.n_items:
            raise DataError(
                "Every item is a prototype, so there is nothing to label; add items or take prototypes away."
            )
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise ConfigError(f"seed={seed!r} does not fit: allowed is a whole number of 0 or more.")
        counts = prior_counts(config.prior, dataset.n_classes) if given_counts is None else given_counts
        counts = check_prior_counts(counts, dataset.n_classes)
        return cls(dataset, prototypes, config, int(seed), counts, features.fingerprint)

    @classmethod
    def history(cls, log: Log) -> list["Parts"]:
        """The parts that a log was begun with, and those after each extension and each change of settings."""
        with log.reading() as connection:
            header = read_header(connection)
            dataset, prototypes = read_items(connection, tuple(json.loads(header["classes"])))
            entries = [*read_entries(connection, kind=Kind.EXTENDED), *read_entries(connection, kind=Kind.CHANGED)]
        first = cls(
            dataset,
            prototypes,
            CampaignConfig.model_validate_json(header["config"]),
            int(header["seed"]),
            np.load(io.BytesIO(header["prior_counts"]), allow_pickle=False),
            header["features"].decode(),
            header["learner"].decode(),
        )
        entries.sort(key=attrgetter("position"))
        return list(accumulate(entries, Parts.after, initial=first))

    def to_header(self) -> dict[str, bytes]:
        """What the head of a log keeps of them; the items have a table of their own."""
        counts = io.BytesIO()
        np.save(counts, self.prior_counts)
        return {
            "config": self.config.model_dump_json().encode(),
            "seed": str(self.seed).encode(),
            "classes": json.dumps(self.dataset.classes).encode(),
            "prior_counts": counts.getvalue(),
            "features": self.fingerprint.encode(),
            "learner": self.learner.encode(),
        }

    def find_addition(
        self, dataset: Dataset, prototypes: Prototypes, features: str, config: CampaignConfig
    ) -> Addition | None:
        """What leads from these parts to others (`features` is a fingerprint); none if nothing is new.

        Raises:
            DataError: an old item, class or known label is not as it was; a prototype that is no item.
            ConfigError: new classes or another prior where the prior counts were not made from the settings.
        """
        _check_prefix("Item", self.dataset.items, dataset.items)
        _check_prefix("Class", self.dataset.classes, dataset.classes)
        prototypes.check_fit(dataset)
        labels = dict(zip(prototypes.item.tolist(), prototypes.label.tolist(), strict=True))
        for item, label in zip(self.prototypes.item.tolist(), self.prototypes.label.tolist(), strict=True):
            if labels.pop(item, None) != label:
                raise DataError(
                    f"Item {dataset.items[item]!r} is a prototype of class {dataset.classes[label]!r}; a known label "
                    "cannot be changed or taken back."
                )
        new = slice(self.dataset.n_items, None)
        images = dataset.images or (None,) * dataset.n_items
        addition = {
            "items": [list(pair) for pair in zip(dataset.items[new], images[new], strict=True)],
            "known": [list(pair) for pair in labels.items()],
            "classes": list(dataset.classes[self.dataset.n_classes :]),
            "features": None if features == self.fingerprint else features,
            "config": None if config == self.config else config.model_dump(mode="json"),
        }
        if (addition["classes"] or config.prior != self.config.prior) and not self._has_prior_of_its_settings:
            raise ConfigError(
                f"The campaign was made with prior counts of its own for {self.dataset.n_classes} classes, so neither "
                "classes nor the prior can change; start another campaign."
            )
        return addition if any(addition.values()) else None

    def after(self, entry: Entry) -> "Parts":
        """The parts behind an `extended` or a `changed` entry."""
        payload = entry.payload or {}
        if entry.kind is Kind.CHANGED:
            return replace(self, config=CampaignConfig.model_validate(payload["config"]))
        return self.with_addition(payload)

    def with_addition(self, addition: Addition) -> "Parts":
        """The parts that an addition leads to."""
        images = (
            None if self.dataset.images is None else [*self.dataset.images, *(pair[1] for pair in addition["items"])]
        )
        dataset = Dataset(
            (*self.dataset.items, *(name for name, _ in addition["items"])),
            (*self.dataset.classes, *addition["classes"]),
            None if images is None or None in images else tuple(images),
        )
        item, label = np.array(addition["known"], np.int64).reshape(-1, 2).T
        config = CampaignConfig.model_validate(addition["config"]) if addition["config"] else self.config
        is_prior_new = addition["classes"] or config.prior != self.config.prior
        return replace(
            self,
            dataset=dataset,
            prototypes=Prototypes(np.append(self.prototypes.item, item), np.append(self.prototypes.label, label)),
            config=config,
            prior_counts=prior_counts(config.prior, dataset.n_classes) if is_prior_new else self.prior_counts,
            fingerprint=addition["features"] or self.fingerprint,
            n_extensions=self.n_extensions + 1,
        )

    def known_labels(self, items: IntArray) -> dict[int, int]:
        """The label of each of these items whose label is known."""
        known = dict(zip(self.prototypes.item.tolist(), self.prototypes.label.tolist(), strict=True))
        return {item: known[item] for item in items.tolist() if item in known}

    def check_gold(self, gold: IntArray) -> None:
        """Raises DataError if the label of one of these items is not known."""
        for item in np.setdiff1d(gold, self.prototypes.item).tolist():
            raise DataError(f"Item {item} is gold, but its label is not known; give it among the prototypes too.")

    def check_same(self, features: Features, learner: str) -> None:
        """Raises DataError for other features than those of the campaign, ConfigError for another learner (its name,
        or nothing for the built-in one)."""
        if features.fingerprint != self.fingerprint:
            raise DataError(
                f"These features ({features.values.shape}) are not those the campaign was made with; "
                "open it with the same file."
            )
        if learner != self.learner:
            raise ConfigError(
                f"The campaign was made with {self.learner or 'the built-in learner'}, "
                f"not {learner or 'the built-in learner'}; open it with the same."
            )

    @property
    def _has_prior_of_its_settings(self) -> bool:
        try:
            return np.array_equal(self.prior_counts, prior_counts(self.config.prior, self.dataset.n_classes))
        except ConfigError:  # an oracle's
            return False


def check_fit(features: Features, dataset: Dataset) -> None:
    """Raises DataError if there are more or fewer features than items, or a prior of other classes."""
    if len(features) != dataset.n_items:
        raise DataError(f"There are {len(features)} rows of features for {dataset.n_items} items; give one per item.")
    if features.prior is not None and features.prior.shape[1] != dataset.n_classes:
        raise DataError(
            f"The prior of the features is of {features.prior.shape[1]} classes, not {dataset.n_classes}; make it anew "
            "or leave it out."
        )


def _check_prefix(what: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    for place, name in enumerate(before):
        if after[place : place + 1] != (name,):
            came = repr(after[place]) if place < len(after) else "missing"
            raise DataError(
                f"{what} {place} was {name!r} and is {came}; keep what there was in its order, and put new ones behind "
                "it."
            )
