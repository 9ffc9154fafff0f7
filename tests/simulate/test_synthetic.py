"""Synthetic features: the recipe's figures, its order of draws, and that nothing else changes them."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from askless.config import experiment_classes
from askless.simulate.sources import GROUPS_OF_CLASSES
from askless.simulate.synthetic import Geometry, draw_features, draw_prototypes, make_geometry

GROUPS = [experiment_classes(name) for name in GROUPS_OF_CLASSES]
DOGS = experiment_classes("imagenet_split_0")
EVERYTHING = experiment_classes("imagenet_100_classes")


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    return make_geometry(GROUPS)


@pytest.mark.parametrize(
    ("classes", "n_per_class", "mean", "zeros"), [(DOGS, 310, 0.24, 0.57), (EVERYTHING, 110, 0.22, 0.59)]
)
def test_mean_and_share_of_zeros(
    geometry: Geometry, classes: tuple[str, ...], n_per_class: int, mean: float, zeros: float
) -> None:
    features = draw_features(geometry, dict.fromkeys(classes, n_per_class), 123, 256)
    assert features.shape == (len(classes) * n_per_class, 256)
    assert features.dtype == np.float32
    assert features.mean() == pytest.approx(mean, abs=0.005)
    assert (features == 0).mean() == pytest.approx(zeros, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "n_train", "accuracy"), [(DOGS, 300, 0.740), (EVERYTHING, 100, 0.809)])
def test_a_linear_probe_finds_them_as_hard_as_the_recipe_says(
    geometry: Geometry, classes: tuple[str, ...], n_train: int, accuracy: float
) -> None:
    n_test = 60
    features = draw_features(geometry, dict.fromkeys(classes, n_train + n_test), 123, 256).reshape(
        len(classes), -1, 256
    )
    truth = np.arange(len(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe = LogisticRegression(max_iter=100).fit(features[:, :n_train].reshape(-1, 256), np.repeat(truth, n_train))
    score = probe.score(features[:, n_train:].reshape(-1, 256), np.repeat(truth, n_test))
    assert score == pytest.approx(accuracy, abs=0.025)


def test_the_order_of_draws(geometry: Geometry) -> None:
    """One class, in the plainest way, from the numbers as they come."""
    rng = np.random.RandomState(7)
    group, centre = rng.normal(size=(7, 64)), rng.normal(size=(100, 64))
    rotation = np.linalg.qr(rng.normal(size=(64, 64)))[0]
    own = rng.normal(size=(100, 64, 6)) / 6**0.5
    projection = rng.normal(size=(64, 2048)) / 8
    decay = np.array([j**-0.5 for j in range(1, 65)])
    decay /= (decay**2).mean() ** 0.5

    row = 19  # the first class of the second group
    rng = np.random.RandomState(123 + 999)
    u, v, e = rng.normal(size=(4, 64)), rng.normal(size=(4, 6)), rng.normal(size=(4, 30))
    expected = [
        0.5
        * np.maximum(
            (group[1] + 0.32 * centre[row] + 0.7 * rotation @ (decay * u[image]) + 0.7 * own[row] @ v[image])
            @ projection[:, :30]
            - 0.3
            + 0.3 * e[image],
            0,
        )
        for image in range(4)
    ]
    drawn = draw_features(geometry, {GROUPS[1][0]: 4}, 123, 30)
    np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-6)


def test_classes_of_the_first_group_lie_closer() -> None:
    plain = make_geometry([["a", "b"], ["c", "d"]])
    dogs, others = plain.centre[0] - plain.centre[1], plain.centre[2] - plain.centre[3]
    raw = np.random.RandomState(7).normal(size=(3 + 4, 64))[3:]
    np.testing.assert_allclose(dogs, 0.245 * (raw[0] - raw[1]))
    np.testing.assert_allclose(others, 0.32 * (raw[2] - raw[3]))


def test_seeds_change_the_images_and_not_where_classes_lie(geometry: Geometry) -> None:
    first, again, other = (draw_features(geometry, dict.fromkeys(DOGS[:3], 50), seed, 40) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).mean() > 0.5
    means = [features.reshape(3, 50, 40).mean(axis=1) for features in (first, other)]
    assert np.abs(means[0] - means[1]).max() < 0.25


def test_prototypes_are_the_first_of_a_permutation_of_each_class() -> None:
    rng = np.random.RandomState(5)
    expected = np.sort(np.concatenate([y * 7 + rng.permutation(7)[:2] for y in range(3)]))
    np.testing.assert_array_equal(draw_prototypes(3, 7, 2, seed=5), expected)
    assert len(draw_prototypes(3, 7, 0, seed=5)) == 0
