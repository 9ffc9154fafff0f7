"""Who said what: the long table of crowd-kit and the wide one of cleanlab."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from askless.data.labels_out.files import File, csv_bytes, json_bytes, npy_bytes
from askless.data.labels_out.outcome import Outcome
from askless.data.labels_out.plain import label_table


def to_crowdkit(outcome: Outcome) -> Iterator[File]:
    """annotations.csv with task, worker, label and response_ms, a row per annotation; skips are left out."""
    rows = (
        (
            outcome.items[answer.item],
            annotator,
            outcome.classes[answer.label],
            "" if answer.response_ms is None else answer.response_ms,
        )
        for annotator, answer in outcome.answers
        if answer.label is not None
    )
    yield "annotations.csv", csv_bytes(("task", "worker", "label", "response_ms"), rows)
    yield label_table(outcome)


def to_cleanlab(outcome: Outcome) -> Iterator[File]:
    """What `cleanlab.multiannotator` takes, for the items that have annotations.

    annotations.csv: a row per item, a column per annotator, class indices or nothing. pred_probs.npy (rows, K): what
    the machine alone says of these items; left out if there is no machine, since the posterior would count the same
    annotations twice.
    """
    said: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for annotator, item, label in outcome.annotations():
        said[item][annotator] = label
    annotators = list(dict.fromkeys(annotator for annotator, _, _ in outcome.annotations()))
    items = sorted(said)
    rows = ([outcome.items[item], *(said[item].get(annotator, "") for annotator in annotators)] for item in items)
    yield "annotations.csv", csv_bytes(("item", *annotators), rows)
    if outcome.machine is not None:
        yield "pred_probs.npy", npy_bytes(outcome.machine[items].astype(np.float32))
    yield "classes.json", json_bytes(outcome.classes)
    yield label_table(outcome)
