"""The pool of heads: cross-fitted, finite whatever comes, and right where it can be."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from askless.core import pool
from askless.settings import PoolSettings
from askless.types import BoolArray, Features, Float32Array, FloatArray, IntArray, Prototypes

N, K, D = 240, 3, 6
RNG = np.random.default_rng(0)
TRUTH = RNG.integers(K, size=N)
VALUES = (2 * RNG.normal(size=(K, D))[TRUTH] + RNG.normal(size=(N, D))).astype(np.float32)
SETTINGS = PoolSettings()


def first_of_each_class(n: int, truth: IntArray = TRUTH) -> Prototypes:
    item = np.concatenate([np.flatnonzero(truth == k)[:n] for k in range(truth.max() + 1)])
    return Prototypes(item, truth[item])


def answered(n: int, prototypes: Prototypes, skill: float = 0.8) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Belief, who has been labelled, and log likelihood after one answer about each of n items."""
    rng = np.random.default_rng(1)
    items = np.setdiff1d(np.arange(N), prototypes.item)[:n]
    label = np.where(rng.random(n) < skill, TRUTH[items], rng.integers(K, size=n))
    evidence = np.zeros((N, K))
    evidence[items] = np.log(np.where(np.eye(K, dtype=bool)[label], skill, (1 - skill) / (K - 1)))
    belief = np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True)
    is_annotated = np.zeros(N, bool)
    is_annotated[items] = True
    return belief, is_annotated, evidence


def believe(
    n: int = 100, n_prototypes: int = 5, features: FloatArray | Float32Array = VALUES, settings: PoolSettings = SETTINGS
) -> tuple[Float32Array | None, float]:
    prototypes = first_of_each_class(n_prototypes)
    return ask(Features(features), prototypes, *answered(n, prototypes), settings)


def ask(*given: Any) -> tuple[Float32Array | None, float]:
    fitted = pool.fit(*given)
    return (fitted.of_all(), fitted.loss) if fitted else (None, np.inf)


@pytest.mark.parametrize("head", ["gaussian", "logistic", "neighbours"])
def test_every_head_alone_finds_the_classes(head: Any) -> None:
    machine, loss = believe(settings=PoolSettings(heads=(head,)))
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.85
    assert 0 < loss < 0.9


@pytest.mark.parametrize("n_prototypes", [0, 1, 3, 10])
def test_answers_and_prototypes_together(n_prototypes: int) -> None:
    machine, loss = believe(n_prototypes=n_prototypes)
    assert machine is not None
    assert machine.dtype == np.float32
    np.testing.assert_allclose(machine.sum(axis=1), 1, rtol=1e-5)
    assert (machine >= 0).all()
    assert np.isfinite(loss)
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.9


def test_with_nothing_to_learn_from_there_is_no_machine() -> None:
    assert believe(0, 0) == (None, np.inf)
    machine, loss = believe(0, 5)
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.7
    assert np.isfinite(loss)


def test_one_prototype_a_class_says_what_is_near_it_though_nobody_can_judge_it() -> None:
    machine, loss = believe(0, 1)
    assert machine is not None
    assert loss == np.inf
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.6
    believed = machine[np.arange(N), machine.argmax(axis=1)]
    assert believed.mean() <= (machine.argmax(axis=1) == TRUTH).mean()


def test_where_nobody_can_judge_it_there_must_be_neighbours() -> None:
    assert believe(0, 1, settings=PoolSettings(heads=("gaussian", "logistic"))) == (None, np.inf)


@pytest.mark.parametrize("n_prototypes", [1, 5])
def test_before_the_first_answer_every_class_needs_a_prototype(n_prototypes: int) -> None:
    """Such as `other`, of which nobody gives any: its items would all be sure to be something else."""
    every = first_of_each_class(n_prototypes)
    known = Prototypes(every.item[every.label > 0], every.label[every.label > 0])
    assert ask(Features(VALUES), known, *answered(0, known), SETTINGS)[0] is None
    machine, _ = ask(Features(VALUES), known, *answered(100, known), SETTINGS)
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH)[TRUTH == 0].mean() > 0.8


