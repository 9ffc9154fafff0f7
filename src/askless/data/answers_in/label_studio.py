"""Label Studio's JSON export: a list of tasks with their annotations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from askless.data.answers_in.given import GivenAnswer, Unusable, milliseconds
from askless.data.answers_in.json_stream import read_array


def read_label_studio(path: Path) -> Iterator[GivenAnswer | Unusable]:
    """The rows are tasks. A cancelled annotation is a skip, unless its annotator has chosen as well; `lead_time` is
    the time to answer.

    The item is `data.item`, or else named by any other text in `data`. An annotation that is marked as ground truth
    is not taken: it would count as an ordinary answer, and known labels belong to items.csv.

    Raises:
        DataError: no JSON array.
    """
    for row, task in enumerate(read_array(path), start=1):
        annotations = task.get("annotations") if isinstance(task, dict) else None
        if not isinstance(annotations, list):
            yield Unusable(row, "it has no annotations; export as JSON, not JSON-MIN")
            continue
        data = task.get("data")
        items = _names_of_item(data if isinstance(data, dict) else {})
        answers = [_answer(row, items, annotation) for annotation in annotations]
        have_chosen = {given.annotator for given in answers if isinstance(given, GivenAnswer) and given.labels}
        for given in answers:
            if isinstance(given, Unusable) or given.labels or given.annotator not in have_chosen:
                yield given


def _names_of_item(data: dict[str, Any]) -> tuple[str, ...]:
    if isinstance(data.get("item"), str):
        return (data["item"],)
    return tuple(value for value in data.values() if isinstance(value, str))


def _answer(row: int, items: tuple[str, ...], annotation: Any) -> GivenAnswer | Unusable:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
        return Unusable(row, "an annotation has no result")
    if annotation.get("ground_truth") is True:
        return Unusable(row, "it is marked as ground truth; known labels belong to items.csv")
    results = [result for result in annotation["result"] if isinstance(result, dict)]
    annotator = _annotator(annotation, results)
    response_ms = milliseconds(annotation.get("lead_time"), per_unit=1000)
    if annotation.get("was_cancelled") is True:
        return GivenAnswer(row, annotator, items, None, response_ms)
    chosen = [name for result in results if result.get("type") == "choices" for name in _choices(result)]
    if len(chosen) != 1:
        return Unusable(row, f"an annotation has {len(chosen)} choices instead of one")
    return GivenAnswer(row, annotator, items, (chosen[0],), response_ms)


def _annotator(annotation: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """As askless exports it, or Label Studio's own: an email, or the number of a user."""
    for result in results:
        meta = result.get("meta")
        name = meta.get("annotator") if isinstance(meta, dict) else None
        if isinstance(name, str):
            return name
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return str(by) if isinstance(by, str | int) else ""


def _choices(result: dict[str, Any]) -> list[str]:
    value = result.get("value")
    choices = value.get("choices") if isinstance(value, dict) else None
    return [name for name in choices if isinstance(name, str)] if isinstance(choices, list) else []
