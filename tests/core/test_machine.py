"""Which items train and validate the learner, and what becomes of its belief."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from askless.core import machine
from askless.core.calibrate import log_loss
from askless.core.machine import believe, check_settings
from askless.core.training import Examples
from askless.errors import ConfigError, DataError
from askless.settings import LearnerSettings
from askless.types import Features, Float32Array, FloatArray, IntArray, Prototypes
from networks import maker

N, K = 60, 3
TRUTH = np.arange(N) % K
PROTOTYPES = Prototypes(np.arange(12), TRUTH[:12])


def settings(**changes: Any) -> LearnerSettings:
    return LearnerSettings(**{"algo": "mlp", "lr_ratio": 0.003, "max_epochs": 100, "calibrate": "none"} | changes)


def features(seed: int = 0, dtype: type = np.float32) -> Features:
    """A cloud per class; the last column is the number of the item."""
    rng = np.random.default_rng(seed)
    clouds = np.eye(K)[TRUTH] + rng.normal(0, 0.3, size=(N, K))
    return Features(np.column_stack([clouds, np.arange(N) / 1000]).astype(dtype))


def sure_of(label: IntArray, confidence: float | FloatArray = 0.95) -> FloatArray:
    p = np.broadcast_to(confidence, len(label))[:, None]
    return np.where(np.eye(K, dtype=bool)[label], p, (1 - p) / (K - 1))


class NearestMean:
    """The least that a learner needs; remembers what it was trained on."""

    def __init__(self) -> None:
        self.trained_on: list[list[int]] = []

    def fit(self, X: npt.NDArray[Any], soft_targets: Float32Array, weights: Float32Array) -> None:
        self.targets, self.weights = soft_targets, weights
        self.trained_on.append([round(1000 * float(x)) for x in X[:, -1]])
        self.means = soft_targets.T @ X / np.maximum(soft_targets.sum(axis=0), 1)[:, None]

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        closeness = np.exp(-3 * ((X[:, None, :] - self.means) ** 2).sum(axis=-1))
        return closeness / closeness.sum(axis=1, keepdims=True)


class Logistic:
    """scikit-learn's classifier, plugged in."""

    def fit(self, X: npt.NDArray[Any], soft_targets: Float32Array, weights: Float32Array) -> None:
        self.n_classes = soft_targets.shape[1]
        self.model = LogisticRegression().fit(X, soft_targets.argmax(axis=1), sample_weight=weights)

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        belief = np.zeros((len(X), self.n_classes))
        belief[:, self.model.classes_] = self.model.predict_proba(X)
        return belief


def train(
    posterior: FloatArray, is_annotated: npt.NDArray[np.bool_], prototypes: Prototypes = PROTOTYPES, **changes: Any
) -> tuple[NearestMean, Float32Array | None, float]:
    spy = NearestMean()
    rng = np.random.default_rng(0)
    belief, loss = believe(features(), prototypes, posterior, is_annotated, settings(**changes), rng=rng, learner=spy)
    return spy, belief, loss


def test_none_trains_on_whatever_was_annotated() -> None:
    is_annotated = np.arange(N) % 4 != 0
    spy, belief, loss = train(sure_of(TRUTH, 0.5), is_annotated)
    (trained_on,) = spy.trained_on
    assert trained_on == [i for i in range(12, N) if i % 4]
    assert belief is not None
    assert belief.dtype == np.float32
    np.testing.assert_allclose(belief.sum(axis=1), 1, atol=1e-6)
    expected = log_loss(np.log(belief[:12].astype(np.float64)), TRUTH[:12])
    assert loss == pytest.approx(expected)


def test_pseudolabel_trains_on_whatever_is_sure() -> None:
    confidence = np.where(np.arange(N) % 4 == 0, 0.89, 0.91)
    spy, _, _ = train(sure_of(TRUTH, confidence), np.zeros(N, bool), semi_supervised="pseudolabel")
    assert spy.trained_on == [[i for i in range(12, N) if i % 4]]
    spy, _, _ = train(sure_of(TRUTH, confidence), np.zeros(N, bool), semi_supervised="pseudolabel", max_risk=0.2)
    assert spy.trained_on == [list(range(12, N))]