@pytest.mark.parametrize(
    "values",
    [np.zeros((N, 4)), np.ones((N, 1)), np.random.default_rng(0).normal(size=(N, 500)), 1e4 * VALUES, 1e-4 * VALUES],
    ids=["constant", "one column", "more columns than rows", "large", "small"],
)
@pytest.mark.parametrize(("n", "n_prototypes"), [(1, 0), (2, 2), (150, 5)])
def test_finite_whatever_the_features(values: FloatArray, n: int, n_prototypes: int) -> None:
    machine, loss = believe(n, n_prototypes, values.astype(np.float32))
    assert machine is not None
    assert np.isfinite(machine).all()
    assert np.isfinite(loss)
    np.testing.assert_allclose(machine.sum(axis=1), 1, rtol=1e-5)


def test_many_classes_without_prototypes() -> None:
    n_classes = 100
    belief = np.full((N, n_classes), 1 / n_classes)
    nothing = np.zeros((N, n_classes))
    given = Features(VALUES), Prototypes.none(), belief
    assert ask(*given, np.zeros(N, bool), nothing, SETTINGS) == (None, np.inf)
    machine, _ = ask(*given, np.arange(N) < 5, nothing, SETTINGS)
    assert machine is not None
    np.testing.assert_allclose(machine, 1 / n_classes, atol=1e-3)


@pytest.mark.parametrize("head", list(pool._HEADS))
def test_what_a_head_says_of_an_item_owes_nothing_to_its_own_labels(head: Any) -> None:
    """However the item itself is labelled and, for heads that are fitted without its fold, all others of the fold."""
    prototypes = first_of_each_class(4)
    belief, is_annotated, _ = answered(120, prototypes)
    reduced = pool.reduce(Features(VALUES), 128)
    before, known = pool._examples(reduced, prototypes, belief, is_annotated)
    item = int(before.rows[np.flatnonzero(~known)[7]])
    fold = before.fold[before.rows == item]
    changed = belief.copy()
    changed[item if head == "neighbours" else before.rows[before.fold == fold]] = [0.0, 0.5, 0.5]
    after, _ = pool._examples(reduced, prototypes, changed, is_annotated)
    assert not np.array_equal(before.targets, after.targets)
    others = np.flatnonzero(before.fold != fold)
    for one, two in zip(pool._HEADS[head](before, reduced), pool._HEADS[head](after, reduced), strict=True):
        itself = np.flatnonzero(before.rows == item)
        np.testing.assert_allclose(one.held_out(itself), two.held_out(itself), rtol=1e-3)
        assert not np.allclose(one.held_out(others), two.held_out(others), rtol=1e-3)


@pytest.mark.parametrize("trust", [1.0, 0.0])
def test_a_prior_is_one_more_member_and_trusted_as_far_as_it_is_right(trust: float) -> None:
    """The truth in nine cases of ten, or noise."""
    said = np.where(RNG.random(N) < 0.9 * trust, TRUTH, RNG.integers(K, size=N))
    prior = np.where(np.eye(K, dtype=bool)[said], 0.8, 0.1).astype(np.float32)
    noise = np.random.default_rng(3).normal(size=(N, D)).astype(np.float32)
    prototypes = first_of_each_class(10)
    machine, _ = ask(Features(noise, prior), prototypes, *answered(0, prototypes), SETTINGS)
    assert machine is not None
    accuracy = (machine.argmax(axis=1) == TRUTH).mean()
    assert accuracy > 0.85 if trust else accuracy < 0.6


def test_a_prior_of_zeros_and_ones_is_no_certainty() -> None:
    prior = np.eye(K, dtype=np.float32)[(TRUTH + 1) % K]
    prototypes = first_of_each_class(5)
    machine, _ = ask(Features(VALUES, prior), prototypes, *answered(100, prototypes), SETTINGS)
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.9


def test_an_item_keeps_its_fold_when_others_come() -> None:
    few, _ = pool._examples(
        pool.reduce(Features(VALUES[:100]), 9), Prototypes.none(), np.full((100, K), 1 / K), np.ones(100, bool)
    )
    many, _ = pool._examples(
        pool.reduce(Features(VALUES), 9), Prototypes.none(), np.full((N, K), 1 / K), np.ones(N, bool)
    )
    np.testing.assert_array_equal(few.fold, many.fold[:100])
    assert set(many.fold) == set(range(pool.N_FOLDS))


