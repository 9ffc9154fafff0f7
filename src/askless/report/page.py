"""The page: what is known of the runs, rendered by `template.html.j2` into one file."""

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from askless.errors import DataError
from askless.report import comparison, figures, section
from askless.report.run import Run, read_runs


def write_report(folders: Sequence[Path], out: Path) -> Path:
    """Writes one self-contained HTML page about one simulated run, or about several side by side.

    The page needs no network and no other file; equal folders give equal bytes.

    Raises:
        DataError: a run folder is missing, incomplete or unreadable, or the page cannot be written.
    """
    html = _render(read_runs(folders))
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


def _render(runs: Sequence[Run]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = resources.files("askless.report").joinpath("template.html.j2").read_text(encoding="utf-8")
    is_short = len(runs) > 1
    return environment.from_string(source).render(
        is_comparison=is_short,
        title=f"{len(runs)} labelling runs compared" if is_short else f"{runs[0].name} on {runs[0].text('dataset')}",
        subtitle=_subtitle(runs),
        comparison=comparison.comparison_table(runs) if is_short else None,
        differences=comparison.differences_table(runs) if is_short else None,
        curves=comparison.plots(runs) if is_short else [],
        legend=[(figures.swatch(i), run.name) for i, run in enumerate(runs)],
        shades=figures.SHADES,
        sections=[section.describe(run, f"run-{i}", is_short) for i, run in enumerate(runs, start=1)],
    )


def _subtitle(runs: Sequence[Run]) -> str:
    shared = []
    for key, words in (("dataset", "data set"), ("simulation", "simulated crowd"), ("seed", "seed")):
        values = {run.text(key) for run in runs}
        if len(values) == 1:
            shared.append(f"{words} {values.pop()}")
    if len({len(run.evaluation.classes) for run in runs}) == 1:
        shared.append(f"{len(runs[0].evaluation.classes):,} classes")
    return " · ".join(shared)
