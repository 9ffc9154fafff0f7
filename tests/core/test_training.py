"""Training, on the built-in network and on the same in torch: minibatches, the kept epoch, what can be learnt."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.core.learner import Minibatch, Network
from askless.core.training import train
from askless.settings import LearnerSettings
from askless.types import Float32Array, FloatArray, IntArray
from networks import BOTH, examples, fit, maker


def settings(**changes: Any) -> LearnerSettings:
    return LearnerSettings(**{"algo": "mlp", "hidden_size": 8, "lr_ratio": 0.003, "max_epochs": 200} | changes)


def toy(rng: np.random.Generator, n: int) -> tuple[FloatArray, IntArray]:
    """Three clouds in the plane; the middle one is cut out by no single line."""
    label = rng.permutation(np.arange(n) % 3)
    return np.array([[-3, 0], [0, 0], [3, 0]])[label] + rng.normal(0, 0.5, size=(n, 2)), label


class Recorder:
    """Passes everything on and remembers it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.steps: list[tuple[Minibatch, float]] = []
        self.said: list[Float32Array] = []
        self.kept_after: list[int] = []

    def step(self, minibatch: Minibatch, rate: float) -> None:
        self.steps.append((minibatch, rate))
        self.network.step(minibatch, rate)

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self.said.append(self.network.predict_proba(X))
        return self.said[-1]

    def keep(self) -> None:
        self.kept_after.append(len(self.said))
        self.network.keep()

    def restore(self) -> None:
        self.network.restore()


def record(kind: str, given_examples: Any, chosen: LearnerSettings, rng: np.random.Generator) -> Recorder:
    D, K = given_examples.values.shape[1], given_examples.targets.shape[1]
    recorder = Recorder(maker(kind)(D, K, chosen, rng))
    train(recorder, given_examples, chosen, rng)
    return recorder


def log_loss(said: npt.NDArray[Any], label: IntArray) -> float:
    return float(-np.log(said[np.arange(len(label)), label].astype(float)).mean())


