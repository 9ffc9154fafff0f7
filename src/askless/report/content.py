"""What a page is put together from: facts, figures, tables, and numbers as text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from askless.types import FloatArray

NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Fact:
    """A headline number, and what it means to a newcomer."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Plot:
    """A figure with what stands above and below it."""

    title: str
    svg: Markup
    caption: str


@dataclass(frozen=True)
class Cell:
    """A table cell; the best one of a column is marked. `note` stands small below the text, `link` behind it."""

    text: str
    is_best: bool = False
    note: str = ""
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """A table: the first cell of each row is its header; the first `n_names` columns hold words, not numbers."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    n_names: int = 1


def plain_rows(rows: Sequence[Sequence[str]]) -> list[list[Cell]]:
    return [[Cell(text) for text in row] for row in rows]


def percent(value: float | None) -> str:
    return NONE if value is None or not np.isfinite(value) else f"{100 * value:.1f}%"


def decimal(value: float | None) -> str:
    return NONE if value is None or not np.isfinite(value) else f"{value:.2f}"


def count(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return NONE
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def level_name(level: str) -> str:
    try:
        return f"{float(level):.0%}"
    except ValueError:
        return level


def first(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[0]) if len(known) else None


def last(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None
