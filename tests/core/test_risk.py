"""Where items stand, and when a campaign is over."""

from collections.abc import Sequence

import numpy as np
import pytest

from askless.config import CHANGEABLE
from askless.core.risk import LOOKS_AT, StopReason, has_stalled, item_status, starts_anew, stop_reason
from askless.settings import CampaignConfig, SamplerSettings
from askless.types import Prototypes

NOBODY = Prototypes.none()


@pytest.mark.parametrize(
    ("risk", "n_annotations", "status"),
    [
        (0.5, 0, "open"),
        (0.5, 2, "open"),
        (0.5, 3, "exhausted"),
        (0.5, 4, "exhausted"),
        (0.1, 0, "open"),
        (0.1, 3, "exhausted"),
        (0.0999, 0, "confident"),
        (0.0999, 3, "confident"),
        (0.0, 9, "confident"),
    ],
)
def test_status(risk: float, n_annotations: int, status: str) -> None:
    config = CampaignConfig(max_risk=0.1)
    assert item_status(np.array([risk]), np.array([n_annotations]), NOBODY, config).tolist() == [status]
    prototype = Prototypes([0], [1])
    assert item_status(np.array([risk]), np.array([n_annotations]), prototype, config).tolist() == ["known"]


def test_status_of_many_in_order() -> None:
    config = CampaignConfig(sampler=SamplerSettings(max_per_item=1))
    risk, n_annotations = np.array([0.5, 0.5, 0.01, 0.5]), np.array([0, 1, 0, 0])
    status = item_status(risk, n_annotations, Prototypes([3], [0]), config)
    assert status.tolist() == ["open", "exhausted", "confident", "known"]


def test_without_any_risk_allowed_nothing_is_ever_confident() -> None:
    config = CampaignConfig(max_risk=0)
    status = item_status(np.array([0.0, 1e-12, 0.0]), np.array([0, 1, 3]), NOBODY, config)
    assert status.tolist() == ["open", "open", "exhausted"]


STALLED = [9, *[1] * 50]


@pytest.mark.parametrize(
    ("n_open", "n_annotations", "history", "budget", "early_stop", "reason"),
    [
        (1, 100, [], None, False, None),
        (0, 100, [], None, False, StopReason.FINISHED),
        (0, 100, STALLED, 100, True, StopReason.FINISHED),
        (1, 99, [], 100, False, None),
        (1, 100, [], 100, False, StopReason.BUDGET),
        (1, 101, STALLED, 100, True, StopReason.BUDGET),
        (1, 100, STALLED, None, True, StopReason.EARLY_STOP),
        (1, 100, STALLED, None, False, None),
        (1, 49, STALLED, None, True, None),
        (1, 100, STALLED[:50], None, True, None),
    ],
)
def test_stop_reason(
    n_open: int,
    n_annotations: int,
    history: Sequence[int],
    budget: int | None,
    early_stop: bool,
    reason: StopReason | None,
) -> None:
    config = CampaignConfig(budget=budget, early_stop=early_stop)  # 20 x 5 a round: the last 50 refreshes are recent
    assert stop_reason(n_open, n_annotations, 100, history, config) == reason


@pytest.mark.parametrize(
    ("history", "n_annotations", "per_round", "stalled"),
    [
        ([7, 1, 1, 1, 1, 1], 50, 1000, True),
        ([7, 1, 1, 1, 1], 50, 1000, False),  # no more than 5 refreshes
        ([7, 1, 1, 1, 1, 1], 49, 1000, False),  # less than half an annotation per item
        ([1, 7, 1, 1, 1, 1], 50, 1000, False),  # the record is recent
        ([7, 1, 1, 1, 1, 7], 50, 1000, False),  # the record is equalled
        ([0, 0, 0, 0, 0, 0], 50, 1000, False),
        ([1, 7, 1, 1, 1, 1, 1], 50, 1000, True),
        ([7, 1, 1, 1, 1, 1], 50, 10_000, True),  # never fewer than 5
        ([7, 1, 1, 1, 1, 1], 50, 900, True),  # 5000 // 900 = 5
        ([7, 1, 1, 1, 1, 1], 50, 800, False),  # 5000 // 800 = 6
        ([7, 1, 1, 1, 1, 1, 1], 50, 800, True),
        ([], 50, 1000, False),
    ],
)
def test_the_papers_early_stop(history: Sequence[int], n_annotations: int, per_round: int, stalled: bool) -> None:
    assert has_stalled(history, n_annotations, 100, per_round) == stalled


def test_every_stop_stands_on_settings_that_can_change() -> None:
    assert set(LOOKS_AT) == {None, *StopReason}
    for settings in LOOKS_AT.values():
        assert all(any(f"{key}.".startswith(f"{setting}.") for key in CHANGEABLE) for setting in settings)


@pytest.mark.parametrize(
    ("stopped", "changed", "is_undone"),
    [
        (None, {"max_risk": 0.2}, True),
        (None, {"budget": 9, "batch_size": 2}, False),
        ("budget", {"budget": 9}, True),
        ("finished", {"budget": 9}, False),
        ("early_stop", {"batch_size": 2}, True),
        ("no_annotator", {"sampler": SamplerSettings(max_per_annotator=7)}, True),
        ("promise_kept", {"max_risk": 0.2, "budget": 9, "batch_size": 2}, False),
    ],
)
def test_other_settings_undo_a_stop_that_stands_on_them(
    stopped: str | None, changed: dict[str, object], is_undone: bool
) -> None:
    before = CampaignConfig()
    assert starts_anew(stopped, before, before.model_copy(update=changed)) == is_undone
    assert not starts_anew(stopped, before, before)