@pytest.mark.parametrize("semi_supervised", ["none", "mixmatch"])
@pytest.mark.parametrize(("n", "minibatch_size", "size"), [(30, 16, 16), (30, 1024, 30)])
def test_the_rate_grows_with_the_root_of_the_labelled_rows(
    n: int, minibatch_size: int, size: int, semi_supervised: str
) -> None:
    rng = np.random.default_rng(0)
    chosen = settings(minibatch_size=minibatch_size, lr_ratio=0.01, max_epochs=3, semi_supervised=semi_supervised)
    recorder = record("built-in", examples(toy(rng, n), toy(rng, 9), unlabelled=rng.normal(size=(9, 2))), chosen, rng)
    assert [rate for _, rate in recorder.steps] == [pytest.approx(0.01 * size**0.5)] * 3
    assert [minibatch.n_labelled for minibatch, _ in recorder.steps] == [size] * 3


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("n_hidden_layer", [0, 1])
def test_the_best_epoch_is_kept(n_hidden_layer: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    noise = examples((rng.normal(size=(30, 20)), np.arange(30) % 2), (rng.normal(size=(40, 20)), np.arange(40) % 2))
    recorder = record(kind, noise, settings(n_hidden_layer=n_hidden_layer, lr_ratio=0.02), rng)
    losses = [log_loss(said, noise.validation_label) for said in recorder.said]
    assert len(losses) == 20
    assert min(losses) < losses[-1]
    assert recorder.kept_after[-1] == int(np.argmin(losses)) + 1
    said = recorder.predict_proba(noise.features(noise.validation))
    np.testing.assert_allclose(said, recorder.said[int(np.argmin(losses))], rtol=1e-5)


@given(seed=st.integers(0, 20), max_epochs=st.integers(1, 23))
def test_the_last_epoch_is_validated_too(seed: int, max_epochs: int) -> None:
    rng = np.random.default_rng(seed)
    recorder = record("built-in", examples(toy(rng, 9), toy(rng, 9)), settings(max_epochs=max_epochs), rng)
    assert len(recorder.said) == -(-max_epochs // 10)
    assert len(recorder.steps) == max_epochs


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("n_hidden_layer", "semi_supervised"), [(0, "none"), (1, "none"), (1, "mixmatch")])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_learns_what_can_be_learnt(dtype: type, n_hidden_layer: int, semi_supervised: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    chosen = settings(n_hidden_layer=n_hidden_layer, semi_supervised=semi_supervised, minibatch_size=100)
    known = examples(toy(rng, 200), toy(rng, 60), unlabelled=toy(rng, 50)[0], dtype=dtype)
    network = fit(kind, known, chosen, rng)
    X, label = toy(rng, 200)
    belief = network.predict_proba(X.astype(dtype))
    assert belief.dtype == np.float32
    np.testing.assert_allclose(belief.sum(axis=1), 1, atol=1e-6)
    assert (belief.argmax(axis=1) == label).mean() > 0.95


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("semi_supervised", ["none", "mixmatch"])
def test_the_same_generator_gives_the_same_network(semi_supervised: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    known = examples(toy(rng, 50), toy(rng, 50), unlabelled=toy(rng, 50)[0])
    chosen = settings(max_epochs=20, semi_supervised=semi_supervised)

    def belief(seed: int) -> npt.NDArray[Any]:
        return fit(kind, known, chosen, np.random.default_rng(seed)).predict_proba(known.values)

    np.testing.assert_array_equal(belief(1), belief(1))
    assert (belief(1) != belief(2)).any()


@pytest.mark.parametrize("kind", BOTH)
def test_weights_are_how_often_a_row_is_drawn(kind: str) -> None:
    n = 400
    label = (np.arange(n) < 20).astype(np.int64)

    def belief_in_rare(weights: FloatArray, validation_share: float) -> float:
        validation = np.ones((100, 1)), (np.arange(100) < 100 * validation_share).astype(np.int64)
        known = examples((np.ones((n, 1)), label), validation, weights=weights)
        network = fit(kind, known, settings(max_epochs=400), np.random.default_rng(0))
        return float(network.predict_proba(known.values[:1])[0, 1])

    assert belief_in_rare(1 / np.bincount(label)[label], 0.5) == pytest.approx(0.5, abs=0.06)
    assert belief_in_rare(np.ones(n), 0.05) == pytest.approx(0.05, abs=0.04)
    assert belief_in_rare(np.where(label == 1, 3.0, 0.0), 1.0) > 0.9


@pytest.mark.parametrize("kind", BOTH)
def test_weight_decay_pulls_towards_even_odds(kind: str) -> None:
    cloud = toy(np.random.default_rng(0), 100)

    def confidence(weight_decay: float) -> float:
        network = fit(kind, examples(cloud, cloud), settings(weight_decay=weight_decay), np.random.default_rng(0))
        return float(network.predict_proba(cloud[0]).max(axis=1).mean())

    assert confidence(1.0) < confidence(0.0) - 0.1


def test_mixmatch_draws_so_many_unlabelled_rows_and_no_others() -> None:
    rng = np.random.default_rng(0)
    X, validation = np.full((6, 2), 1.0), (np.full((6, 2), 2.0), np.arange(6) % 2)
    given_examples = examples((X, np.arange(6) % 2), validation, unlabelled=np.full((40, 2), 3.0))
    chosen = settings(semi_supervised="mixmatch", mixmatch={"mu": 4, "alpha": 1e-4, "weight": 30}, max_epochs=5)
    steps = [minibatch for minibatch, _ in record("built-in", given_examples, chosen, rng).steps]
    assert [minibatch.weight for minibatch in steps] == pytest.approx([6, 12, 18, 24, 30])
    for minibatch in steps:
        np.testing.assert_array_equal(minibatch.X, np.repeat([[1.0] * 2, [3.0] * 2], [6, 24], axis=0))


@pytest.mark.parametrize(("n_unlabelled", "n_rows"), [(0, 6), (1, 7), (5, 11), (24, 30), (50, 30)])
def test_mixmatch_takes_no_more_unlabelled_rows_than_there_are(n_unlabelled: int, n_rows: int) -> None:
    rng = np.random.default_rng(0)
    cloud = toy(rng, 6)
    chosen = settings(semi_supervised="mixmatch", mixmatch={"mu": 4}, max_epochs=2)
    given_examples = examples(cloud, cloud, unlabelled=rng.normal(size=(n_unlabelled, 2)))
    assert [len(minibatch.X) for minibatch, _ in record("built-in", given_examples, chosen, rng).steps] == [n_rows] * 2


@pytest.mark.parametrize("kind", BOTH)
def test_mixmatch_learns_from_where_the_unlabelled_rows_lie(kind: str) -> None:
    rng = np.random.default_rng(0)

    def clouds(n: int) -> tuple[FloatArray, IntArray]:
        """Two, apart in the first of 20 dimensions only."""
        label = np.arange(n) % 2
        X = rng.normal(size=(n, 20))
        X[:, 0] += np.where(label == 1, 2, -2)
        return X, label

    labelled, validation, (X, truth) = clouds(8), clouds(20), clouds(400)

    def accuracy(semi_supervised: str) -> float:
        chosen = settings(semi_supervised=semi_supervised, mixmatch={"mu": 20, "weight": 5})
        network = fit(kind, examples(labelled, validation, unlabelled=X), chosen, np.random.default_rng(0))
        return float((network.predict_proba(X).argmax(axis=1) == truth).mean())

    assert accuracy("mixmatch") > accuracy("none") + 0.1
