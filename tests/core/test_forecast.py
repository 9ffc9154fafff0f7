"""What a campaign will have cost."""

from dataclasses import replace

import pytest

from askless.core.bets import Stratum
from askless.core.forecast import FINISHED_RISK, POWER, Forecast, forecast, until_finished, until_promised
from askless.core.promise import Terms, expect_audits


def make_terms(trust: float) -> Terms:
    return Terms(2000, 0.95, (Stratum(2000, 0.08, 1.0),), trust, 0.025, 1000)


FALLING = [(100 * k, (0.9 - 0.1 * k) ** (1 / POWER)) for k in range(4)]


def test_an_even_fall_goes_on() -> None:
    made = forecast(FALLING, until_finished(0.1))
    expected = (0.9 - (0.1 * FINISHED_RISK) ** POWER) / 0.1 * 100
    assert made
    assert made.n_answers == pytest.approx(expected, rel=0.02)
    assert 300 < made.low < made.n_answers < made.high


def test_with_a_promise_answers_and_audit_are_together_the_fewest() -> None:
    terms = make_terms(1.0)
    made = forecast(FALLING, until_promised(terms))
    by_hand = min(
        answers + expect_audits(terms, (0.9 - 0.1 * answers / 100) ** (1 / POWER) / 0.08) for answers in range(300, 800)
    )
    assert made
    assert made.n_answers == pytest.approx(by_hand, rel=0.03)
    assert made.low < made.n_answers < made.high
    doubted = forecast(FALLING, until_promised(make_terms(3.0)))
    assert doubted
    assert doubted.n_answers > made.n_answers


def test_a_slower_fall_costs_more() -> None:
    slower = [*FALLING, (500, 0.12), (600, 0.11)]
    made, before = forecast(slower, until_finished(0.1)), forecast(FALLING, until_finished(0.1))
    assert made
    assert before
    assert made.n_answers > before.n_answers


def test_a_campaign_at_its_end_costs_nothing_more() -> None:
    done = [(100, 0.1), (200, 0.01), (300, 0.001)]
    assert forecast(done, until_finished(0.1)) == Forecast(300, 300, 300)
    assert forecast([(100, 0.1), (200, 0.01), (300, 0.0)], until_finished(0.1)) == Forecast(300, 300, 300)


@pytest.mark.parametrize(
    "history",
    [
        [],
        FALLING[:2],
        [(100 * k, 0.5) for k in range(5)],
        [(100 * k, 0.1 + k / 10) for k in range(5)],
        [(100 * k, 0.0) for k in range(5)],
        [(100, 0.5 - k / 10) for k in range(3)],
    ],
)
def test_without_a_fall_there_is_no_forecast(history: list[tuple[int, float]]) -> None:
    assert forecast(history, until_finished(0.1)) is None


def test_a_target_out_of_reach_has_no_forecast() -> None:
    terms = replace(make_terms(1.0), max_audits=10)
    assert forecast(FALLING, until_promised(terms)) is None
