"""SageMaker augmented manifest: a JSON object per line, one per item."""

from collections.abc import Iterator
from datetime import UTC, datetime

from askless.data.labels_out.files import File, json_lines
from askless.data.labels_out.outcome import DecidedBy, Outcome

JOB = "askless"
"""The label attribute, no annotator when it comes back; the rest about a label is in `askless-metadata`."""


def to_sagemaker(outcome: Outcome) -> Iterator[File]:
    """output.manifest. `source-ref` is the item id: put the place of your images in front of it."""
    made_at = datetime.fromtimestamp(outcome.made_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    lines = (
        {
            "source-ref": row["item"],
            JOB: int(label),
            f"{JOB}-metadata": {
                "class-name": row["label"],
                "confidence": row["probability"],
                "human-annotated": "yes" if row["decided_by"] == DecidedBy.KNOWN else "no",
                "creation-date": made_at,
                "type": "groundtruth/image-classification",
                "job-name": f"labeling-job/{JOB}",
                "annotations": row["annotations"],
                "decided-by": row["decided_by"],
                "status": row["status"],
            },
        }
        for label, row in zip(outcome.result.label, outcome.rows(), strict=True)
    )
    yield "output.manifest", json_lines(lines)
