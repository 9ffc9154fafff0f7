"""All that a campaign has found, ready to be written in any format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from askless.core.risk import ItemStatus
from askless.errors import DataError
from askless.results import Result
from askless.types import Answer, Float32Array, FloatArray

N_DECIMALS = 6
"""Of every probability that is written as text, so that another machine writes the same."""


class DecidedBy(StrEnum):
    """What a label rests on.

    people: annotations of the item, and no machine. machine: the learner alone, nobody annotated the item.
    both: annotations and the learner. known: the label was given beforehand. nobody: neither annotations nor a
    learner, so the label says nothing.
    """

    PEOPLE = "people"
    MACHINE = "machine"
    BOTH = "both"
    KNOWN = "known"
    NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a campaign and what it was found from. Axes: N items, K classes, J annotators.

    Args:
        name: of the campaign, as its dataset card says it.
        result: labels, one row per item.
        posterior: (N, K).
        machine: (N, K), what the learner alone says, or none.
        skill: (J,) the chance that each annotator is right, as believed.
        answers: who said what, in the order of the log, skips included.
        made_at: when the labels were inferred, in seconds since 1970.
        upto: the position in the log that they rest on.
        licences: a line on each foreign work behind the labels, such as the weights that made the features.
        n_left_out: items of the campaign that are not in here.
    """

    COLUMNS: ClassVar = ("item", "label", "probability", "annotations", "decided_by", "status")

    name: str
    result: Result
    posterior: FloatArray
    machine: Float32Array | None
    skill: FloatArray
    answers: Sequence[tuple[str, Answer]]
    made_at: float
    upto: int
    licences: tuple[str, ...] = ()
    n_left_out: int = 0

    @property
    def items(self) -> tuple[str, ...]:
        return self.result.dataset.items

    @property
    def classes(self) -> tuple[str, ...]:
        return self.result.dataset.classes

    @property
    def decided_by(self) -> npt.NDArray[np.str_]:
        """(N,) values of `DecidedBy`."""
        has_people = self.result.n_annotations > 0
        has_machine = np.full(len(has_people), self.machine is not None)
        cases = {
            DecidedBy.KNOWN: self.result.status == ItemStatus.KNOWN,
            DecidedBy.BOTH: has_people & has_machine,
            DecidedBy.PEOPLE: has_people,
            DecidedBy.MACHINE: has_machine,
        }
        return np.select(list(cases.values()), [kind.value for kind in cases], DecidedBy.NOBODY.value)

    def finished(self) -> Self:
        """The same of finished and known items alone.

        Raises:
            DataError: no item is finished.
        """
        result = self.result
        is_finished = result.status == ItemStatus.CONFIDENT
        if not is_finished.any():
            raise DataError("No item is finished; export all of them instead.")
        kept = np.flatnonzero(is_finished | (result.status == ItemStatus.KNOWN))
        place = {item: number for number, item in enumerate(kept.tolist())}
        dataset = result.dataset
        images = dataset.images and tuple(dataset.images[i] for i in place)
        part = Result(
            replace(dataset, items=tuple(dataset.items[i] for i in place), images=images),
            result.label[kept],
            result.probability[kept],
            result.n_annotations[kept],
            result.status[kept],
        )
        return replace(
            self,
            result=part,
            posterior=self.posterior[kept],
            machine=None if self.machine is None else self.machine[kept],
            answers=[(who, replace(said, item=place[said.item])) for who, said in self.answers if said.item in place],
            n_left_out=len(self.items) - len(kept),
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """A mapping of `COLUMNS` per item, in the order of the dataset: what every format says of a label."""
        result = self.result
        columns = (
            self.items,
            (self.classes[label] for label in result.label),
            result.probability.round(N_DECIMALS).tolist(),
            result.n_annotations.tolist(),
            self.decided_by.tolist(),
            result.status.tolist(),
        )
        for values in zip(*columns, strict=True):
            yield dict(zip(self.COLUMNS, values, strict=True))

    def annotations(self) -> Iterator[tuple[str, int, int]]:
        """Annotator, item and label of the answers that are no skips, in the order of the log."""
        for annotator, answer in self.answers:
            if answer.label is not None:
                yield annotator, answer.item, answer.label