def examples_of(
    posterior: FloatArray, is_annotated: npt.NDArray[np.bool_], prototypes: Prototypes = PROTOTYPES, **changes: Any
) -> list[Examples]:
    """What a network would be trained on."""
    seen: list[Examples] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "train", lambda network, examples, *_: seen.append(examples))
        believe(features(), prototypes, posterior, is_annotated, settings(**changes), rng=np.random.default_rng(0))
    return seen


def test_mixmatch_trains_on_what_was_annotated_and_guesses_the_rest() -> None:
    is_annotated = np.arange(N) % 4 != 0
    (seen,) = examples_of(sure_of(TRUTH, 0.5), is_annotated, semi_supervised="mixmatch")
    assert seen.labelled.tolist() == [i for i in range(12, N) if i % 4]
    assert seen.unlabelled.tolist() == [i for i in range(12, N) if i % 4 == 0]
    assert seen.validation.tolist() == list(range(12))
    np.testing.assert_array_equal(seen.validation_label, TRUTH[:12])
    np.testing.assert_array_equal(seen.targets, np.eye(K)[TRUTH[seen.labelled]])
    np.testing.assert_array_equal(seen.values, features().values)


def test_mixmatch_guesses_nothing_that_a_fold_holds_out() -> None:
    is_annotated = np.arange(N) < 40
    seen = examples_of(
        sure_of(TRUTH), is_annotated, semi_supervised="mixmatch", calibrate="cv_3", prototype_as_val=False
    )
    assert len(seen) == 3
    for fold in seen:
        assert fold.unlabelled.tolist() == list(range(40, N))
        assert sorted([*fold.labelled, *fold.validation]) == list(range(40))


def test_mixmatch_with_every_item_annotated() -> None:
    (seen,) = examples_of(sure_of(TRUTH), np.ones(N, bool), semi_supervised="mixmatch")
    assert len(seen.unlabelled) == 0
    belief, _ = believe(
        features(),
        PROTOTYPES,
        sure_of(TRUTH),
        np.ones(N, bool),
        settings(semi_supervised="mixmatch"),
        rng=np.random.default_rng(0),
    )
    assert belief is not None
    assert (belief.argmax(axis=1) == TRUTH).mean() > 0.8


def test_targets_are_the_most_likely_classes_and_classes_weigh_the_same() -> None:
    label = np.where(np.arange(N) < 40, 0, TRUTH)
    spy, _, _ = train(sure_of(label, 0.6), np.ones(N, bool))
    (trained_on,) = spy.trained_on
    expected = np.where(np.arange(N) < 12, TRUTH, label)[trained_on]
    np.testing.assert_array_equal(spy.targets, np.eye(K)[expected])
    np.testing.assert_allclose(np.bincount(expected, weights=spy.weights), 1, rtol=1e-6)


def test_prototypes_keep_their_known_label() -> None:
    wrong = (TRUTH + 1) % K
    spy, _, _ = train(sure_of(wrong), np.zeros(N, bool))
    (trained_on,) = spy.trained_on
    assert len(trained_on) == 6
    np.testing.assert_array_equal(spy.targets.argmax(axis=1), TRUTH[trained_on])


@given(
    n_prototypes=st.integers(1, 9),
    train_sizes=st.lists(st.integers(0, 12), min_size=K, max_size=K),
    seed=st.integers(0, 99),
)
def test_prototypes_validate_and_a_class_with_little_to_train_on_gets_half(
    n_prototypes: int, train_sizes: list[int], seed: int
) -> None:
    """SEED 1.9, class by class, in its own words."""
    label = np.concatenate([np.repeat(np.arange(K), n_prototypes), np.repeat(np.arange(K), train_sizes)])
    prototypes = Prototypes(np.arange(K * n_prototypes), label[: K * n_prototypes])
    others = np.arange(K * n_prototypes, len(label))
    got, validation = machine._split(others, prototypes, label, True, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(np.concatenate([got, validation])), np.arange(len(label)))
    assert set(others) <= set(got)
    for c in range(K):
        moved = n_prototypes // 2 if train_sizes[c] < n_prototypes else 0
        assert (label[got] == c).sum() == train_sizes[c] + moved
        assert (label[validation] == c).sum() == n_prototypes - moved


