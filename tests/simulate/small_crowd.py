"""A crowd and a source small enough to check by hand."""

import numpy as np
from hypothesis import strategies as st

from askless.simulate.crowd import Crowd
from askless.simulate.crowds import annotator_names
from askless.simulate.drawn import ConfusionCrowd
from askless.simulate.noise import uniform
from askless.simulate.sources import Source
from askless.types import Batch, Dataset, Features, FloatArray, Prototypes

SEEDS = st.integers(0, 2**40)


def assert_distributions(confusion: FloatArray) -> None:
    assert confusion.dtype == np.float64
    assert (confusion >= 0).all()
    assert (confusion <= 1).all()
    np.testing.assert_allclose(confusion.sum(axis=-1), 1, rtol=0, atol=1e-12)


def mean_skill(confusion: FloatArray) -> float:
    return float(np.diagonal(confusion, axis1=1, axis2=2).mean())


def a_crowd(n_items: int = 4000, n_classes: int = 4, n_annotators: int = 3, seed: int = 5) -> ConfusionCrowd:
    confusion = uniform(n_annotators, n_classes, 0.6, 0.2, seed)
    truth = np.random.default_rng(0).integers(n_classes, size=n_items)
    return ConfusionCrowd(annotator_names(n_annotators), confusion, truth, seed, confusion.mean(axis=0))


def labels(crowd: Crowd, annotator: str, items: list[int]) -> list[int]:
    answers = crowd.answer(Batch(0, annotator, tuple(items), 0.0))
    assert [answer.item for answer in answers] == items
    return [int(answer.label or 0) for answer in answers]


def a_source(classes: tuple[str, ...], n_items: int = 60) -> Source:
    rng = np.random.default_rng(1)
    truth = np.arange(n_items) % len(classes)
    features = Features((rng.normal(size=(n_items, 5)) + truth[:, None]).astype(np.float32))
    return Source(Dataset(tuple(map(str, range(n_items))), classes), features, truth, Prototypes.none())
