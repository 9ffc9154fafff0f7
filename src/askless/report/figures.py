"""The figures of a report as SVG text that can be put into a page many times without clashes of ids."""

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from xml.etree import ElementTree

import matplotlib.style
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from askless.report.groups import Band
from askless.report.reliability import N_BINS, Reliability
from askless.types import BoolArray, FloatArray, IntArray

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D")
DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
SHADES = ("#f4f7fa", "#7fb2d8", "#08376b")
INK, MUTED, GRID = "#1f2430", "#5b6472", "#e3e6eb"

MOST_TICK_LABELS = 25
MOST_CELLS = 200
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#aab2bd",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "font.size": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def draw_progress(name: str, alt: str, curves: Mapping[str, FloatArray]) -> Markup:
    """Accuracy and finished share against annotations per item, and what audits have shown; `curves` as in `Run`."""
    with _drawing():
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        axes = figure.add_subplot()
        cost = curves["annotations_per_item"]
        for column, label, colour, marker, dashes in (
            ("posterior_all_top1", "accuracy", BLUE, "o", "solid"),
            ("machine_all_top1", "accuracy, machine alone", VERMILION, "s", DASHES[1]),
            ("finished_share", "finished", GREEN, "^", DASHES[2]),
        ):
            if np.isfinite(curves[column]).any():
                _draw_curve(axes, cost, curves[column], label=label, color=colour, marker=marker, linestyle=dashes)
        if "accuracy_low" in curves:
            low, high = curves["accuracy_low"], curves["accuracy_high"]
            axes.vlines(cost, low, high, color=BLUE, alpha=0.35, linewidth=4, label="shown by audits")
        _finish_curves(axes, [cost])
        axes.set_ylim(0, 1.02)
        if axes.lines:
            figure.legend(loc="outside upper left", ncols=3, columnspacing=1.4, borderpad=0)
        return _svg(figure, name, alt)


