"""Several runs, side by side."""

from collections.abc import Callable, Sequence

from askless.report import figures
from askless.report.content import (
    NONE,
    Cell,
    Plot,
    Table,
    decimal,
    duration,
    last,
    level_name,
    percent,
    plain_rows,
)
from askless.report.run import Run


def comparison_table(runs: Sequence[Run]) -> Table:
    columns: list[tuple[str, list[float | None], Callable[[float | None], str], Callable[..., float] | None]] = [
        ("annotations per image", [run.number("annotations_per_item") for run in runs], decimal, min),
        ("accuracy", [run.number("accuracy") for run in runs], percent, max),
        ("finished", [run.number("finished_share") for run in runs], percent, max),
        ("accuracy of finished", [run.number("finished_accuracy") for run in runs], percent, max),
        ("calibration error", [run.number("ece") for run in runs], percent, min),
        ("time", [run.number("seconds") for run in runs], duration, min),
    ]
    for level in sorted({level for run in runs for level in run.reached}):
        costs = [run.reached.get(level) for run in runs]
        columns.append((f"to reach {level_name(level)}", costs, decimal, min))
    rows = [[Cell(run.name), Cell(run.text("seed"))] for run in runs]
    for _, values, form, best_of in columns:
        known = [value for value in values if value is not None]
        texts = [form(value) for value in values]
        best = form(best_of(known)) if known and best_of else None
        is_telling = len(set(texts)) > 1
        for row, text in zip(rows, texts, strict=True):
            row.append(Cell(text, is_telling and text == best))
    return Table(
        "What each run cost, and what it got",
        ("run", "seed", *(name for name, *_ in columns)),
        rows,
    )


def differences_table(runs: Sequence[Run]) -> Table:
    keys = sorted({key for run in runs for key in run.settings})
    rows = [[key, *(run.settings.get(key, NONE) for run in runs)] for key in keys]
    return Table(
        "Settings that differ",
        ("setting", *(run.name for run in runs)),
        plain_rows([row for row in rows if len(set(row[1:])) > 1]),
        n_names=len(runs) + 1,
    )


def plots(runs: Sequence[Run]) -> list[Plot]:
    curves = [run.curves for run in runs]
    plots = []
    for column, title, caption, is_share in (
        (
            "posterior_all_top1",
            "Accuracy",
            "Share of images with the right label; higher and further left is better.",
            True,
        ),
        ("finished_share", "Finished", "Share of images that need no more annotations.", True),
        (
            "posterior_all_ece",
            "Calibration error",
            "How far confidence is from the share that is right; lower is better.",
            False,
        ),
    ):
        ends = "; ".join(f"{run.name} {percent(last(run.curves[column]))}" for run in runs)
        drawn = figures.draw_comparison(f"compare-{column}", f"{title} at the end: {ends}.", curves, column, is_share)
        plots.append(Plot(title, drawn, caption))
    return plots
