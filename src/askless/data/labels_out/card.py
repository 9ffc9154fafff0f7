"""The dataset card: what is in an export, how far it can be trusted, and whose work is in it."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from askless.core.risk import ItemStatus
from askless.data.labels_out.outcome import DecidedBy, Outcome


def dataset_card(outcome: Outcome) -> str:
    """Markdown. Annotators are counted, not named."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    result = outcome.result
    is_to_label = result.status != ItemStatus.KNOWN
    n_annotations = Counter(annotator for annotator, _, _ in outcome.annotations())
    believed = float(result.probability[is_to_label].mean())
    yield f"# Labels of {' '.join(outcome.name.split())}\n"
    yield f"Found by askless from the first {outcome.upto} entries of the campaign's log.\n"
    yield f"- {len(outcome.items)} items, {int((~is_to_label).sum())} of them with a label known beforehand"
    if outcome.n_left_out:
        yield f"- {outcome.n_left_out} more items of the campaign are not finished and left out"
    yield f"- {len(outcome.classes)} classes"
    yield f"- {sum(n_annotations.values())} annotations by {len(n_annotations)} annotators"
    yield (
        f"- estimated accuracy of the items here that were to be labelled: {believed:.4f}. That is the mean of what "
        "the model itself believes of each label; nobody has measured it."
    )
    yield "\n## Items\n"
    yield from _table(("status", "items"), _counts(result.status.tolist(), list(ItemStatus)))
    yield ""
    yield from _table(("decided by", "items"), _counts(outcome.decided_by.tolist(), list(DecidedBy)))
    yield "\n## Classes\n"
    labels = np.bincount(result.label, minlength=len(outcome.classes)).tolist()
    yield from _table(("class", "items"), zip(map(_cell, outcome.classes), labels, strict=True))
    if n_annotations:
        yield "\n## Annotators\n"
        yield from _table(
            ("", "least", "median", "most"),
            [
                ("annotations", *(f"{value:.0f}" for value in _spread(list(n_annotations.values())))),
                (
                    "skill of all, as estimated",
                    *(f"{value:.3f}" for value in _spread(outcome.skill.tolist())),
                ),
            ],
        )
    yield "\n## Licences\n"
    yield from [f"- {line}" for line in outcome.licences] or ["No foreign weights were used."]
    yield "- The licence of the images is that of their source; askless does not know it."
    if outcome.result.dataset.images is not None:
        yield "\n## Metadata of images\n"
        yield "Copies of images hold no EXIF (place, time, camera) but how to turn them; links lead to the very files."


def _counts(values: list[str], kinds: list[ItemStatus] | list[DecidedBy]) -> Iterator[tuple[str, int]]:
    counts = Counter(values)
    return ((kind.value, counts[kind.value]) for kind in kinds if counts[kind.value])


def _spread(values: list[float] | list[int]) -> tuple[float, float, float]:
    return min(values), float(np.median(values)), max(values)


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(header)
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")
