"""Label Studio JSON: one task per item, with what people said as annotations and the label as a prediction."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from askless.data.labels_out.files import File
from askless.data.labels_out.outcome import Outcome
from askless.types import Answer

CONTROL, IMAGE = "label", "image"
"""The names of the two tags of the labelling interface."""


def to_label_studio(outcome: Outcome) -> Iterator[File]:
    """tasks.json, and interface.xml for the project that it is imported into.

    `completed_by` is left out, because Label Studio refuses people whom it does not know; who gave an answer is in
    the `meta` of its result. Images are those of Label Studio's local storage, by item id.
    """
    yield "tasks.json", _tasks(outcome)
    yield "interface.xml", [interface(outcome.classes).encode()]


def interface(classes: tuple[str, ...]) -> str:
    """The labelling interface: an image and one choice."""
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in classes)
    return (
        f'<View>\n  <Image name="{IMAGE}" value="${IMAGE}"/>\n'
        f'  <Choices name="{CONTROL}" toName="{IMAGE}" choice="single">\n{choices}\n  </Choices>\n</View>\n'
    )


def _tasks(outcome: Outcome) -> Iterator[bytes]:
    answers: defaultdict[int, list[tuple[str, Answer]]] = defaultdict(list)
    for annotator, answer in outcome.answers:
        answers[answer.item].append((annotator, answer))
    before = "[\n"
    for i, row in enumerate(outcome.rows()):
        task = {
            "id": i + 1,
            "data": {IMAGE: f"/data/local-files/?d={quote(row['item'])}"} | row,
            "annotations": [_annotation(outcome, annotator, answer) for annotator, answer in answers[i]],
            "predictions": [
                {"model_version": "askless", "score": row["probability"], "result": [_choice(row["label"])]}
            ],
        }
        yield f"{before}{json.dumps(task, ensure_ascii=False)}".encode()
        before = ",\n"
    yield b"\n]\n"


def _annotation(outcome: Outcome, annotator: str, answer: Answer) -> dict[str, Any]:
    name = None if answer.label is None else outcome.classes[answer.label]
    return {
        "result": [_choice(name) | {"meta": {"annotator": annotator}}],
        "was_cancelled": name is None,
        "ground_truth": False,
        "lead_time": None if answer.response_ms is None else answer.response_ms / 1000,
    }


def _choice(name: str | None) -> dict[str, Any]:
    return {
        "from_name": CONTROL,
        "to_name": IMAGE,
        "type": "choices",
        "value": {"choices": [] if name is None else [name]},
    }