def draw_comparison(name: str, alt: str, bands: Sequence[Band], is_share: bool) -> Markup:
    """Means against annotations per item, the range of the seeds shaded, an open mark where each seed ended."""
    with _drawing():
        figure = Figure(figsize=(3.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for i, band in enumerate(bands):
            colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
            dashes = DASHES[i % len(DASHES)]
            if len(band.end_cost) > 1:
                axes.fill_between(band.cost, band.low, band.high, color=colour, alpha=0.18, linewidth=0)
                axes.plot(
                    band.end_cost, band.end_value, marker, color=colour, markerfacecolor="white", markersize=3, zorder=3
                )
            _draw_curve(axes, band.cost, band.mean, color=colour, marker=marker, linestyle=dashes, linewidth=1.5)
        _finish_curves(axes, [band.cost for band in bands])
        axes.set_ylim(0, 1.02 if is_share else None)
        return _svg(figure, name, alt)


def swatch(i: int) -> Markup:
    """The line and marker by which band `i` is known in `draw_comparison`."""
    colour, dashes = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
    lengths = "" if isinstance(dashes, str) else " ".join(f"{1.6 * length:g}" for length in dashes[1])
    shape = {
        "o": '<circle cx="17" cy="6" r="3.6"/>',
        "s": '<rect x="13.6" y="2.6" width="6.8" height="6.8"/>',
        "^": '<path d="M17 1.6 21 9.4 13 9.4z"/>',
        "D": '<path d="M17 1.4 21.6 6 17 10.6 12.4 6z"/>',
    }[MARKERS[i % len(MARKERS)]]
    return Markup(
        f'<svg class="swatch" viewBox="0 0 34 12" width="34" height="12" aria-hidden="true" fill="{colour}">'
        f'<path d="M0 6H34" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{lengths}"/>{shape}</svg>'
    )


def draw_reliability(name: str, alt: str, posterior: Reliability, machine: Reliability | None) -> Markup:
    """Accuracy against confidence, and below it how many items are in each bin."""
    sources = [("posterior", posterior, BLUE, "o", "solid")]
    if machine is not None:
        sources.append(("machine alone", machine, VERMILION, "s", DASHES[1]))  # type: ignore[arg-type]
    with _drawing():
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color="#8a93a0", linewidth=1, linestyle=(0, (4, 3)), label="perfect")
        width = 0.08 / len(sources)
        left = np.arange(N_BINS) / N_BINS + 0.01
        for i, (label, bins, colour, marker, dashes) in enumerate(sources):
            seen = bins.count > 0
            upper.plot(
                bins.confidence[seen],
                bins.accuracy[seen],
                label=label,
                color=colour,
                marker=marker,
                linestyle=dashes,
            )
            upper.vlines(bins.confidence[seen], *(bound[seen] for bound in bins.interval), color=colour, linewidth=0.8)
            lower.bar(
                left[seen] + i * width,
                bins.count[seen],
                width,
                align="edge",
                facecolor="white" if i else colour,
                edgecolor=colour,
                linewidth=0.8,
            )
        upper.set_ylim(-0.02, 1.02)
        upper.set_ylabel("share that is right")
        _as_percent(upper.yaxis)
        lower.set_yscale("symlog", linthresh=1)
        most = max(1, *(int(bins.count.max()) for _, bins, *_ in sources))
        lower.set_ylim(0, 3 * most)
        lower.set_yticks(_powers(most), minor=False)
        lower.set_yticks([], minor=True)
        lower.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        lower.set_ylabel("images")
        lower.set_xlim(0, 1.01)
        lower.set_xlabel("confidence in the label")
        _as_percent(lower.xaxis)
        figure.align_ylabels()
        figure.legend(loc="outside upper left", ncols=3, columnspacing=1.4, borderpad=0)
        return _svg(figure, name, alt)


def draw_confusion(name: str, alt: str, matrix: FloatArray, classes: Sequence[str], x_label: str) -> Markup:
    """A matrix (K, K) of shares, row = truth; many classes are shown in groups of neighbours."""
    K = len(classes)
    shown = _grouped(matrix)
    with _drawing():
        figure = Figure(figsize=(3.4, 3.4), layout="constrained")
        axes = figure.add_subplot()
        shades = LinearSegmentedColormap.from_list("shades", SHADES).with_extremes(bad="#e2e2e2")
        axes.imshow(
            np.ma.masked_invalid(shown),
            cmap=shades,
            norm=PowerNorm(0.5, vmin=0, vmax=1),
            interpolation="none",
            extent=(-0.5, K - 0.5, K - 0.5, -0.5),
        )
        axes.grid(visible=False)
        axes.set_xlabel(x_label)
        axes.set_ylabel("truth")
        if K <= MOST_TICK_LABELS:
            labels = [_short(name) for name in classes]
            small = 7.5 if K <= 12 else 5.5
            upright = max(map(len, labels)) > 2
            axes.set_xticks(range(K), labels, fontsize=small, rotation=90 if upright else 0)
            axes.set_yticks(range(K), labels, fontsize=small)
            axes.tick_params(length=0)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        if K <= 10:
            for y, x in np.argwhere(shown >= 0.005):
                colour = "white" if shown[y, x] > 0.3 else INK
                axes.text(x, y, f"{100 * shown[y, x]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
        return _svg(figure, name, alt)


def draw_skills(name: str, alt: str, true: FloatArray, estimated: FloatArray, count: IntArray) -> Markup:
    """Each annotator's estimated skill against the true one, all (J,); larger = more annotations."""
    known = np.isfinite(true) & np.isfinite(estimated)
    true, estimated, count = true[known], estimated[known], count[known]
    low = max(0.0, float(np.floor(10 * min(true.min(initial=1), estimated.min(initial=1)) - 0.3) / 10))
    most = max(1, int(count.max(initial=1)))
    with _drawing():
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([low, 1.02], [low, 1.02], color="#8a93a0", linewidth=1, linestyle=(0, (4, 3)), label="perfect")
        asked = count > 0
        axes.scatter(
            true[asked],
            estimated[asked],
            s=_area(count[asked], most),
            facecolor=BLUE + "99",
            edgecolor="white",
            linewidth=0.6,
        )
        if not asked.all():
            axes.scatter(
                true[~asked],
                estimated[~asked],
                s=14,
                marker="x",
                color=VERMILION,
                linewidth=1,
                label="no annotations",
            )
        for shown in sorted({most, max(1, round(most / 4))}):
            label = f"{shown:,} given"
            axes.scatter([], [], s=_area(np.array(shown), most), color=BLUE + "99", edgecolor="white", label=label)
        axes.set_xlim(low, 1.02)
        axes.set_ylim(low, 1.02)
        axes.set_xlabel("true skill")
        axes.set_ylabel("estimated skill")
        _as_percent(axes.xaxis)
        _as_percent(axes.yaxis)
        figure.legend(loc="outside upper left", ncols=4, columnspacing=1.2, handletextpad=0.5, borderpad=0)
        return _svg(figure, name, alt)


def _draw_curve(axes: Axes, x: FloatArray, y: FloatArray, **style: object) -> None:
    every = max(1, len(x) // 12)
    axes.plot(x, y, markevery=every, markeredgecolor="white", markeredgewidth=0.5, **style)  # type: ignore[arg-type]


def _finish_curves(axes: Axes, costs: Sequence[FloatArray]) -> None:
    most = max((float(cost[np.isfinite(cost)].max(initial=0)) for cost in costs), default=0.0)
    axes.set_xlim(0, 1.03 * most or 1)
    axes.set_xlabel("annotations per image")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    _as_percent(axes.yaxis)


def _as_percent(axis: Axis) -> None:
    axis.set_major_formatter(PercentFormatter(1, decimals=None))


def _powers(most: int) -> list[int]:
    """At most four powers of ten up to `most`."""
    powers = [10**power for power in range(len(str(most)))]
    return powers[:: -(-len(powers) // 4)]


def _area(count: IntArray, most: int) -> FloatArray:
    return np.asarray(8 + 110 * count / most, dtype=np.float64)


def group_size(n_classes: int) -> int:
    """How many neighbouring classes share a row and a column of `draw_confusion`."""
    return -(-n_classes // MOST_CELLS)


def _grouped(matrix: FloatArray) -> FloatArray:
    """(G, G), G <= MOST_CELLS: the share of each group of labels, averaged over groups of true classes."""
    starts = np.arange(0, len(matrix), group_size(len(matrix)))
    known: BoolArray = ~np.isnan(matrix.sum(axis=1))
    columns = np.add.reduceat(np.where(known[:, None], matrix, 0), starts, axis=1)
    n_known = np.add.reduceat(known.astype(np.int64), starts)[:, None]
    return np.where(n_known > 0, np.add.reduceat(columns, starts) / np.maximum(n_known, 1), np.nan)


def _short(text: str, most: int = 14) -> str:
    """Fits a tick label, and leaves nothing in it that XML forbids."""
    printable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return printable if len(printable) <= most else printable[: most - 1] + "…"


@contextmanager
def _drawing() -> Iterator[None]:
    with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _svg(figure: Figure, name: str, alt: str) -> Markup:
    """The figure as an accessible `<svg>` of flexible size, its ids beginning with `name`."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    used = set(re.findall(r'(?:url\(|href=")#([\w.-]+)', buffer.getvalue()))
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        if attributes.get("id") not in used:
            attributes.pop("id", None)
        else:
            attributes["id"] = f"{name}-{attributes['id']}"
        element.attrib.clear()
        element.attrib.update(
            {
                key: re.sub(r"^(#|url\(#)", rf"\g<1>{name}-", value) if key in ("href", "clip-path") else value
                for key, value in attributes.items()
            }
        )
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": alt, "stroke-linejoin": "round"}
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))
