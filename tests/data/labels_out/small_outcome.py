"""Five items, three classes, two people: small enough to write every export down by hand."""

from pathlib import Path
from typing import Any

import numpy as np

from askless.core.risk import ItemStatus
from askless.data.labels_out.files import File, ItemImage
from askless.data.labels_out.outcome import Outcome
from askless.results import Result
from askless.types import Answer, Dataset

ITEMS = ("a/x.jpg", "b/x.jpg", "../../etc/passwd", "CON.png", "ü,“q”.png")
CLASSES = ("cat", "../dog", "other | rest")
POSTERIOR = np.array([[0.9, 0.06, 0.04], [0.2, 0.7, 0.1], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.0, 0.0, 1.0]])
STATUS = (ItemStatus.CONFIDENT, ItemStatus.OPEN, ItemStatus.EXHAUSTED, ItemStatus.OPEN, ItemStatus.KNOWN)


def make_outcome(images: Path | None = None, **given: Any) -> Outcome:
    """`images`: a folder that has no folders of the items' names, in which picture i is `i.jpg`."""
    paths = None if images is None else tuple(f"{i}.jpg" for i in range(len(ITEMS)))
    result = Result(
        Dataset(ITEMS, CLASSES, paths),
        POSTERIOR.argmax(axis=1),
        POSTERIOR.max(axis=1),
        np.array([2, 1, 1, 0, 0]),
        np.array([status.value for status in STATUS]),
    )
    answers = [
        ("ann", Answer(0, 0, 1500)),
        ("bob", Answer(0, 1)),
        ("ann", Answer(1, 1, 20)),
        ("bob", Answer(1, None)),
        ("bob", Answer(2, 0)),
    ]
    fields = {
        "name": "birds\n# not a heading",
        "result": result,
        "posterior": POSTERIOR,
        "machine": POSTERIOR.astype(np.float32),
        "skill": np.array([0.9, 0.6]),
        "answers": answers,
        "made_at": 1_600_000_000.25,
        "upto": 7,
        "licences": ("Features: small from somewhere, Apache-2.0",),
    }
    return Outcome(**(fields | given))


def contents(files: list[File]) -> dict[str, bytes | int]:
    """What is in each file; of an image the index of its item."""
    read = {name: content.item if isinstance(content, ItemImage) else b"".join(content) for name, content in files}
    assert len(read) == len(files), "a name comes twice"
    return read
