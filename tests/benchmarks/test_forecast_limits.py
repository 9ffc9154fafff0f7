"""How many forecasts could have been close, as `benchmarks/efficiency/promise.py` counts them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promise import most_within, report

COSTS = st.lists(st.integers(1, 1000), min_size=1, max_size=30).map(np.array)


@given(COSTS)
def test_no_constant_is_close_to_more(costs: np.ndarray) -> None:
    constants = np.arange(0, 1300, 0.5)
    is_close = abs(constants - costs[:, None]) <= 0.2 * costs[:, None] * (1 - 1e-9)
    assert is_close.mean(axis=0).max() <= most_within(costs) <= 1
    assert most_within(costs) >= 1 / len(costs)


@given(COSTS, st.integers(0, 500))
def test_who_knows_all_but_a_constant_is_always_close(costs: np.ndarray, constant: int) -> None:
    assert most_within(costs + constant, costs) == 1


def test_costs_far_apart_share_no_constant_and_bounds_count() -> None:
    assert most_within(np.array([100, 150])) == 1  # 120
    assert most_within(np.array([100, 151])) == 0.5
    assert most_within(np.array([100, 200, 300]), np.array([90, 90, 290])) == pytest.approx(2 / 3)


def test_the_report_prints_both_limits(capsys: pytest.CaptureFixture[str]) -> None:
    def campaign(n_crowd: int, n_audited: int) -> dict[str, object]:
        row = {"n_annotations": 0, "posterior_all_top1": 0.5, "mean_risk": 0.5, "n_open": 100, "n_audited": 0}
        end = {"n_items": 500, "n_annotations": n_crowd + n_audited, "n_audited": n_audited, "accuracy": 0.96}
        return end | {"stopped_because": "cannot_be_reached", "rows": [row]}

    report("made", [campaign(100, 40), campaign(300, 40), campaign(310, 40), campaign(10, 200)], 0.95, 0.95)
    shown = capsys.readouterr().out.splitlines()[-1]
    assert shown == "  best constant  within 20 % in 50.0%, for audits after a crowd that is known in 75.0%"