@given(
    n_prototypes=st.integers(1, 9),
    train_sizes=st.lists(st.integers(0, 12), min_size=K, max_size=K),
    seed=st.integers(0, 99),
)
def test_without_prototypes_as_validation_as_many_items_are_drawn(
    n_prototypes: int, train_sizes: list[int], seed: int
) -> None:
    label = np.concatenate([np.repeat(np.arange(K), n_prototypes), np.repeat(np.arange(K), train_sizes)])
    prototypes = Prototypes(np.arange(K * n_prototypes), label[: K * n_prototypes])
    others = np.arange(K * n_prototypes, len(label))
    drawn = np.random.default_rng(seed).choice(len(label), K * n_prototypes, replace=False)
    got, validation = machine._split(others, prototypes, label, False, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(np.concatenate([got, validation])), np.arange(len(label)))
    for c in range(K):
        n_validation = int((label[drawn] == c).sum())
        n_train = n_prototypes + train_sizes[c] - n_validation
        if n_validation < n_prototypes // 2:
            moved = n_validation - n_prototypes // 2
        else:
            moved = n_validation // 2 if n_train < n_validation else 0
        assert (label[got] == c).sum() == n_train + moved
        assert (label[validation] == c).sum() == n_validation - moved


def test_the_split_is_drawn_anew_but_reproducibly() -> None:
    parts = [
        machine._split(np.empty(0, np.int64), PROTOTYPES, TRUTH, True, np.random.default_rng(s)) for s in (0, 0, 1)
    ]
    np.testing.assert_array_equal(parts[0][0], parts[1][0])
    assert set(parts[0][0]) != set(parts[2][0])


def test_one_prototype_per_class_and_nothing_else_trains_nothing() -> None:
    prototypes = Prototypes(np.arange(3), TRUTH[:3])
    spy, belief, loss = train(np.full((N, K), 1 / K), np.zeros(N, bool), prototypes)
    assert spy.trained_on == []
    assert belief is None
    assert loss == np.inf


def test_one_prototype_per_class_validates_once_there_are_annotations() -> None:
    prototypes = Prototypes(np.arange(3), TRUTH[:3])
    spy, belief, _ = train(sure_of(TRUTH), np.ones(N, bool), prototypes)
    assert spy.trained_on == [list(range(3, N))]
    assert belief is not None
    assert (belief.argmax(axis=1) == TRUTH).mean() > 0.8


@pytest.mark.parametrize("prototype_as_val", [True, False])
def test_without_prototypes_there_is_nothing_to_validate_on(prototype_as_val: bool) -> None:
    spy, belief, loss = train(sure_of(TRUTH), np.ones(N, bool), Prototypes.none(), prototype_as_val=prototype_as_val)
    assert spy.trained_on == []
    assert (belief, loss) == (None, np.inf)


@given(sizes=st.lists(st.integers(3, 10), min_size=2, max_size=5), n_folds=st.integers(2, 3), seed=st.integers(0, 99))
def test_folds_share_every_class(sizes: list[int], n_folds: int, seed: int) -> None:
    label = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    pool = np.arange(len(label))
    parts = list(machine._folds(pool, label, n_folds, np.random.default_rng(seed)))
    assert len(parts) == n_folds
    np.testing.assert_array_equal(np.sort(np.concatenate([held_out for _, held_out in parts])), pool)
    for train_items, held_out in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([train_items, held_out])), pool)
        for c, size in enumerate(sizes):
            assert (label[held_out] == c).sum() in (size // n_folds, -(-size // n_folds))


def test_folds_average_what_their_learners_say() -> None:
    is_annotated = np.arange(N) < 40
    spy, belief, loss = train(sure_of(TRUTH), is_annotated, calibrate="cv_3", prototype_as_val=False)
    assert len(spy.trained_on) == 3
    held_out = [set(range(40)) - set(items) for items in spy.trained_on]
    assert set.union(*held_out) == set(range(40))
    assert sum(map(len, held_out)) == 40
    assert belief is not None
    np.testing.assert_allclose(belief.sum(axis=1), 1, atol=1e-5)
    assert (belief.argmax(axis=1) == TRUTH).mean() > 0.8
    assert 0 < loss < np.log(K)


def test_the_belief_of_folds_is_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "safe_temperature", lambda *_: 1.0)

    class Stubborn(NearestMean):
        """Gives class 0 the chance 0.2, at the next fit 0.4, then 0.6."""

        def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
            p = 0.2 * len(self.trained_on)
            return np.tile([p, 0.7 - p, 0.3], (len(X), 1))

    belief, loss = believe(
        features(),
        PROTOTYPES,
        sure_of(np.zeros(N, np.int64)),
        np.arange(N) < 12,
        settings(calibrate="cv_3", prototype_as_val=False),
        rng=np.random.default_rng(0),
        learner=Stubborn(),
    )
    np.testing.assert_allclose(belief, np.tile([0.4, 0.3, 0.3], (N, 1)), rtol=1e-6)
    chances = np.array([[p, 0.7 - p, 0.3] for p in (0.2, 0.4, 0.6)])
    assert 0 < loss < -np.log(chances).min()


