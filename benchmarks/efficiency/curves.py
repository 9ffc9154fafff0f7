"""Accuracy and ECE against answers per image: means over seeds, with their 95 % bands (t)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from sets import at

COLUMNS = {"posterior_all_top1": "accuracy", "posterior_all_ece": "ECE"}
N_POINTS = 60


def draw(file: Path, title: str, tables: Mapping[str, Sequence[list[dict[str, float]]]]) -> None:
    """A picture of all methods; a curve ends where its last seed has stopped.

    Args:
        file: the kind of picture is that of its name.
        title: of the picture.
        tables: for each method the rows of each seed.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for axes, (column, label) in zip(figure.subplots(1, 2), COLUMNS.items(), strict=True):
        for method, runs in tables.items():
            first = min(rows[0]["annotations_per_item"] for rows in runs)
            cost = np.linspace(first, max(rows[-1]["annotations_per_item"] for rows in runs), N_POINTS)
            values = np.array([[at(rows, column, one) for one in cost] for rows in runs])
            mean = values.mean(axis=0)
            (line,) = axes.plot(cost, mean, label=method, linewidth=1.5)
            if len(runs) > 1:
                half = stats.t.ppf(0.975, len(runs) - 1) * stats.sem(values, axis=0)
                axes.fill_between(cost, mean - half, mean + half, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.set(xlabel="answers per image", ylabel=label)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(file, dpi=120)
