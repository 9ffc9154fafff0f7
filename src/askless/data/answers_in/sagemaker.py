"""SageMaker augmented manifests: a JSON object per line, one label per labelling job."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from askless.data.answers_in.given import GivenAnswer, Unusable
from askless.data.labels_out.sagemaker import JOB
from askless.errors import DataError

MAX_LINE = 1 << 24
"""Bytes: no line of a manifest of images is nearly as long."""


def read_sagemaker(path: Path) -> Iterator[GivenAnswer | Unusable]:
    """A job counts as one annotator, named by its label attribute: the manifest does not say who answered.

    Labels that SageMaker's own learner gave (`human-annotated` is no) are those of another annotator, whose name ends
    in " (automatic)": they err in another way. Labels that askless exported are not taken: they rest on answers that
    would count twice.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for row, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
                if line.strip():
                    yield from _answers(row, line)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path.") from error


def _answers(row: int, line: bytes) -> Iterator[GivenAnswer | Unusable]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict) or not isinstance(entry.get("source-ref"), str):
        yield Unusable(row, "it is no JSON object with a source-ref")
        return
    jobs = [name for name in entry if isinstance(entry.get(f"{name}-metadata"), dict)]
    if not jobs:
        yield Unusable(row, "it has no label")
    for job in jobs:
        yield _answer(row, entry["source-ref"], job, entry[f"{job}-metadata"])


def _answer(row: int, item: str, job: str, metadata: dict[str, Any]) -> GivenAnswer | Unusable:
    if job == JOB:
        return Unusable(row, "askless found this label; what it rests on would count twice")
    label = metadata.get("class-name")
    if not isinstance(label, str):
        return Unusable(row, f"{job} has no class-name")
    annotator = job if metadata.get("human-annotated") != "no" else f"{job} (automatic)"
    return GivenAnswer(row, annotator, (item,), (label,))
