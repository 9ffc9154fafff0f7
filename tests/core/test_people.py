"""People who have said little are the crowd; those who have said much are themselves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import Problem, problems
from scipy.special import gammaln

from askless.core import aggregate, people
from askless.core.votes import group
from askless.settings import AggregatorSettings
from askless.types import Annotations, Confusion, FloatArray

SETTINGS = AggregatorSettings(algo="pooled")


def fit(
    annotations: Annotations, machine: FloatArray | None = None, chosen: AggregatorSettings = SETTINGS
) -> tuple[Confusion, FloatArray, aggregate.EMInfo]:
    belief = None if machine is None else machine.astype(np.float32)
    return people.fit(annotations, belief, chosen)


def crowd_of(
    n_items: int, per_item: int, matrices: FloatArray, seed: int = 0
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Annotations]:
    """The truth, and what annotators with these (J, K, K) matrices say of it."""
    rng = np.random.default_rng(seed)
    J, K, _ = matrices.shape
    truth = rng.integers(K, size=n_items)
    item = np.repeat(np.arange(n_items), per_item)
    annotator = rng.integers(J, size=len(item))
    rows = matrices[annotator, truth[item]].cumsum(axis=1)
    label = (rows < rng.random(len(item))[:, None]).sum(axis=1).clip(max=K - 1)
    return truth, Annotations(item, annotator, label, n_items, J, K)


def one_coin(skill: float, K: int) -> FloatArray:
    return np.full((K, K), (1 - skill) / (K - 1)) + (skill - (1 - skill) / (K - 1)) * np.eye(K)


@settings(max_examples=60)
@given(problem=problems())
def test_everything_is_a_probability(problem: Problem) -> None:
    annotations = problem.annotations
    confusion, evidence, info = fit(annotations, problem.machine)
    matrices = confusion.matrices(range(annotations.n_annotators))
    assert (matrices > 0).all()
    np.testing.assert_allclose(matrices.sum(axis=-1), 1)
    np.testing.assert_allclose(confusion.crowd.sum(axis=-1), 1)
    assert np.isfinite(evidence).all()
    assert np.isfinite(info.objective)
    unseen = np.setdiff1d(np.arange(annotations.n_items), annotations.item)
    assert not evidence[unseen].any()
    for j in np.setdiff1d(np.arange(annotations.n_annotators), annotations.annotator):
        np.testing.assert_allclose(matrices[j], confusion.crowd)


@settings(max_examples=40)
@given(problem=problems(), seed=st.integers(0, 99))
def test_renaming_renames_the_result(problem: Problem, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, machine = problem.annotations, problem.machine
    item, annotator, label = (rng.permutation(n) for n in (a.n_items, a.n_annotators, a.n_classes))
    renamed = replace(a, item=item[a.item], annotator=annotator[a.annotator], label=label[a.label])
    moved = None
    if machine is not None:
        moved = np.empty_like(machine)
        moved[np.ix_(item, label)] = machine
    (one, said, _), (two, said_two, _) = fit(a, machine), fit(renamed, moved)
    np.testing.assert_allclose(said_two[np.ix_(item, label)], said, atol=1e-8)
    before, after = one.matrices(range(a.n_annotators)), two.matrices(range(a.n_annotators))
    np.testing.assert_allclose(after[np.ix_(annotator, label, label)], before, atol=1e-8)


@settings(max_examples=40)
@given(problem=problems(has_zeros=False), seed=st.integers(0, 99))
def test_the_compact_form_is_the_dense_one(problem: Problem, seed: int) -> None:
    """A prior (K, K) with odds for each annotator says what their matrices (J, K, K) say."""
    rng = np.random.default_rng(seed)
    J, K = problem.annotations.n_annotators, problem.annotations.n_classes
    prior, odds = rng.gamma(1.0, 3.0, (K, K)) + 0.1, rng.gamma(1.0, 1.0, J) + 0.1
    dense = np.empty((J, K, K))
    for j, y in np.ndindex(J, K):
        total, right = prior[y].sum(), prior[y, y]
        share = right * odds[j] / (right * odds[j] + total - right)
        dense[j, y] = prior[y] * (1 - share) * total / (total - right)
        dense[j, y, y] = share * total
    _, bare = group(problem.annotations, prior)
    counts = rng.random(bare.counts.shape)
    compact = replace(bare, counts=counts, odds=odds)
    full = replace(bare, counts=counts, prior_counts=dense)
    for name in ("pair_probabilities", "pair_prior", "diagonal", "row_totals", "prior_totals"):
        np.testing.assert_allclose(getattr(compact, name), getattr(full, name), err_msg=name)
    np.testing.assert_allclose(compact.matrices(range(J)), full.matrices(range(J)))
    more = replace(compact, n_annotators=J + 1)
    np.testing.assert_allclose(more.matrices([J])[0], compact.crowd)
    np.testing.assert_allclose(more.diagonal[J], np.diagonal(compact.crowd))


def test_the_crowds_confusion_is_found_from_strangers() -> None:
    """Nobody says much, but together they show which classes are confused."""
    K = 3
    shared = np.array([[0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.0, 0.1, 0.9]])
    truth, annotations = crowd_of(1500, 2, np.repeat(shared[None], 600, axis=0))
    machine = 0.9 * np.eye(K)[truth] + 0.1 / K
    confusion, evidence, _ = fit(annotations, machine)
    np.testing.assert_allclose(confusion.crowd, shared, atol=0.06)
    separate = Confusion(np.full((K, K), 10 / K) + 20 * np.eye(K), *_pairs(confusion), 600)
    assert (
        np.abs(confusion.matrices(range(600)) - shared).mean() < np.abs(separate.matrices(range(600)) - shared).mean()
    )
    assert (aggregate.e_step(evidence, None).argmax(axis=1) == truth).mean() > 0.8


def _pairs(confusion: Confusion) -> tuple[np.ndarray, np.ndarray, FloatArray]:
    return confusion.annotator, confusion.label, confusion.counts


def test_skills_differ_where_annotators_do() -> None:
    K, skills = 4, np.array([0.3, 0.6, 0.8, 0.95])
    truth, annotations = crowd_of(600, 2, np.array([one_coin(skill, K) for skill in skills]))
    machine = 0.7 * np.eye(K)[truth] + 0.3 / K
    confusion, _, _ = fit(annotations, machine)
    np.testing.assert_allclose(confusion.skill(np.full(K, 1 / K)), skills, atol=0.08)
    assert (np.diff(confusion.odds) > 0).all()
    alike, _, _ = fit(annotations, machine, SETTINGS.model_copy(update={"has_own_skill": False}))
    np.testing.assert_array_equal(alike.odds, 1)


@pytest.mark.parametrize("is_alike", [True, False])
def test_strength_is_great_where_annotators_are_alike(is_alike: bool) -> None:
    """People who differ in what they confuse, not in how often they are right."""
    K, J = 3, 30
    one = np.array([[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.3, 0.0, 0.7]])
    matrices = np.repeat(((one + one.T) / 2)[None], J, axis=0)
    if not is_alike:
        matrices[::2], matrices[1::2] = one, one.T
    truth, annotations = crowd_of(1200, 2, matrices)
    confusion, _, _ = fit(annotations, 0.98 * np.eye(K)[truth] + 0.02 / K)
    strength = confusion.prior_counts.sum(axis=1)
    assert strength == pytest.approx(max(people.STRENGTHS) if is_alike else min(people.STRENGTHS))
    fixed, _, _ = fit(annotations, None, SETTINGS.model_copy(update={"strength": 7.0}))
    assert fixed.prior_counts.sum(axis=1) == pytest.approx(7.0)


def test_the_strength_is_the_most_likely_one() -> None:
    """Dirichlet-multinomial likelihood with the weak pull, written out over dense matrices."""
    _, annotations = crowd_of(60, 3, np.array([one_coin(0.7, 3), one_coin(0.5, 3)]))
    confusion, _, _ = fit(annotations)
    J, K = 2, 3
    counts = np.zeros((J, K, K))
    counts[confusion.annotator, :, confusion.label] = confusion.counts
    share = replace(confusion, counts=np.zeros_like(confusion.counts)).matrices(range(J))
    n = counts.sum(axis=-1)
    gain = {
        S: (gammaln(S * share + counts) - gammaln(S * share)).sum()
        + (gammaln(S) - gammaln(S + n)).sum()
        - 0.5 * np.log(S / people.STRENGTH_GUESS) ** 2
        for S in people.STRENGTHS
    }
    assert confusion.prior_counts.sum(axis=1) == pytest.approx(max(gain, key=gain.__getitem__))


def test_without_labels_people_are_as_guessed() -> None:
    empty = np.empty(0, np.int64)
    confusion, evidence, info = fit(Annotations(empty, empty, empty, 5, 3, 4))
    np.testing.assert_allclose(
        confusion.matrices(range(3)), np.repeat(one_coin(people.SKILL_GUESS, 4)[None], 3, axis=0)
    )
    assert not evidence.any()
    assert info.has_converged


def test_many_people_and_classes_stay_small() -> None:
    """100 classes, 1,000 annotators: nothing of the size of all their matrices is held."""
    _, annotations = crowd_of(2000, 1, np.repeat(one_coin(0.8, 100)[None], 1000, axis=0))
    confusion, _, _ = fit(annotations)
    held = [value for value in vars(confusion).values() if isinstance(value, np.ndarray)]
    assert max(array.size for array in held) <= max(len(annotations) * 100, 1000 * 100)
