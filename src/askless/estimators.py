"""Labels from a plain table of annotations, in the manner of scikit-learn: `DawidSkene().fit(table).labels_`."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from askless.config import preset
from askless.core import aggregate
from askless.core.confusion import prior_counts
from askless.core.votes import group
from askless.data.table import to_annotations
from askless.settings import AggregatorSettings, PriorSettings
from askless.types import Annotations, Confusion, FloatArray, IntArray

WEAK_PRIOR = PriorSettings(strength=2.0)
"""The paper's prior with a fifth of its weight: 4 right answers and at most 2 wrong ones of each class (decision 8)."""

UNTIL_CONVERGED = AggregatorSettings(class_prior_count=1.0, max_em_steps=100, likelihood_epsilon=1e-5)
"""Soft EM that learns how frequent the classes are."""


class MajorityVote:
    """The most frequent label of each item wins; of equally frequent ones the first in `classes_`.

    `fit` takes a mapping or a pandas or polars data frame with the columns item (or task), annotator (or worker) and
    label, or rows of these three. Names may be texts, numbers, anything hashable. Where an annotator labels an item
    more than once, the last label counts.

    Attributes after `fit`, axes N items, J annotators, K classes:
        items_, annotators_: names in the order of the table.
        classes_: names, sorted.
        labels_: N names, one for each of `items_`.
        posterior_: (N, K), rows sum to 1.
        class_prior_: (K,) how frequent the classes are.
        confusion_: (J, K, K), row = truth, rows sum to 1.
        skill_: (J,) the chance that each annotator is right; drawn to the prior's for whom little is known.
        n_annotations_: (J,) how many items each annotator labelled.
        n_iter_: iterations of EM; 0 without any.
        n_repeated_: rows that a later one replaced.
    """

    prior = WEAK_PRIOR

    def fit(self, table: Any) -> Self:
        """Aggregates a table.

        Raises:
            DataError: the table has no rows, lacks a column or a value, or its columns differ in length.
        """
        source = to_annotations(table)
        annotations = source.annotations
        self.items_, self.annotators_, self.classes_ = source.items, source.annotators, source.classes
        self.n_repeated_ = source.n_repeated
        self.n_annotations_: IntArray = np.bincount(annotations.annotator, minlength=annotations.n_annotators)
        prior = prior_counts(self.prior, annotations.n_classes)
        self.posterior_, self.class_prior_, self._confusion, self.n_iter_ = self._estimate(annotations, prior)
        self.labels_ = tuple(self.classes_[index] for index in self.posterior_.argmax(axis=1))
        return self

    @property
    def confusion_(self) -> FloatArray:
        """Made when asked for: J x K x K numbers can be many."""
        return self._confusion.matrices(range(len(self.annotators_)))

    @property
    def skill_(self) -> FloatArray:
        return self._confusion.skill(self.class_prior_)

    def _estimate(self, annotations: Annotations, prior: FloatArray) -> tuple[FloatArray, FloatArray, Confusion, int]:
        share = aggregate.majority_vote(annotations)
        votes, prior_only = group(annotations, prior)
        return share, share.mean(axis=0), aggregate.m_step_soft(votes, prior_only, share), 0


class DawidSkene(MajorityVote):
    """Dawid and Skene (1979): who is good at what, and the labels that follow from it, by EM under Dirichlet priors.

    A prior for every annotator keeps those who said little from being believed blindly. Attributes as those of
    `MajorityVote`.

    Args:
        aggregator: which M-step, when to stop, whether class frequencies are learned.
        prior: what is believed of an annotator beforehand.
        seed: breaks ties of the hard M-step.
    """

    def __init__(
        self,
        aggregator: AggregatorSettings = UNTIL_CONVERGED,
        prior: PriorSettings = WEAK_PRIOR,
        seed: int = 0,
    ) -> None:
        self.aggregator = aggregator
        self.prior = prior
        self.seed = seed

    def _estimate(self, annotations: Annotations, prior: FloatArray) -> tuple[FloatArray, FloatArray, Confusion, int]:
        rng = np.random.default_rng(self.seed)
        confusion, evidence, info = aggregate.fit(annotations, prior, None, self.aggregator, rng=rng)
        posterior = aggregate.e_step(evidence, None, info.class_prior)
        return posterior, np.array(info.class_prior), confusion, len(info.likelihoods)


def _ds_model() -> DawidSkene:
    """The paper's `ds_model`: hard M-step, strong prior, all classes equally frequent."""
    config = preset("ds_model")
    return DawidSkene(config.aggregator, config.prior)


METHODS: dict[str, Callable[[], MajorityVote]] = {
    "majority_vote": MajorityVote,
    "ds_model": _ds_model,
    "dawid_skene": DawidSkene,
}
"""The methods of `askless aggregate` by name."""
