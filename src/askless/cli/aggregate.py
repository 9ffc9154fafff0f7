"""`askless aggregate`."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from askless.cli.terminal import decimals, new_app, note, out
from askless.data.table import AnnotationTable, read_annotations, read_truth, write_tables
from askless.errors import ConfigError
from askless.estimators import METHODS, MajorityVote
from askless.metrics import score
from askless.workspace import annotation_table, open_or_look

app = new_app()


@app.command()
def aggregate(
    answers: Annotated[
        Path,
        typer.Argument(help="Table with columns item (or task), annotator (or worker), label; or a campaign folder."),
    ],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "dawid_skene",
    labels: Annotated[Path | None, typer.Option("-o", "--out", help="Write item, label, probability.")] = None,
    probabilities: Annotated[Path | None, typer.Option(help="Write item and the probability of each class.")] = None,
    annotators: Annotated[Path | None, typer.Option(help="Write annotator, n_annotations, skill.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Table with columns item (or task), label, to score by.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Find the labels of a table of annotations that is there already, or of a campaign.

    For example: askless aggregate answers.csv --method dawid_skene -o labels.csv.
    All tables are CSV, or Parquet if their names end so.
    """
    if method not in METHODS:
        raise ConfigError(f"There is no method {method!r}; allowed: {', '.join(METHODS)}.")
    start = time.perf_counter()
    outputs = [path for path in (labels, probabilities, annotators) if path]
    paths = [path.resolve() for path in (answers, *outputs, *([truth] if truth else []))]
    if len(set(paths)) < len(paths):
        raise ConfigError("Each table needs a file of its own, but one is named twice; choose another name.")
    known = read_truth(truth) if truth else None
    table = _read_campaign(answers) if answers.is_dir() else read_annotations(answers)
    if table.n_repeated:
        n_rows = table.n_repeated + len(table.annotations)
        note(f"Left out {table.n_repeated} of {n_rows} annotations: the same annotator labels the same item again.")
    fitted = METHODS[method]().fit(table)
    summary = _aggregation_summary(method, table, fitted, known)
    columns = {
        labels: {"item": table.items, "label": fitted.labels_, "probability": fitted.posterior_.max(axis=1)},
        probabilities: {
            "item": table.items,
            **{str(name): fitted.posterior_[:, k] for k, name in enumerate(table.classes)},
        },
        annotators: {
            "annotator": table.annotators,
            "n_annotations": fitted.n_annotations_.tolist(),
            "skill": fitted.skill_,
        },
    }
    write_tables({path: content for path, content in columns.items() if path})
    summary["seconds"] = round(time.perf_counter() - start, 3)
    if as_json:
        print(json.dumps(summary))
        return
    for key, value in summary.items():
        out.print(f"{key:16} {decimals(value, 4) if value is None or isinstance(value, float) else value}")
    for path in outputs:
        print(f"Written: {path}")


def _read_campaign(folder: Path) -> AnnotationTable:
    with open_or_look(folder) as (campaign, _):
        return annotation_table(campaign)


def _aggregation_summary(
    method: str, table: AnnotationTable, fitted: MajorityVote, truth: dict[str, str] | None
) -> dict[str, Any]:
    """What `askless aggregate` prints; says on stderr what part of the truth does not fit the table."""
    summary = {
        "method": method,
        "n_items": len(table.items),
        "n_classes": len(table.classes),
        "n_annotators": int((fitted.n_annotations_ > 0).sum()),
        "n_annotations": len(table.annotations),
        "n_repeated": table.n_repeated,
        "iterations": fitted.n_iter_,
        "accuracy": None,
        "n_scored": 0,
    }
    if truth is not None:
        found = dict(zip(map(str, table.items), map(str, fitted.labels_), strict=True))
        result = score(found, {str(name) for name in table.classes}, truth)
        summary |= {"accuracy": result.accuracy, "n_scored": result.n_scored}
        if result.n_unknown_items:
            note(
                f"Not scored: {result.n_unknown_items} of {len(truth)} items with a truth, which are not in the table."
            )
        if result.n_unknown_labels:
            note(f"Wrong for certain: {result.n_unknown_labels} items whose true label nobody gave.")
    return summary
