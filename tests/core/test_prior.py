import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core.confusion import GOLD_STRENGTH, check_prior_counts, gold_prior_counts, prior_counts
from askless.errors import ConfigError
from askless.paper_names import PAPER_VALUES
from askless.settings import GoldPrior, PriorKind, PriorSettings
from askless.types import FloatArray

ORACLES = [kind for kind in get_args(PriorKind) if kind != "predefined_homogeneous"]


def random_confusion(seed: int, n_annotators: int, n_classes: int) -> FloatArray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=(n_annotators, n_classes))


def test_counts_are_those_of_the_papers_code(shared: Path) -> None:
    cases = json.loads((shared / "seed_traces" / "em_traces.json").read_text())["cases"]
    assert len({case["prior_type"] for case in cases}) == 7
    for case in cases:
        settings = PriorSettings(
            kind=PAPER_VALUES.get(("prior.kind", case["prior_type"]), case["prior_type"]),
            strength=case["strength"],
        )
        counts = prior_counts(
            settings,
            case["n_classes"],
            np.array(case["global_confusion_counts"], dtype=float),
            np.array(case["annotator_confusion"]),
        )
        assert counts.shape == np.shape(case["prior_counts"]), case["name"]
        np.testing.assert_allclose(counts, case["prior_counts"], rtol=0, atol=1e-9, err_msg=case["name"])


def test_predefined_by_hand() -> None:
    settings = PriorSettings(strength=3, pos_count=5, neg_count=2)
    np.testing.assert_allclose(prior_counts(settings, 2), [[15, 3], [3, 15]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("homogeneous", [[6, 2], [2, 6]]),
        ("homogeneous_diagonal_perfect", [[4, 1], [3, 8]]),
        ("homogeneous_perfect", [[4, 1], [3, 8]]),
    ],
)
def test_homogeneous_by_hand(kind: PriorKind, expected: list[list[float]]) -> None:
    counts = prior_counts(PriorSettings(kind=kind, strength=1), 2, np.array([[4.0, 1.0], [3.0, 8.0]]))
    np.testing.assert_allclose(counts, expected)


@given(seed=st.integers(0, 1000), n_classes=st.integers(2, 6), strength=st.floats(0.1, 100))
def test_heterogeneous_rows_weigh_the_strength(seed: int, n_classes: int, strength: float) -> None:
    confusion = random_confusion(seed, 3, n_classes)
    for kind in get_args(PriorKind):
        if kind.startswith("heterogeneous"):
            counts = prior_counts(PriorSettings(kind=kind, strength=strength), n_classes, None, confusion)
            assert counts.shape == (3, n_classes, n_classes)
            np.testing.assert_allclose(counts.sum(axis=-1), strength)
            np.testing.assert_allclose(
                np.trace(counts, axis1=1, axis2=2), strength * np.trace(confusion, axis1=1, axis2=2)
            )


def test_the_oracle_is_not_changed() -> None:
    confusion = random_confusion(0, 2, 3)
    before = confusion.copy()
    for kind in ORACLES:
        prior_counts(PriorSettings(kind=kind), 3, confusion[0], confusion)
    np.testing.assert_array_equal(confusion, before)


@pytest.mark.parametrize("kind", ORACLES)
def test_an_oracle_without_a_crowd_is_refused(kind: PriorKind) -> None:
    with pytest.raises(ConfigError, match=f"prior.kind={kind} .*only a simulated crowd has it; choose predef"):
        prior_counts(PriorSettings(kind=kind), 3)


@pytest.mark.parametrize("shape", [(2, 2), (5, 2, 2)])
def test_given_counts_are_taken_as_floats(shape: tuple[int, ...]) -> None:
    counts = check_prior_counts(np.ones(shape, np.int64), 2)
    assert counts.dtype == np.float64
    np.testing.assert_array_equal(counts, 1)
    counts[..., 0] = 0
    check_prior_counts(counts, 2)


@pytest.mark.parametrize("shape", [(2,), (2, 3), (3, 3), (4, 2, 3), (1, 1, 2, 2)])
def test_counts_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_prior_counts(np.ones(shape), 2)
    assert str(caught.value) == (
        f"prior_counts have shape {shape}; give (2, 2) for everyone, or one such matrix per annotator."
    )


@pytest.mark.parametrize("row", [[0, 0], [-1, 3], [np.nan, 1], [np.inf, 1]])
def test_counts_that_are_no_counts_are_refused(row: list[float]) -> None:
    for counts in ([[1, 1], row], [[[1, 1], [1, 1]], [row, [1, 1]]]):
        with pytest.raises(ConfigError) as caught:
            check_prior_counts(np.array(counts, dtype=float), 2)
        assert str(caught.value) == (
            "prior_counts must be finite, not negative, and not all zero in any row; correct the rows that are."
        )


# What gold questions tell


def test_gold_by_hand() -> None:
    """Two people, two classes, two answers each: ann 2 + 1 right, bob 1 + 0."""
    gold = np.array([[[2.0, 0], [1, 1]], [[1, 1], [2, 0]]])
    of_class = gold_prior_counts(gold, "class", 10)
    np.testing.assert_allclose(of_class, 10 * np.array([[4 / 6, 2 / 6], [4 / 6, 2 / 6]]))
    of_annotator = gold_prior_counts(gold, "annotator", 6)
    np.testing.assert_allclose(of_annotator, [[[4, 2], [2, 4]], [[2, 4], [4, 2]]])

    both = gold_prior_counts(gold, "both", 1)
    odds = (4 / 2) * (4 / 2) / (5 / 5)  # ann, class 0, against everyone on everything
    expected = odds / (1 + odds)
    assert both[0, 0, 0] == pytest.approx((2 + GOLD_STRENGTH * expected) / (2 + GOLD_STRENGTH))


@given(
    n_annotators=st.integers(1, 4),
    n_classes=st.integers(2, 5),
    n_each=st.integers(1, 6),
    kind=st.sampled_from(get_args(GoldPrior)),
    strength=st.floats(0.1, 100),
    seed=st.integers(0, 999),
)
def test_a_row_of_a_gold_prior_weighs_its_strength(
    n_annotators: int, n_classes: int, n_each: int, kind: GoldPrior, strength: float, seed: int
) -> None:
    confusion = random_confusion(seed, n_annotators, n_classes)
    gold = np.random.default_rng(seed).multinomial(n_each, confusion).astype(float)
    counts = gold_prior_counts(gold, kind, strength)
    assert counts.shape == ((n_classes,) * 2 if kind == "class" else gold.shape)
    assert (counts > 0).all()
    np.testing.assert_allclose(counts.sum(axis=-1), strength)
    np.testing.assert_array_equal(check_prior_counts(counts, n_classes), counts)
    order = np.random.default_rng(seed).permutation(n_classes)
    renamed = gold_prior_counts(gold[:, order][:, :, order], kind, strength)
    np.testing.assert_allclose(renamed, counts[..., order, :][..., order], rtol=1e-9)


def test_much_gold_tells_the_accuracy() -> None:
    confusion = random_confusion(3, 3, 4)
    gold = confusion * 10_000
    right = np.diagonal(confusion, axis1=1, axis2=2)
    for kind, expected in (("class", right.mean(axis=0)), ("annotator", right.mean(axis=1)[:, None]), ("both", right)):
        found = np.diagonal(gold_prior_counts(gold, kind, 1), axis1=-2, axis2=-1)
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-3)
