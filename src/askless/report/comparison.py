"""Several runs, side by side; those that differ in the seed only are one."""

from collections.abc import Callable, Mapping, Sequence

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
from askless.report.groups import Group, Spread
from askless.report.run import Run


def comparison_table(groups: Sequence[Group]) -> Table:
    """A row for each group: means over its seeds, and below them how far these lie apart; the best is marked."""
    columns: list[tuple[str, list[Spread], Callable[[float | None], str], Callable[..., float]]] = [
        ("annotations per image", [group.spread("annotations_per_item") for group in groups], decimal, min),
        ("accuracy", [group.spread("accuracy") for group in groups], percent, max),
        ("finished", [group.spread("finished_share") for group in groups], percent, max),
        ("accuracy of finished", [group.spread("finished_accuracy") for group in groups], percent, max),
        ("calibration error", [group.spread("ece") for group in groups], percent, min),
        ("time", [group.spread("seconds") for group in groups], duration, min),
    ]
    for level in sorted({level for group in groups for run in group.runs for level in run.reached}):
        costs = [group.spread_to_reach(level) for group in groups]
        columns.append((f"to reach {level_name(level)}", costs, decimal, min))
    rows = [[Cell(group.name, note=f"seeds {group.seeds}" if len(group.runs) > 1 else "")] for group in groups]
    for _, spreads, form, best_of in columns:
        known = [spread.mean for spread in spreads if spread.mean is not None]
        texts = [form(spread.mean) for spread in spreads]
        best = form(best_of(known)) if known else None
        is_telling = len(set(texts)) > 1
        for row, text, spread in zip(rows, texts, spreads, strict=True):
            row.append(Cell(text, is_telling and text == best, _range(spread, form)))
    return Table("What each run cost, and what it got", ("run", *(name for name, *_ in columns)), rows)


def _range(spread: Spread, form: Callable[[float | None], str]) -> str:
    if spread.n == 1 or not spread.n_known:
        return ""
    if spread.n_known < spread.n:
        return f"{spread.n_known} of {spread.n} seeds"
    return f"{form(spread.low).removesuffix('%')}\N{EN DASH}{form(spread.high)}"


def table_of_runs(runs: Sequence[Run], links: Mapping[str, str]) -> Table:
    """A row for each run, `links` by their names. None is marked: one seed is better than another by chance."""
    table = comparison_table([Group(run.name, (run,)) for run in runs])
    rows = [
        [Cell(name.text, link=links.get(name.text)), *(Cell(cell.text) for cell in cells)]
        for name, *cells in table.rows
    ]
    return Table("The seeds one by one", table.columns, rows)


def differences_table(groups: Sequence[Group]) -> Table:
    settings = [{**group.runs[0].settings, "seed": group.seeds} for group in groups]
    keys = sorted({key for own in settings for key in own})
    rows = [[key, *(own.get(key, NONE) for own in settings)] for key in keys]
    return Table(
        "Settings that differ",
        ("setting", *(group.name for group in groups)),
        plain_rows([row for row in rows if len(set(row[1:])) > 1]),
        n_names=len(groups) + 1,
    )


def plots(groups: Sequence[Group]) -> list[Plot]:
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
        bands = [group.band(column) for group in groups]
        ends = "; ".join(f"{group.name} {percent(last(band.mean))}" for group, band in zip(groups, bands, strict=True))
        drawn = figures.draw_comparison(f"compare-{column}", f"{title} at the end: {ends}.", bands, is_share)
        plots.append(Plot(title, drawn, caption))
    return plots
