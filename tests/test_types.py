"""Nouns are checked when they are made, and say what is wrong."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.errors import AnswerError, DataError
from askless.types import (
    ROWS_PER_BLOCK,
    Annotations,
    Answer,
    Confusion,
    Dataset,
    Estimate,
    Features,
    FloatArray,
    Prototypes,
)

NOT_AN_INDEX = "The column {} must be a one-dimensional array of whole numbers, not {}."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dataset((), ("x", "y")), "There are no items; give at least one."),
        (
            lambda: Dataset(("a", "b", "a"), ("x", "y")),
            "Every item id must be different, but 'a' occurs more than once.",
        ),
        (
            lambda: Dataset(("b", "a", "c", "c", "a", "b", "b"), ("x", "y")),
            "Every item id must be different, but 'b' and 2 more occurs more than once.",
        ),
        (lambda: Dataset(("a",), ("x", "x")), "Every class must be different, but 'x' occurs more than once."),
        (
            lambda: Dataset(("a",), ("x",)),
            "Labelling needs at least two classes, but there is only 'x'; name the others too.",
        ),
        (
            lambda: Dataset(("a",), ()),
            "Labelling needs at least two classes, but there is none; name the others too.",
        ),
        (
            lambda: Dataset(("a", "b"), ("x", "y"), ("a.png",)),
            "There are 1 images for 2 items; give one per item or none.",
        ),
        (
            lambda: Features([[1.0]]),
            "Features must be an array of real numbers, not list; save them as float16 or float32.",
        ),
        (
            lambda: Features(np.array([["a"]])),
            "Features must be an array of real numbers, not str32; save them as float16 or float32.",
        ),
        (
            lambda: Features(np.ones((2, 2), complex)),
            "Features must be an array of real numbers, not complex128; save them as float16 or float32.",
        ),
        (
            lambda: Features(np.ones(3)),
            "Features must have shape (items, dimensions), not (3,); flatten each item to one row.",
        ),
        (
            lambda: Features(np.ones((2, 0))),
            "Features must have shape (items, dimensions), not (2, 0); flatten each item to one row.",
        ),
        (
            lambda: Features(np.ones((0, 2))),
            "Features must have shape (items, dimensions), not (0, 2); flatten each item to one row.",
        ),
        (
            lambda: Features(np.array([[1, 1], [1, np.nan], [np.inf, 1]], np.float16)),
            "Features hold NaN, infinity or what float32 cannot hold, first in row 1; "
            "correct or leave out that item's features.",
        ),
        (
            lambda: Annotations([0, 3], [0, 0], [0, 0], 3, 1, 2),
            "The column item holds 3 in row 1; allowed is 0 to 2.",
        ),
        (
            lambda: Annotations([0], [-1], [0], 3, 1, 2),
            "The column annotator holds -1 in row 0; allowed is 0 to 0.",
        ),
        (lambda: Annotations([0], [0], [2], 3, 1, 2), "The column label holds 2 in row 0; allowed is 0 to 1."),
        (lambda: Annotations([0], [0], [0.5], 3, 1, 2), NOT_AN_INDEX.format("label", "float64 of shape (1,)")),
        (lambda: Annotations([[0]], [0], [0], 3, 1, 2), NOT_AN_INDEX.format("item", "int64 of shape (1, 1)")),
        (lambda: Annotations([0], [True], [0], 3, 1, 2), NOT_AN_INDEX.format("annotator", "bool of shape (1,)")),
        (
            lambda: Annotations([0, 1], [0], [0, 1], 3, 1, 2),
            "Annotations need columns of equal length, not item 2, annotator 1, label 2.",
        ),
        (lambda: Prototypes([0, 1], [0]), "There are 2 prototype items but 1 labels for them."),
        (
            lambda: Prototypes([4, 4], [0, 1]),
            "Every prototype item must be different, but 4 occurs more than once.",
        ),
        (lambda: Prototypes([-1], [0]), "The column prototype item holds -1 in row 0; allowed is 0 or more."),
        (lambda: Prototypes([1], ["a"]), NOT_AN_INDEX.format("prototype label", "<U1 of shape (1,)")),
        (
            lambda: Prototypes([2], [0]).check_fit(Dataset(("a", "b"), ("x", "y"))),
            "The column prototype item holds 2 in row 0; allowed is 0 to 1.",
        ),
        (
            lambda: Prototypes([1], [2]).check_fit(Dataset(("a", "b"), ("x", "y"))),
            "The column prototype label holds 2 in row 0; allowed is 0 to 1.",
        ),
    ],
)
def test_what_is_wrong_is_said(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value) == message


def test_dataset() -> None:
    dataset = Dataset(["a", "b", "c"], ["x", "y"], ["1.png", "2.png", "3.png"])
    assert (dataset.n_items, dataset.n_classes) == (3, 2)
    assert dataset == Dataset(("a", "b", "c"), ("x", "y"), ("1.png", "2.png", "3.png"))
    assert hash(dataset)


def test_features_keep_float16_and_float32_and_turn_the_rest_into_float32() -> None:
    for dtype in (np.float16, np.float32):
        values = np.ones((3, 2), dtype)
        assert Features(values).values is values
    for dtype in (np.float64, np.int64, np.bool_, np.uint8):
        assert Features(np.ones((3, 2), dtype)).values.dtype == np.float32


def test_features_come_in_blocks() -> None:
    values = np.arange(2 * (ROWS_PER_BLOCK + 5), dtype=np.float32).reshape(-1, 2)
    features = Features(values)
    assert len(features) == ROWS_PER_BLOCK + 5
    starts, blocks = zip(*features.blocks(), strict=True)
    assert starts == (0, ROWS_PER_BLOCK)
    np.testing.assert_array_equal(np.concatenate(blocks), values)
    assert all(block.dtype == np.float32 for _, block in Features(values[:9].astype(np.float16)).blocks())
    values[ROWS_PER_BLOCK + 2] = np.nan
    with pytest.raises(DataError, match=f"first in row {ROWS_PER_BLOCK + 2};"):
        Features(values)


def test_features_may_come_with_a_prior() -> None:
    values, prior = np.ones((2, 3), np.float32), np.array([[0.2, 0.8], [1, 0]], np.float32)
    with_prior = Features(values, prior)
    assert with_prior.fingerprint not in (Features(values).fingerprint, Features(values, prior[::-1]).fingerprint)
    for wrong in (prior[:1], prior[:, :1], prior[0]):
        with pytest.raises(DataError, match=r"must have shape \(2, classes\)"):
            Features(values, wrong)
    for wrong in ([[0.2, 0.7], [1, 0]], [[1, 0], [2, -1]], [[1, 0], [np.nan, 1]]):
        with pytest.raises(DataError, match="holds no chances"):
            Features(values, np.array(wrong, np.float32))


def test_a_fingerprint_knows_content_shape_and_type() -> None:
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    print_of = [
        Features(v).fingerprint
        for v in (values, values.copy(), np.asfortranarray(values), values.reshape(3, 4), values.astype(np.float16))
    ]
    assert len(print_of[0]) == 32
    assert print_of[0] == print_of[1] == print_of[2]
    assert len(set(print_of)) == 3
    values[3, 2] += 1
    assert Features(values).fingerprint != print_of[0]


def test_annotations_are_columns_of_int64() -> None:
    annotations = Annotations(np.array([0, 1], np.uint8), [0, 0], [1, 0], 2, 1, 2)
    assert len(annotations) == 2
    assert {annotations.item.dtype, annotations.annotator.dtype, annotations.label.dtype} == {np.dtype(np.int64)}
    assert len(Annotations([], [], [], 2, 0, 2)) == 0


def test_prototypes() -> None:
    prototypes = Prototypes([3, 1], [0, 1])
    assert len(prototypes) == 2
    prototypes.check_fit(Dataset("abcd", "xy"))
    nothing = Prototypes.none()
    assert len(nothing) == 0
    assert nothing.item.dtype == np.int64
    nothing.check_fit(Dataset("a", "xy"))


@st.composite
def confusions(draw: st.DrawFn) -> tuple[Confusion, FloatArray]:
    """A confusion, and its (J, K, K) counts made the slow way."""
    J, K = draw(st.integers(0, 4)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    n_matrices = draw(st.sampled_from([(), (J,), (J + 3,)]))
    prior = rng.gamma(1, size=(*n_matrices, K, K)) + 0.1
    seen = rng.random((J, K)) < draw(st.sampled_from([0, 0.5, 1]))
    annotator, label = np.nonzero(seen)
    counts = rng.gamma(1, size=(len(annotator), K))
    slow = np.array([prior if prior.ndim == 2 else prior[j] for j in range(J)]).reshape(J, K, K)
    for j, z, count in zip(annotator, label, counts, strict=True):
        for y in range(K):
            slow[j, y, z] += count[y]
    return Confusion(prior, annotator, label, counts, J), slow


@given(pair=confusions(), seed=st.integers(0, 99))
def test_confusion_is_that_of_a_slow_construction(pair: tuple[Confusion, FloatArray], seed: int) -> None:
    confusion, counts = pair
    J, K, _ = counts.shape
    matrices = counts / counts.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(confusion.row_totals, counts.sum(axis=-1))
    np.testing.assert_allclose(confusion.matrices(range(J)), matrices)
    np.testing.assert_allclose(confusion.diagonal, np.diagonal(matrices, axis1=1, axis2=2))
    np.testing.assert_allclose(confusion.pair_probabilities, matrices[confusion.annotator, :, confusion.label])
    rng = np.random.default_rng(seed)
    class_prior = rng.dirichlet(np.ones(K))
    np.testing.assert_allclose(confusion.skill(class_prior), np.einsum("jyy,y->j", matrices, class_prior))
    if J:
        chosen = rng.integers(J, size=3)
        np.testing.assert_allclose(confusion.matrices(chosen), matrices[chosen])
    assert confusion.matrices([]).shape == (0, K, K)
    assert confusion.n_classes == K


@given(pair=confusions(), factor=st.floats(0, 9))
def test_other_counts_leave_nothing_of_the_old(pair: tuple[Confusion, FloatArray], factor: float) -> None:
    confusion, _ = pair
    assert len(confusion.pair_probabilities) == len(confusion.label)
    changed = confusion.with_counts(factor * confusion.counts)
    fresh = Confusion(
        confusion.prior_counts, confusion.annotator, confusion.label, factor * confusion.counts, confusion.n_annotators
    )
    for name in ("counts", "row_totals", "pair_probabilities", "pair_prior", "diagonal"):
        np.testing.assert_array_equal(getattr(changed, name), getattr(fresh, name))


def test_confusion_of_many_classes_stays_small() -> None:
    J, K, n_pairs = 500, 1000, 2000
    rng = np.random.default_rng(0)
    pairs = np.sort(rng.choice(J * K, n_pairs, replace=False))
    prior = np.ones((K, K))
    tracemalloc.start()
    try:
        confusion = Confusion(prior, pairs // K, pairs % K, np.ones((n_pairs, K)), J)
        assert confusion.pair_probabilities.shape == (n_pairs, K)
        confusion.skill(np.full(K, 1 / K))
        matrices = confusion.matrices([3, 4])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert matrices.shape == (2, K, K)
    assert peak < 8 * (6 * n_pairs * K + 6 * K * K)  # 144 MB; J x K x K would be 4 GB


def test_estimate() -> None:
    confusion = Confusion(np.ones((3, 3)), *(np.empty(0, np.int64),) * 2, np.empty((0, 3)), 0)
    posterior = np.array([[0.2, 0.4, 0.4], [0.0, 0.0, 1.0]])
    estimate = Estimate(posterior, confusion, np.full(3, 1 / 3), None, np.inf, 0.0)
    np.testing.assert_array_equal(estimate.label, [1, 2])
    np.testing.assert_allclose(estimate.risk, [0.6, 0.0])
    assert estimate.upto == 0


def test_answers_hold_pythons_own_numbers() -> None:
    answer = Answer(np.int64(3), np.uint8(1), np.int32(250), bytes(16))
    assert {type(value) for value in (answer.item, answer.label, answer.response_ms)} == {int}
    assert answer == Answer(3, 1, 250, bytes(16))
    assert Answer(0, None) == Answer(item=0, label=None, response_ms=None, id=None)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"item": None, "label": 1}, "item of an answer must be a whole number, not None"),
        ({"item": 0.0, "label": 1}, "item of an answer must be a whole number, not 0.0"),
        ({"item": 0, "label": "x"}, "label of an answer must be a whole number, not 'x'"),
        ({"item": 0, "label": 2**63}, "label of an answer must be a whole number, not 9223372036854775808"),
        ({"item": 0, "label": 1, "response_ms": 0.5}, "response_ms of an answer must be a whole number, not 0.5"),
        ({"item": 0, "label": 1, "id": b"short"}, "id of an answer must be 16 bytes, not b'short'"),
        ({"item": 0, "label": 1, "id": "0123456789abcdef"}, "must be 16 bytes, not '0123456789abcdef'"),
    ],
)
def test_answers_that_are_none(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        Answer(**parts)
