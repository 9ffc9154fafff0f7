"""What the machine believes of every item: which items may train a learner, fitting it, calibrating it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.core.blocks import blocks, for_each
from askless.core.calibrate import log_loss, pool_weights, safe_temperature
from askless.core.learner import Learner, Network, NetworkMaker, name_of
from askless.core.normalise import normalise
from askless.core.tanh_network import TanhNetwork
from askless.core.training import Examples, train
from askless.errors import ConfigError, DataError
from askless.settings import LearnerSettings
from askless.types import BoolArray, Features, Float32Array, FloatArray, IntArray, Prototypes

TINY = float(np.finfo(np.float32).tiny)

Part = tuple[IntArray, IntArray]
"""Items to train on, items to validate on."""


def check_settings(
    settings: LearnerSettings, prototypes: Prototypes, learner: Learner | NetworkMaker = TanhNetwork
) -> None:
    """Raises ConfigError if there is nothing to validate a learner on, or it cannot do what is asked of it."""
    if settings.algo in ("mlp", "torch") and not settings.n_folds and not len(prototypes):
        raise ConfigError(
            "The learner is validated on prototypes and there are none; give some "
            "(n_prototypes_per_class=10), or set learner.calibrate=cv_3 learner.prototype_as_val=false."
        )
    if settings.semi_supervised == "mixmatch" and isinstance(learner, Learner):
        raise ConfigError(
            f"learner.semi_supervised=mixmatch needs a network that askless trains, and {name_of(learner)} trains "
            "itself; set none or pseudolabel, or give a TorchLearner."
        )


def believe(
    features: Features,
    prototypes: Prototypes,
    posterior: FloatArray,
    is_annotated: BoolArray,
    settings: LearnerSettings,
    *,
    rng: np.random.Generator,
    learner: Learner | NetworkMaker = TanhNetwork,
) -> tuple[Float32Array | None, float]:
    """Fits a learner to what is believed so far and asks it about every item (as the paper's code).

    Args:
        features: (N, D).
        prototypes: items whose label is known.
        posterior: (N, K) what is believed without the new learner.
        is_annotated: (N,) whether anyone has labelled the item.
        settings: masks, validation, calibration.
        rng: splits, initial weights, minibatches.
        learner: a classifier, or what makes a network for each fit.

    Returns:
        (N, K) calibrated probabilities and the uncalibrated validation loss in nats, averaged over folds;
        none and infinity if there is nothing yet to train or validate on.
    """
    label = posterior.argmax(axis=1)
    is_sure = 1 - posterior[np.arange(len(label)), label] < settings.max_risk
    label[prototypes.item] = prototypes.label
    may_train = is_sure if settings.semi_supervised == "pseudolabel" else is_annotated.copy()
    may_train[prototypes.item] = False
    if settings.n_folds:
        parts = list(_folds(np.union1d(np.flatnonzero(may_train), prototypes.item), label, settings.n_folds, rng))
    else:
        parts = [_split(np.flatnonzero(may_train), prototypes, label, settings.prototype_as_val, rng)]
    fitted = [
        _fit_and_predict(features, part, label, prototypes.item, posterior.shape[1], settings, rng, learner)
        for part in parts
        if len(part[0]) and len(part[1])
    ]
    if not fitted:
        return None, np.inf
    beliefs, losses = zip(*fitted, strict=True)
    machine: Float32Array = sum(beliefs[1:], beliefs[0])
    machine /= np.float32(len(beliefs))
    return machine, float(np.mean(losses))


def _fit_and_predict(
    features: Features,
    part: Part,
    label: IntArray,
    known: IntArray,
    n_classes: int,
    settings: LearnerSettings,
    rng: np.random.Generator,
    learner: Learner | NetworkMaker,
) -> tuple[Float32Array, float]:
    """The belief in all items and the validation loss of one learner.

    The temperature is fitted to items of the validation part whose label is known, if there are any: fitted to labels
    that the machine has had a say in, it would make the machine as sure of them as it was already (decision 5). Where
    the features come with a prior, it is pooled with the machine, with weights fitted to the same items.
    """
    to_train, validation = part
    targets = np.zeros((len(to_train), n_classes), np.float32)
    targets[np.arange(len(to_train)), label[to_train]] = 1
    class_size = np.bincount(label[to_train], minlength=n_classes)
    weights = (1.0 / class_size[label[to_train]]).astype(np.float32)
    fitted: Learner | Network
    if isinstance(learner, Learner):
        fitted = learner
        fitted.fit(features.values[to_train].astype(np.float32, copy=False), targets, weights)
    else:
        is_other = np.ones(len(features), bool)
        is_other[np.concatenate(part)] = False
        others = np.flatnonzero(is_other)
        examples = Examples(features.values, to_train, targets, weights, others, validation, label[validation])
        fitted = learner(features.values.shape[1], n_classes, settings, rng)
        train(fitted, examples, settings, rng)

    belief = np.empty((len(features), n_classes), np.float32)
    for start, block in features.blocks():
        said = fitted.predict_proba(block)
        belief[start : start + len(block)] = _checked(said, len(block), n_classes, name_of(learner))
    log_belief = _log(belief[validation])
    loss = log_loss(log_belief, label[validation])
    if settings.calibrate != "none":
        is_judge = np.isin(validation, known)
        is_judge |= not is_judge.any()
        judge = validation[is_judge]
        if features.prior is None:
            sharpness, trust = 1 / safe_temperature(log_belief[is_judge], label[judge]), 0.0
        else:
            sharpness, trust = pool_weights(log_belief[is_judge], _log(features.prior[judge]), label[judge])

        def pool_rows(rows: slice) -> None:
            pool = sharpness * _log(belief[rows])
            if features.prior is not None:
                pool += trust * _log(features.prior[rows])
            belief[rows] = normalise(pool)

        for_each(blocks(*belief.shape), pool_rows)
    return belief, loss


def _checked(probability: npt.ArrayLike, n: int, n_classes: int, learner: str) -> npt.NDArray[Any]:
    """What a learner says, if they are probabilities; a wrong one would spoil every posterior."""
    said = np.asarray(probability)
    if said.shape != (n, n_classes) or not said.min() >= 0 or not np.allclose(said.sum(axis=1), 1, atol=1e-3):
        has_nan = ", with NaN in it," if np.isnan(said).any() else ""
        raise DataError(
            f"predict_proba of {learner} gave an array of shape {said.shape}{has_nan} for {n} items; it must "
            f"give ({n}, {n_classes}), not negative, every row summing to 1."
        )
    return said


def _split(
    train: IntArray, prototypes: Prototypes, label: IntArray, prototype_as_val: bool, rng: np.random.Generator
) -> Part:
    """Prototypes validate, or as many items drawn at random do; then each class is balanced between the two.

    A class with too few validation items gets some back from training; a class with less to train on than to
    validate on gives half of its validation items to training. Drawn anew at every call, as in the paper.
    """
    if prototype_as_val:
        validation = prototypes.item
    else:
        pool = np.union1d(train, prototypes.item)
        validation = rng.choice(pool, min(len(prototypes), len(pool)), replace=False)
        train = np.setdiff1d(pool, validation)
    train_label, validation_label = label[train], label[validation]
    to_validation: list[IntArray] = []
    to_train: list[IntArray] = []
    for c, n_prototypes in enumerate(np.bincount(prototypes.label)):
        train_c, validation_c = train[train_label == c], validation[validation_label == c]
        missing = n_prototypes // 2 - len(validation_c)
        if missing > 0:
            to_validation.append(rng.choice(train_c, missing, replace=False))
        elif len(train_c) < len(validation_c):
            to_train.append(rng.choice(validation_c, len(validation_c) // 2, replace=False))
    return _move(train, to_train, to_validation), _move(validation, to_validation, to_train)


def _move(kept: IntArray, gained: list[IntArray], lost: list[IntArray]) -> IntArray:
    empty = np.empty(0, np.int64)
    more, fewer = np.concatenate([empty, *gained]), np.concatenate([empty, *lost])
    return np.setdiff1d(np.union1d(kept, more), fewer, assume_unique=True)


def _folds(pool: IntArray, label: IntArray, n_folds: int, rng: np.random.Generator) -> Iterator[Part]:
    """Folds that each hold their share of every class (the paper draws until one fold happens to)."""
    shuffled = rng.permutation(pool)
    by_class = shuffled[np.argsort(label[shuffled], kind="stable")]
    fold = np.arange(len(by_class)) % n_folds
    for held_out in range(n_folds):
        yield np.sort(by_class[fold != held_out]), np.sort(by_class[fold == held_out])


def _log(probability: Float32Array) -> FloatArray:
    return np.log(np.maximum(probability, TINY), dtype=np.float64)