@pytest.mark.parametrize("calibrate", ["temperature", "cv_2"])
def test_a_prior_helps_where_it_is_right_and_does_no_harm_where_it_is_not(calibrate: str) -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(240) % 3
    weak = (0.4 * np.eye(3, 6)[truth] + rng.normal(size=(240, 6))).astype(np.float32)
    right = (0.7 * np.eye(3)[truth] + 0.1).astype(np.float32)
    wrong = right[rng.permutation(240)]
    known = Prototypes(np.arange(60), truth[:60])
    accuracy = {}
    for name, prior in {"none": None, "right": right, "wrong": wrong}.items():
        belief, _ = believe(
            Features(weak, prior),
            known,
            np.full((240, 3), 1 / 3),
            np.zeros(240, bool),
            settings(calibrate=calibrate, prototype_as_val=calibrate == "temperature"),
            rng=np.random.default_rng(0),
        )
        assert belief is not None
        np.testing.assert_allclose(belief.sum(axis=1), 1, atol=1e-5)
        accuracy[name] = (belief[60:].argmax(axis=1) == truth[60:]).mean()
    assert accuracy["right"] > accuracy["none"] + 0.2
    assert accuracy["wrong"] > accuracy["none"] - 0.05


def test_folds_need_no_prototypes() -> None:
    spy, belief, _ = train(
        sure_of(TRUTH), np.ones(N, bool), Prototypes.none(), calibrate="cv_3", prototype_as_val=False
    )
    assert len(spy.trained_on) == 3
    assert belief is not None


def test_folds_that_would_be_empty_are_left_out() -> None:
    is_annotated = np.arange(N) == 20
    changes: dict[str, Any] = {"calibrate": "cv_3", "prototype_as_val": False}
    assert train(sure_of(TRUTH), is_annotated, Prototypes.none(), **changes)[1:] == (None, np.inf)
    spy, belief, _ = train(sure_of(TRUTH), is_annotated | (np.arange(N) == 30), Prototypes.none(), **changes)
    assert sorted(spy.trained_on) == [[20], [30]]
    assert belief is not None


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("plugged", ["built-in", "torch", "nearest mean", "logistic regression"])
@pytest.mark.parametrize("calibrate", ["none", "temperature"])
def test_any_learner_learns(dtype: type, plugged: str, calibrate: str) -> None:
    learner = {"nearest mean": NearestMean(), "logistic regression": Logistic()}.get(plugged) or maker(plugged)
    is_annotated = np.arange(N) < 40
    belief, loss = believe(
        features(dtype=dtype),
        PROTOTYPES,
        sure_of(TRUTH),
        is_annotated,
        settings(calibrate=calibrate),
        rng=np.random.default_rng(0),
        learner=learner,
    )
    assert belief is not None
    np.testing.assert_allclose(belief.sum(axis=1), 1, atol=1e-5)
    assert (belief.argmax(axis=1) == TRUTH)[40:].mean() > 0.8
    assert loss < np.log(K)


def test_temperature_lowers_the_validation_loss_and_keeps_the_labels() -> None:
    label = np.where(np.arange(30) % 5 == 4, (TRUTH[:30] + 1) % K, TRUTH[:30])
    prototypes = Prototypes(np.arange(30), label)
    _, plain, plain_loss = train(sure_of(TRUTH), np.ones(N, bool), prototypes)
    _, scaled, scaled_loss = train(sure_of(TRUTH), np.ones(N, bool), prototypes, calibrate="temperature")
    assert plain is not None
    assert scaled is not None
    assert scaled_loss == plain_loss
    np.testing.assert_array_equal(scaled.argmax(axis=1), plain.argmax(axis=1))
    losses = [log_loss(np.log(belief[:30].astype(np.float64)), label) for belief in (plain, scaled)]
    assert losses[0] == pytest.approx(plain_loss)
    assert losses[1] < losses[0] - 0.1


