"""What the manager's page says of people and items, against definitions written out and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from askless.core.votes import group
from askless.server.insight import (
    FAST_MS,
    MIN_ANSWERS,
    MIN_RUN,
    Flag,
    Interval,
    agreement,
    chance_level,
    copies,
    dispute,
    exact_interval,
    flags,
    forecast,
    highest,
    pooled_confusion,
    skills,
    top_confusions,
)
from askless.types import Annotations, Confusion

HONEST = {
    "n_answers": 100,
    "median_ms": 900.0,
    "longest_run": 4,
    "share_of_run": 0.5,
    "skill": Interval(0.9, 0.82, 0.95),
    "chance": 0.5,
    "gold": Interval(0.9, 0.8, 0.97),
    "least_gold": 0.7,
    "is_copy": False,
}


def of(*rows: tuple[int, int, int], n_items: int = 10, n_annotators: int = 3, n_classes: int = 3) -> Annotations:
    """Annotations from rows of item, annotator, label."""
    item, annotator, label = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Annotations(item, annotator, label, n_items, n_annotators, n_classes)


def confusion_of(annotations: Annotations, posterior: np.ndarray) -> Confusion:
    votes, confusion = group(annotations, np.ones((annotations.n_classes, annotations.n_classes)))
    return confusion.with_counts(np.asarray(votes.transposed @ posterior[votes.items]))


@given(st.integers(1, 60), st.integers(0, 1000).map(lambda n: n / 1000))
def test_exact_interval_covers_as_often_as_it_says(n: int, truth: float) -> None:
    covered = 0.0
    for right in range(n + 1):
        interval = exact_interval(right, n)
        assert interval
        assert 0 <= interval.low <= interval.share <= interval.high <= 1
        if interval.low <= truth <= interval.high:
            covered += binom.pmf(right, n, truth)
    assert covered >= 0.95 - 1e-9


def test_nothing_is_said_of_no_tries() -> None:
    assert exact_interval(0, 0) is None


def test_skill_is_the_expected_share_of_right_answers_in_an_interval_that_shrinks() -> None:
    posterior = np.full((10, 3), 0.05)
    posterior[:, 1] = 0.9
    few = skills(confusion_of(of((0, 0, 1), (1, 0, 1), (2, 0, 0), (3, 2, 1)), posterior))
    assert few[0]
    assert few[0].share == pytest.approx((0.9 + 0.9 + 0.05) / 3)
    assert few[0].low < few[0].share < few[0].high
    assert few[1] is None
    assert few[2]
    many = skills(confusion_of(of(*[(i, 0, 1) for i in range(10)]), posterior))
    assert many[0]
    assert many[0].high - many[0].low < few[2].high - few[2].low


def test_skill_of_a_certain_crowd_stays_between_0_and_1() -> None:
    posterior = np.tile([1.0, 0.0, 0.0], (10, 1))
    right, wrong, _ = skills(confusion_of(of(*[(i, j, j) for i in range(10) for j in range(2)]), posterior))
    assert right
    assert wrong
    assert (right.share, right.high, wrong.share, wrong.low) == (1, 1, 0, 0)
    assert right.low > wrong.high


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2))))
def test_agreement_is_that_of_the_first_two_labels_of_each_item(said: list[tuple[int, int]]) -> None:
    of_items = [[label for item, label in said if item == i] for i in range(6)]
    twice = [labels for labels in of_items if len(labels) > 1]
    found = agreement(of(*[(item, j, label) for j, (item, label) in enumerate(said)], n_annotators=len(said)))
    assert found == (sum(labels[0] == labels[1] for labels in twice), len(twice))


def test_one_image_on_which_all_differ_is_one_image() -> None:
    assert agreement(of(*[(4, j, j) for j in range(10)], n_annotators=10, n_classes=10)) == (0, 1)


def test_an_honest_annotator_has_no_flags() -> None:
    assert flags(**HONEST) == []


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"median_ms": FAST_MS - 1}, Flag.FAST),
        ({"longest_run": 20}, Flag.RUN),
        ({"skill": Interval(0.55, 0.45, 0.65)}, Flag.CHANCE),
        ({"gold": Interval(0.4, 0.2, 0.69)}, Flag.GOLD),
        ({"is_copy": True}, Flag.COPY),
    ],
)
def test_each_flag_is_raised_alone(changed: dict[str, object], flag: Flag) -> None:
    assert flags(**HONEST | changed) == [flag]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"median_ms": FAST_MS},
        {"median_ms": 1, "n_answers": MIN_ANSWERS - 1},
        {"longest_run": 19},
        {"longest_run": MIN_RUN - 1, "share_of_run": 0.001},
        {"longest_run": 1000, "share_of_run": 1.0},
        {"skill": Interval(0.5, 0.3, 0.7), "n_answers": MIN_ANSWERS - 1},
        {"skill": None, "gold": None, "median_ms": None},
        {"gold": Interval(0.5, 0.3, 0.7)},
    ],
)
def test_what_chance_does_often_is_no_flag(changed: dict[str, object]) -> None:
    assert flags(**HONEST | changed) == []  # type: ignore[arg-type]


def test_chance_level_is_that_of_a_guess_by_the_shares() -> None:
    assert chance_level(np.array([0.5, 0.5])) == 0.5
    assert chance_level(np.array([1.0, 0.0, 0.0])) == 1.0


def test_only_people_who_agree_beyond_their_skill_are_copies() -> None:
    rng = np.random.default_rng(4)
    N = 1000
    truth = rng.integers(0, 3, N)

    def answers(j: int, skill: float) -> np.ndarray:
        said = np.where(rng.random(N) < skill, truth, (truth + 1) % 3)
        return np.column_stack([np.arange(N), np.full(N, j), said])

    first, honest = answers(0, 0.8), answers(1, 0.8)
    copied = first.copy()
    copied[:, 1] = 2
    crowd = of(*np.concatenate([first, honest, copied]).tolist(), n_items=N)
    assert copies(crowd, np.full(3, 0.8)) == [(0, 2, N)]


def test_perfect_people_are_no_copies_on_few_items() -> None:
    perfect = of(*[(i, j, 1) for i in range(300) for j in range(3)], n_items=300)
    assert copies(perfect, np.ones(3)) == []
    assert copies(of(), np.ones(3)) == []


def test_dispute_is_weighed_entropy() -> None:
    votes = of((0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0), (2, 0, 0), (2, 2, 1), (3, 0, 0), (3, 1, 1), (3, 2, 2))
    scores = dispute(votes, np.array([0.9, 0.9, 0.1]))
    assert scores[0] == pytest.approx(2 / 3)
    assert scores[1] == 0
    assert scores[2] == pytest.approx(2 / 3 * -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1)))
    assert scores[4] == 0
    assert scores[3] > scores[0]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 2)), max_size=40), st.permutations(range(3))
)
def test_dispute_does_not_know_the_names_of_classes(rows: list[tuple[int, int, int]], names: list[int]) -> None:
    weight = np.array([0.9, 0.0, 0.3])
    before = dispute(of(*rows), weight)
    after = dispute(of(*[(item, annotator, names[label]) for item, annotator, label in rows]), weight)
    np.testing.assert_allclose(before, after, atol=1e-12)
    assert np.isfinite(before).all()
    assert (before >= 0).all()


def test_pooled_confusion_and_its_top() -> None:
    posterior = np.eye(3)[np.arange(10) % 3]
    pooled = pooled_confusion(confusion_of(of((0, 0, 0), (3, 0, 1), (0, 1, 1), (1, 1, 2), (2, 2, 2)), posterior))
    np.testing.assert_array_equal(pooled, [[1, 2, 0], [0, 0, 1], [0, 0, 1]])
    assert top_confusions(pooled, 5) == [(0, 1), (1, 2)]
    assert top_confusions(pooled, 1) == [(0, 1)]
    assert pooled[0, 1] == 2, "the argument is left as it is"


@pytest.mark.parametrize(
    ("arguments", "n"),
    [
        ((300, 100, 50, None), 150),
        ((300, 100, 50, 40), 40),
        ((300, 100, 0, None), 0),
        ((0, 100, 50, None), None),
        ((5, 0, 50, None), None),
        ((5, 0, 50, 95), 95),
    ],
)
def test_forecast(arguments: tuple[int, int, int, int | None], n: int | None) -> None:
    assert forecast(*arguments) == n


def test_highest_leaves_out_what_has_no_score() -> None:
    scores = np.array([0.0, 0.5, 0.9, 0.5, -1.0])
    assert highest(scores, 0, 2).tolist() == [2, 1]
    assert highest(scores, 2, 9).tolist() == [3]
    assert highest(scores, 9, 9).tolist() == []
