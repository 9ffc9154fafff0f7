"""Trusted people beside a simulated crowd."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from askless.simulate import noise
from askless.simulate.crowd import Crowd
from askless.simulate.drawn import draw_answers, locate
from askless.types import Answer, Batch, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class AuditedCrowd:
    """A crowd and auditors who are right with one and the same chance, about any item; a `Crowd`.

    Args:
        crowd: the others; their names and answers stay the same.
        auditors: names.
        accuracy: of the auditors.
        truth: (N,).
        seed: of the answers.
    """

    crowd: Crowd
    auditors: tuple[str, ...]
    accuracy: float
    truth: IntArray
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.crowd.names, *self.auditors)

    @cached_property
    def confusion(self) -> FloatArray:
        n_classes = self.crowd.confusion.shape[-1]
        of_auditors = noise.uniform(len(self.auditors), n_classes, self.accuracy, 0.0, self.seed)
        return np.concatenate([self.crowd.confusion, of_auditors])

    @property
    def skill(self) -> FloatArray:
        return np.append(self.crowd.skill, np.full(len(self.auditors), self.accuracy))

    @property
    def population_counts(self) -> FloatArray:
        return self.crowd.population_counts

    @property
    def askable(self) -> Mapping[str, IntArray] | None:
        return self.crowd.askable

    def available(self) -> tuple[str, ...]:
        return (*self.crowd.available(), *self.auditors)

    def answer(self, batch: Batch) -> list[Answer]:
        if batch.annotator not in self.auditors:
            return self.crowd.answer(batch)
        j, items = locate(batch, self.names, len(self.truth))
        return draw_answers(self.seed, j, items, self.confusion[j, self.truth[items]], len(self.truth))