class Certain:
    """Says 0 and 1 only, and is wrong about every fourth item."""

    def fit(self, X: npt.NDArray[Any], soft_targets: Float32Array, weights: Float32Array) -> None: ...

    def predict_proba(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        item = np.rint(1000 * X[:, -1]).astype(int)
        return np.eye(K)[(item + (item % 4 == 0)) % K]


@pytest.mark.parametrize("calibrate", ["none", "temperature"])
def test_a_learner_that_is_wrong_and_certain_stays_finite(calibrate: str) -> None:
    belief, loss = believe(
        features(),
        PROTOTYPES,
        sure_of(TRUTH),
        np.ones(N, bool),
        settings(calibrate=calibrate),
        rng=np.random.default_rng(0),
        learner=Certain(),
    )
    assert np.isfinite(loss)
    assert belief is not None
    assert np.isfinite(belief).all()
    assert (belief.max() < 0.99) == (calibrate == "temperature")


def test_check_settings() -> None:
    with pytest.raises(ConfigError) as caught:
        check_settings(settings(), Prototypes.none())
    assert str(caught.value) == (
        "The learner is validated on prototypes and there are none; give some (n_prototypes_per_class=10), or set "
        "learner.calibrate=cv_3 learner.prototype_as_val=false."
    )
    check_settings(settings(), PROTOTYPES)
    check_settings(settings(algo="dummy"), Prototypes.none())
    check_settings(settings(calibrate="cv_3", prototype_as_val=False), Prototypes.none())

    mixmatch = settings(semi_supervised="mixmatch")
    check_settings(mixmatch, PROTOTYPES)
    check_settings(settings(semi_supervised="pseudolabel"), PROTOTYPES, NearestMean())
    with pytest.raises(ConfigError) as caught:
        check_settings(mixmatch, PROTOTYPES, NearestMean())
    assert str(caught.value) == (
        "learner.semi_supervised=mixmatch needs a network that askless trains, and NearestMean trains itself; set none "
        "or pseudolabel, or give a TorchLearner."
    )


class Says:
    """A learner that says what it was told to say."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def fit(self, X: Any, soft_targets: Any, weights: Any) -> None: ...

    def predict_proba(self, X: Any) -> Any:
        return self.said(len(X))


@pytest.mark.parametrize(
    "said",
    [
        lambda n: np.full((n, 3), np.nan),
        lambda n: np.full((n, 1), 1.0),
        lambda n: np.full((n, 3), -1 / 3),
        lambda n: np.full((n, 3), 0.5),
        lambda n: np.full((n + 1, 3), 1 / 3),
    ],
    ids=["NaN", "one column", "negative", "sums", "rows"],
)
def test_what_is_no_probabilities_is_refused(said: Any) -> None:
    features = Features(np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32))
    prototypes = Prototypes(np.arange(6), np.arange(6) % 3)
    with pytest.raises(DataError, match="predict_proba of Says gave an array of shape") as caught:
        believe(
            features,
            prototypes,
            np.full((12, 3), 1 / 3),
            np.zeros(12, bool),
            LearnerSettings(algo="mlp"),
            rng=np.random.default_rng(0),
            learner=Says(said),
        )
    assert ("with NaN in it" in str(caught.value)) == np.isnan(said(12)).any()


def test_only_known_labels_judge_the_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a fold, its prototypes: the other labels are what the machine helped to believe."""
    judged: list[list[int]] = []
    monkeypatch.setattr(machine, "safe_temperature", lambda _, label: judged.append(label.tolist()) or 1.0)
    wrong = (TRUTH + 1) % K
    fold_settings = settings(calibrate="cv_3", prototype_as_val=False)
    rng = np.random.default_rng(0)
    believe(features(), PROTOTYPES, sure_of(wrong), np.ones(N, bool), fold_settings, rng=rng, learner=NearestMean())
    assert len(judged) == 3
    assert sorted(label for fold in judged for label in fold) == sorted(PROTOTYPES.label.tolist())

    judged.clear()
    believe(
        features(), Prototypes.none(), sure_of(wrong), np.ones(N, bool), fold_settings, rng=rng, learner=NearestMean()
    )
    assert sorted(label for fold in judged for label in fold) == sorted(wrong.tolist())
