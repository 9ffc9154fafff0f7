"""What a simulation asks of the people that it simulates.

J annotators, K classes.
"""

from collections.abc import Mapping
from typing import Protocol

from askless.types import Answer, Batch, FloatArray, IntArray


class Crowd(Protocol):
    """Whom a simulation asks. A label depends on (seed, annotator, item) only, not on what was asked before."""

    @property
    def names(self) -> tuple[str, ...]:
        """J annotators."""

    @property
    def confusion(self) -> FloatArray:
        """(J, K, K): how they truly answer; row = truth, rows sum to 1."""

    @property
    def skill(self) -> FloatArray:
        """(J,): the true chance that each is right."""

    @property
    def population_counts(self) -> FloatArray:
        """(K, K), row = truth, of any scale: what an oracle prior knows of the population."""

    @property
    def askable(self) -> Mapping[str, IntArray] | None:
        """The items that each can be asked about; none if everybody can be asked about everything."""

    def available(self) -> tuple[str, ...]:
        """The annotators who can be asked now."""

    def answer(self, batch: Batch) -> list[Answer]:
        """What the batch's annotator says of each of its items, in their order."""
