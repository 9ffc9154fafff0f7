"""Confusion matrices made by a recipe."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_crowd import SEEDS, a_source, assert_distributions, mean_skill

from askless.errors import ConfigError
from askless.simulate import noise
from askless.simulate.noise import structured_noise, uniform
from askless.types import Features


@given(n_annotators=st.integers(1, 4), n_classes=st.integers(2, 12))
def test_perfect_people_are_always_right(n_annotators: int, n_classes: int) -> None:
    confusion = noise.perfect(n_annotators, n_classes)
    assert confusion.shape == (n_annotators, n_classes, n_classes)
    assert_distributions(confusion)
    assert mean_skill(confusion) == 1


@given(n_classes=st.integers(2, 12), skill=st.floats(0, 1), spread=st.floats(0, 0.49), seed=SEEDS)
def test_uniform_rows_are_distributions(n_classes: int, skill: float, spread: float, seed: int) -> None:
    confusion = uniform(2, n_classes, skill, spread, seed)
    assert confusion.shape == (2, n_classes, n_classes)
    assert_distributions(confusion)
    np.testing.assert_array_equal(confusion, uniform(2, n_classes, skill, spread, seed))
    np.testing.assert_array_equal(confusion[:1], uniform(1, n_classes, skill, spread, seed))


def test_uniform_has_the_skill_asked_for() -> None:
    confusion = uniform(50, 20, 0.7, 0.1, 0)
    assert mean_skill(confusion) == pytest.approx(0.7, abs=0.01)
    assert np.diagonal(confusion, axis1=1, axis2=2).std() == pytest.approx(0.1, abs=0.01)
    assert mean_skill(uniform(2, 3, 1, 0, 0)) == 1


@given(
    n_classes=st.integers(2, 12),
    n_dimensions=st.integers(1, 3),
    skill=st.floats(0, 1, allow_subnormal=False),
    share=st.floats(0, 0.99),
    seed=SEEDS,
)
def test_structured_rows_are_distributions(
    n_classes: int, n_dimensions: int, skill: float, share: float, seed: int
) -> None:
    means = np.random.default_rng(seed).integers(0, 3, (n_classes, n_dimensions)).astype(float)
    spread = share * np.sqrt(skill * (1 - skill))
    confusion = structured_noise(2, means, skill, spread, seed)
    assert confusion.shape == (2, n_classes, n_classes)
    assert_distributions(confusion)
    np.testing.assert_array_equal(confusion, structured_noise(2, means, skill, spread, seed))
    np.testing.assert_array_equal(confusion[:1], structured_noise(1, means, skill, spread, seed))


@pytest.mark.parametrize(("skill", "spread"), [(0.7, 0.1), (0.4, 0.2), (0.9, 0.05), (0.5, 0.0)])
def test_structured_has_the_skill_and_spread_asked_for(skill: float, spread: float) -> None:
    confusion = structured_noise(400, np.random.default_rng(0).normal(size=(10, 8)), skill, spread, 3)
    own = np.diagonal(confusion, axis1=1, axis2=2).mean(axis=1)
    within = noise.CLASS_VARIATION * min(skill, 1 - skill) / np.sqrt(3 * 10)
    assert own.mean() == pytest.approx(skill, abs=4 * np.hypot(spread, within) / 20)
    assert own.std() == pytest.approx(np.hypot(spread, within), rel=0.15)


@pytest.mark.parametrize("skill", [0.0, 1.0])
def test_extreme_skill_leaves_no_spread(skill: float) -> None:
    confusion = structured_noise(3, np.eye(4), skill, 0.1, 0)
    np.testing.assert_array_equal(np.diagonal(confusion, axis1=1, axis2=2), skill)
    assert_distributions(confusion)


def test_a_spread_that_no_skill_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mean crowd\.skill=0\.9 .* crowd\.spread=0\.4; set .* below 0\.3"):
        structured_noise(3, np.eye(4), 0.9, 0.4, 0)


def test_near_classes_are_confused_more_often_than_far_ones() -> None:
    positions = np.array([0.0, 1.0, 2.5, 10.0, 11.0, 13.0])
    mean = structured_noise(40, positions[:, None], 0.6, 0.1, 0).mean(axis=0)
    for y in range(len(positions)):
        by_distance = [z for z in np.argsort(abs(positions - positions[y]), kind="stable") if z != y]
        assert all(mean[y, near] >= mean[y, far] - 1e-3 for near, far in pairwise(by_distance))
        assert mean[y, by_distance[0]] > 2 * mean[y, by_distance[-1]]


def test_people_confuse_in_their_own_way_around_a_common_one() -> None:
    means = np.random.default_rng(0).normal(size=(6, 2))
    confusion = structured_noise(300, means, 0.5, 0.05, 0)
    wrong = np.where(np.eye(6, dtype=bool), 0, confusion)
    wrong /= wrong.sum(axis=-1, keepdims=True)
    assert wrong[:, 0].std(axis=0).max() > 0.05
    distance = np.linalg.norm(means[0] - means, axis=1)
    weights = np.exp(-((distance / distance[1:].min()) ** 2))[1:]
    np.testing.assert_allclose(wrong[:, 0, 1:].mean(axis=0), weights / weights.sum(), atol=0.02)


def test_identical_class_means_are_confused_evenly() -> None:
    mean = structured_noise(500, np.ones((4, 3)), 0.4, 0.1, 0).mean(axis=0)
    np.testing.assert_allclose(mean[~np.eye(4, dtype=bool)], 0.2, atol=0.02)


def test_a_thousand_classes() -> None:
    confusion = structured_noise(2, np.random.default_rng(0).normal(size=(1000, 16)), 0.7, 0.1, 0)
    assert_distributions(confusion)


@given(seed=SEEDS, n_items=st.integers(1, 40))
def test_class_means(seed: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_items, 3)).astype(np.float16)
    truth = rng.integers(0, 4, n_items)
    means = noise.class_means(Features(values), truth, 5)
    for y in range(5):
        own = values[truth == y] if (truth == y).any() else values
        np.testing.assert_allclose(means[y], own.astype(float).mean(axis=0), atol=1e-12)


def test_class_means_over_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source(("a", "b", "c"))
    expected = noise.class_means(source.features, source.truth, 3)
    monkeypatch.setattr("askless.types.ROWS_PER_BLOCK", 7)
    np.testing.assert_allclose(noise.class_means(source.features, source.truth, 3), expected)