def test_renaming_classes_renames_the_machine() -> None:
    prototypes = first_of_each_class(5)
    belief, is_annotated, evidence = answered(100, prototypes)
    order = np.array([2, 0, 1])
    renamed = Prototypes(prototypes.item, np.argsort(order)[prototypes.label])
    features = Features(VALUES)
    one, _ = ask(features, prototypes, belief, is_annotated, evidence, SETTINGS)
    two, _ = ask(features, renamed, belief[:, order], is_annotated, evidence[:, order], SETTINGS)
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(two, one[:, order], atol=0.01)


def test_rows_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = believe()
    monkeypatch.setattr(pool, "ROWS_PER_BLOCK", 17)
    parts, _ = believe()
    assert whole is not None
    np.testing.assert_allclose(parts, whole, atol=1e-3)


def test_some_of_many_examples_learn_and_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_LOGISTIC", "MAX_JUDGED"):
        monkeypatch.setattr(pool, name, 40)
    machine, _ = believe(200)
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.85


def test_the_machine_can_be_corrected_by_its_own_confusion() -> None:
    without, _ = believe()
    with_it, _ = believe(settings=PoolSettings(has_confusion=True))
    assert with_it is not None
    assert not np.array_equal(with_it, without)
    np.testing.assert_allclose(with_it.sum(axis=1), 1, rtol=1e-5)


def test_between_rounds_only_examples_are_asked_about() -> None:
    prototypes = first_of_each_class(5)
    belief, is_annotated, evidence = answered(100, prototypes)
    fitted = pool.fit(Features(VALUES), prototypes, belief, is_annotated, evidence, SETTINGS)
    assert fitted is not None
    is_example = is_annotated.copy()
    is_example[prototypes.item] = True
    np.testing.assert_array_equal(fitted.of_examples()[is_example], fitted.of_all()[is_example])
    assert not fitted.of_examples()[~is_example].any()


def test_what_prototypes_alone_say_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    features, prototypes = (
        Features(np.random.default_rng(0).normal(size=(40, 3))),
        Prototypes(np.arange(8), np.arange(8) % 2),
    )
    first = pool.of_prototypes(features, prototypes, 2, PoolSettings())
    assert first is not None
    n_fits = 0

    def count(*given: Any) -> Any:
        nonlocal n_fits
        n_fits += 1
        return fit(*given)

    fit = pool.fit
    monkeypatch.setattr(pool, "fit", count)
    assert pool.of_prototypes(features, prototypes, 2, PoolSettings()) is first
    assert n_fits == 0
    others = Prototypes(np.arange(8), 1 - np.arange(8) % 2)
    other = pool.of_prototypes(features, others, 2, PoolSettings())
    assert other is not None
    assert not np.array_equal(other, first)
    fewer = pool.of_prototypes(features, others, 2, PoolSettings(heads=("gaussian",)))
    assert fewer is not None
    assert not np.array_equal(fewer, other)
    np.testing.assert_array_equal(pool.of_prototypes(features, prototypes, 2, PoolSettings()), first)
    assert n_fits == 3
    assert pool.of_prototypes(features, Prototypes.none(), 2, PoolSettings()) is None


@pytest.mark.parametrize("best", [[0, 0, 0], [4, 1, 1]])
def test_the_second_turn_keeps_what_was_best_in_the_first(best: list[int]) -> None:
    prototypes = first_of_each_class(5)
    belief, is_annotated, evidence = answered(100, prototypes)
    given = Features(VALUES), prototypes, belief, is_annotated, evidence, SETTINGS
    first = pool.fit(*given)
    assert first is not None
    assert first.best not in ([0, 0, 0], [4, 1, 1])
    second = pool.fit(*given, before=replace(first, best=best))
    assert second is not None
    assert second.best == best
    examples, _ = pool._examples(pool.reduce(given[0], SETTINGS.max_components), prototypes, belief, is_annotated)
    some = np.arange(9)
    for position, name in enumerate(SETTINGS.heads):
        alone = list(pool._HEADS[name](examples, pool.reduce(given[0], SETTINGS.max_components)))[best[position]]
        np.testing.assert_allclose(second.heads[position].held_out(some), alone.held_out(some), rtol=1e-5)
    again = pool.fit(*given, before=first)
    assert again is not None
    assert again.best == first.best
    np.testing.assert_array_equal(again.of_all(), first.of_all())
