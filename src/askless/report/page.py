"""The page: what is known of the runs, rendered by `template.html.j2` into one file."""

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from askless.errors import DataError
from askless.report import comparison, figures, section
from askless.report.content import count
from askless.report.groups import Group, group_runs
from askless.report.run import Run, read_runs


def write_report(folders: Sequence[Path], out: Path) -> Path:
    """Writes one self-contained HTML page about one simulated run, or about several side by side.

    Runs that differ in nothing but the seed are told as one, with bands; the page then links to those of the runs.
    It needs no network and no other file; equal folders give equal bytes.

    Raises:
        DataError: a run folder is missing, incomplete or unreadable, or the page cannot be written.
    """
    html = _render(read_runs(folders), out.parent)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(html.encode("utf-8", errors="replace"))
        os.replace(temporary, out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(
            f"The report cannot be written to {out} ({error.strerror}); choose a file you may write."
        ) from error
    return out


def _render(runs: Sequence[Run], place: Path) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = resources.files("askless.report").joinpath("template.html.j2").read_text(encoding="utf-8")
    groups = group_runs(runs)
    is_comparison, is_grouped = len(runs) > 1, len(groups) < len(runs)
    title = f"{len(runs)} labelling runs compared" if is_comparison else f"{runs[0].name} on {runs[0].text('dataset')}"
    told_in_full = [] if is_grouped else runs
    return environment.from_string(source).render(
        is_comparison=is_comparison,
        title=title,
        subtitle=_subtitle(groups),
        comparison=comparison.comparison_table(groups) if is_comparison else None,
        each_run=comparison.table_of_runs(runs, _links(runs, place)) if is_grouped else None,
        differences=comparison.differences_table(groups) if is_comparison else None,
        curves=comparison.plots(groups) if is_comparison else [],
        legend=[(figures.swatch(i), group.name) for i, group in enumerate(groups)],
        shades=figures.SHADES,
        sections=[section.describe(run, f"run-{i}", is_comparison) for i, run in enumerate(told_in_full, start=1)],
    )


def _links(runs: Sequence[Run], place: Path) -> dict[str, str]:
    """From a page in the folder `place` to the runs' own, where there are any."""
    pages = {run.name: run.folder / "report.html" for run in runs}
    return {
        name: quote(Path(os.path.relpath(page, place)).as_posix()) for name, page in pages.items() if page.is_file()
    }


def _subtitle(groups: Sequence[Group]) -> str:
    runs = [run for group in groups for run in group.runs]
    shared = []
    for key, words in (("dataset", "data set"), ("simulation", "simulated crowd")):
        values = {run.text(key) for run in runs}
        if len(values) == 1:
            shared.append(f"{words} {values.pop()}")
    seeds = {group.seeds for group in groups}
    if len(seeds) == 1:
        shared.append(f"{'seeds' if len(groups[0].runs) > 1 else 'seed'} {seeds.pop()}")
    n_classes = {run.number("n_classes") for run in runs}
    if len(n_classes) == 1:
        shared.append(f"{count(n_classes.pop())} classes")
    return " · ".join(shared)
