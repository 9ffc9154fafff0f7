"""Runs that differ in the seed only: what belongs together, means, bands, and the page that shows them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report import Page, make_run, report

from askless.report import write_report
from askless.report.groups import Group, group_runs
from askless.report.run import Run, read_runs

pytestmark = pytest.mark.slow


def group_of(*curves: tuple[list[float], list[float]], **summary: list[Any]) -> Group:
    """Runs of which only costs and values of one curve, and numbers of the summary, are known."""
    runs = []
    for i, (cost, value) in enumerate(curves):
        own = {key: values[i] for key, values in summary.items()}
        runs.append(
            Run(
                folder=Path(),
                name=f"seed {i}",
                summary=own,
                settings={},
                curves={"annotations_per_item": np.array(cost), "accuracy": np.array(value)},
                statuses={},
                riskiest=(),
            )
        )
    return Group("", tuple(runs))


def test_a_band_by_hand() -> None:
    nan = float("nan")
    band = group_of(([0, 1, 2], [0.0, 0.5, 0.7]), ([0, 0.5, 1], [nan, 0.4, 0.9])).band("accuracy")
    # Known of both from 0.5 on; the second ends at 1 and keeps its 0.9.
    np.testing.assert_allclose(band.cost, [0.5, 1, 2])
    np.testing.assert_allclose(band.low, [0.25, 0.5, 0.7])
    np.testing.assert_allclose(band.high, [0.4, 0.9, 0.9])
    np.testing.assert_allclose(band.mean, [0.325, 0.7, 0.8])
    assert list(zip(band.end_cost, band.end_value, strict=True)) == [(2, 0.7), (1, 0.9)]


CURVE = st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1)), min_size=1, max_size=8, unique_by=lambda p: p[0])


@given(curves=st.lists(CURVE, min_size=1, max_size=4), order=st.randoms(use_true_random=False))
def test_bands_hold_their_runs(curves: list[list[tuple[int, float]]], order: Any) -> None:
    own = [tuple(map(list, zip(*sorted(curve), strict=True))) for curve in curves]
    band = group_of(*own).band("accuracy")
    assert (np.diff(band.cost) > 0).all()
    assert (band.low <= band.mean + 1e-12).all()
    assert (band.mean <= band.high + 1e-12).all()
    for cost, value in own:
        inside = np.isin(cost, band.cost)
        at = np.searchsorted(band.cost, np.array(cost)[inside])
        assert (band.low[at] <= np.array(value)[inside] + 1e-12).all()
        assert (np.array(value)[inside] <= band.high[at] + 1e-12).all()
    assert band.cost[-1] == max(cost[-1] for cost, _ in own)
    if len(curves) == 1:
        np.testing.assert_array_equal(band.cost, own[0][0])
        np.testing.assert_array_equal(band.mean, own[0][1])
    shuffled = list(own)
    order.shuffle(shuffled)
    np.testing.assert_allclose(group_of(*shuffled).band("accuracy").mean, band.mean)


def test_a_curve_that_nobody_has() -> None:
    band = group_of(([0, 1], [float("nan")] * 2)).band("accuracy")
    assert [len(values) for values in vars(band).values()] == [0] * 6


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, 0.7, 0.6], (0.6, 0.5, 0.7, 3)),
        ([0.5, None, 0.7], (None, 0.5, 0.7, 2)),
        ([None, None], (None, None, None, 0)),
        ([0.5], (0.5, 0.5, 0.5, 1)),
    ],
)
def test_a_mean_is_of_all_or_none(values: list[float | None], expected: tuple[float | None, ...]) -> None:
    curves = [([0.0], [0.0])] * len(values)
    for spread in (
        group_of(*curves, ece=values).spread("ece"),
        group_of(*curves, reached=[{"0.90": value} for value in values]).spread_to_reach("0.90"),
    ):
        assert (spread.mean, spread.low, spread.high, spread.n_known) == pytest.approx(expected)
        assert spread.n == len(values)


def make_runs(root: Path) -> list[Path]:
    """Two settings with seeds 0, 1, 2, in no order."""
    return [
        make_run(root / f"{risk}-{seed}", seed=seed, max_risk=risk, n_items=60, finished_share=seed / 4)
        for seed in (0, 1, 2)
        for risk in (0.1, 0.2)
    ]


def test_what_belongs_together(tmp_path: Path) -> None:
    groups = group_runs(read_runs(make_runs(tmp_path)))
    assert [group.name for group in groups] == ["lean · max_risk=0.1", "lean · max_risk=0.2"]
    assert [[run.folder.name for run in group.runs] for group in groups] == [
        ["0.1-0", "0.1-1", "0.1-2"],
        ["0.2-0", "0.2-1", "0.2-2"],
    ]
    assert {group.seeds for group in groups} == {"0, 1, 2"}
    assert groups[0].spread("finished_share").mean == 0.25


def test_the_same_run_twice_is_no_second_seed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    assert [len(group.runs) for group in group_runs(read_runs([folder, folder]))] == [1, 1]
    other = make_run(tmp_path / "b", seed=1)
    groups = group_runs(read_runs([folder, other, folder]))
    assert [(group.name, len(group.runs)) for group in groups] == [("lean · a · 1", 2), ("lean · a · 2", 1)]


def test_many_seeds_are_counted(tmp_path: Path) -> None:
    (group,) = group_runs(read_runs([make_run(tmp_path / str(seed), seed=seed) for seed in range(6)]))
    assert group.seeds == "6 seeds"


def test_the_page_of_seeds(tmp_path: Path) -> None:
    folders = make_runs(tmp_path)
    (folders[0] / "report.html").write_text("its own")
    (folders[2] / "evaluation.npz").unlink()  # not needed: as large as the posterior of a run
    html, page = report(*folders)
    for words in (
        "6 labelling runs compared",
        "seeds 0, 1, 2",
        "lean · max_risk=0.2",
        "0.55\N{EN DASH}0.75",
        "bands reach from",
    ):
        assert words in page.text
    assert "87.5\N{EN DASH}89.5%" in page.text
    assert [href for href in page.attributes("href") if not href.startswith("#")] == ["0.1-0/report.html"]
    assert html.count("fill-opacity: 0.18") == 2 * 3, "a band for each setting on each figure"
    assert html.count("riskiest") == 0


def test_what_only_some_seeds_reached(tmp_path: Path) -> None:
    reached = [{"0.90": 0.5}, {"0.90": None}, {"0.90": 0.75}]
    _, page = report(*(make_run(tmp_path / str(i), seed=i, reached=own) for i, own in enumerate(reached)))
    assert "2 of 3 seeds" in page.text
    assert "0.62" not in page.text


def test_links_lead_from_where_the_page_is(tmp_path: Path) -> None:

    folders = [make_run(tmp_path / "runs" / f"seed={seed},x", seed=seed) for seed in (0, 1)]
    (folders[1] / "report.html").write_text("its own")
    page = Page(write_report(folders, tmp_path / "pages" / "all.html").read_text(encoding="utf-8"))
    (href,) = [href for href in page.attributes("href") if not href.startswith("#")]
    assert href == "../runs/seed%3D1%2Cx/report.html"
