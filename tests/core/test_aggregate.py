"""What must hold of majority vote and EM whatever people say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import Problem, problems

from askless.core import aggregate
from askless.core.aggregate import e_step, fit, majority_vote, most_likely
from askless.core.votes import EPSILON, find_disputed, group
from askless.settings import AggregatorSettings
from askless.types import Annotations, FloatArray, IntArray

M_STEPS = st.sampled_from(["soft", "hard"])


def said(*triples: tuple[int, int, int], n_items: int, n_annotators: int, n_classes: int) -> Annotations:
    """Annotations from (item, annotator, label)."""
    item, annotator, label = np.array(triples, np.int64).reshape(-1, 3).T
    return Annotations(item, annotator, label, n_items, n_annotators, n_classes)


def symmetric(n_classes: int, right: float = 10.0, wrong: float = 1.0) -> FloatArray:
    return np.full((n_classes, n_classes), wrong) + (right - wrong) * np.eye(n_classes)


def assert_probabilities(rows: FloatArray) -> None:
    assert np.isfinite(rows).all()
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=-1), 1, rtol=0, atol=1e-12)


@given(problem=problems(), m_step=M_STEPS)
def test_always_finite_and_normalised(problem: Problem, m_step: str) -> None:
    confusion, evidence, info = problem.fit(4, m_step)
    assert_probabilities(e_step(evidence, problem.machine))
    assert_probabilities(confusion.matrices(range(confusion.n_annotators)))
    assert_probabilities(majority_vote(problem.annotations))
    assert np.isfinite(info.objective)
    assert np.isfinite(info.likelihoods).all()
    assert len(info.likelihoods) == (4 if len(problem.annotations) else 0)


@pytest.mark.parametrize("m_step", ["soft", "hard"])
@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        (said(n_items=3, n_annotators=0, n_classes=2), "nobody"),
        (said(n_items=3, n_annotators=2, n_classes=2), "nothing said"),
        (said((0, 0, 1), n_items=3, n_annotators=2, n_classes=2), "one answer"),
        (said((0, 0, 2), (1, 1, 2), (2, 0, 2), n_items=3, n_annotators=2, n_classes=4), "one class seen"),
        (said((0, 0, 999), (1, 1, 0), (1, 0, 999), n_items=3, n_annotators=2, n_classes=1000), "many classes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_edges(annotations: Annotations, name: str, m_step: str) -> None:
    problem = Problem(annotations, symmetric(annotations.n_classes), None)
    confusion, evidence, _ = problem.fit(3, m_step)
    posterior = e_step(evidence, None)
    assert_probabilities(posterior)
    assert_probabilities(confusion.matrices(range(annotations.n_annotators)))
    silent = np.setdiff1d(np.arange(3), annotations.item)
    np.testing.assert_allclose(posterior[silent], 1 / annotations.n_classes)
    if name == "one class seen":
        np.testing.assert_array_equal(posterior.argmax(axis=1), 2)


@given(problem=problems(), class_prior_count=st.sampled_from([None, 0.1, 1.0, 10.0]))
def test_the_objective_never_falls_with_the_soft_m_step(problem: Problem, class_prior_count: float | None) -> None:
    """But for EPSILON: the M-step is best for sum c log p, and the E-step looks at log(p + EPSILON), which can raise
    the best value of that sum by (sum of all counts) * log(1 + K * EPSILON) at most."""
    fitted = [problem.fit(n_steps, class_prior_count=class_prior_count)[2] for n_steps in range(11)]
    objectives = np.array([info.objective for info in fitted])
    annotations, K = problem.annotations, problem.annotations.n_classes
    prior = np.broadcast_to(problem.prior_counts.sum(-1), (*problem.prior_counts.shape[:-2], K))
    n_matrices = annotations.n_annotators if prior.ndim == 1 else 1
    of_classes = annotations.n_items + K * (class_prior_count or 0)
    slack = (len(annotations) + n_matrices * prior.sum() + of_classes) * np.log1p(K * EPSILON)
    assert (np.diff(objectives) >= -slack - 1e-9 * np.abs(objectives[1:])).all()


@given(problem=problems(has_zeros=False), seed=st.integers(0, 99))
def test_names_of_annotators_do_not_matter(problem: Problem, seed: int) -> None:
    a = problem.annotations
    new = np.random.default_rng(seed).permutation(a.n_annotators)
    renamed = problem.with_columns(a.item, new[a.annotator], a.label)
    if problem.prior_counts.ndim == 3:
        prior_counts = problem.prior_counts.copy()
        prior_counts[new] = problem.prior_counts[: a.n_annotators]
        renamed = replace(renamed, prior_counts=prior_counts)
    np.testing.assert_allclose(renamed.posterior(3), problem.posterior(3), rtol=0, atol=1e-9)
    np.testing.assert_allclose(renamed.fit(3)[0].matrices(new), problem.fit(3)[0].matrices(range(len(new))), atol=1e-9)


@given(problem=problems(has_zeros=False), seed=st.integers(0, 99))
def test_names_of_items_do_not_matter(problem: Problem, seed: int) -> None:
    a = problem.annotations
    new = np.random.default_rng(seed).permutation(a.n_items)
    renamed = problem.with_columns(new[a.item], a.annotator, a.label)
    if problem.machine is not None:
        renamed = replace(renamed, machine=problem.machine[np.argsort(new)])
    np.testing.assert_allclose(renamed.posterior(3)[new], problem.posterior(3), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(majority_vote(renamed.annotations)[new], majority_vote(a))


@given(problem=problems(has_zeros=False), seed=st.integers(0, 99))
def test_names_of_classes_do_not_matter(problem: Problem, seed: int) -> None:
    a = problem.annotations
    new = np.random.default_rng(seed).permutation(a.n_classes)
    old = np.argsort(new)
    renamed = problem.with_columns(a.item, a.annotator, new[a.label])
    renamed = replace(renamed, prior_counts=problem.prior_counts[..., old[:, None], old])
    if problem.machine is not None:
        renamed = replace(renamed, machine=problem.machine[:, old])
    np.testing.assert_allclose(renamed.posterior(3)[:, new], problem.posterior(3), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(majority_vote(renamed.annotations)[:, new], majority_vote(a))


@given(problem=problems(), seed=st.integers(0, 99))
def test_the_order_of_annotations_does_not_matter(problem: Problem, seed: int) -> None:
    a = problem.annotations
    order = np.random.default_rng(seed).permutation(len(a))
    shuffled = problem.with_columns(a.item[order], a.annotator[order], a.label[order])
    np.testing.assert_allclose(shuffled.posterior(3), problem.posterior(3), rtol=0, atol=1e-9)


@given(problem=problems(has_zeros=False), seed=st.integers(0, 99))
def test_an_annotator_who_guesses_changes_nothing(problem: Problem, seed: int) -> None:
    a = problem.annotations
    J, K = a.n_annotators, a.n_classes
    rng = np.random.default_rng(seed)
    n_guesses = 12
    of_everyone = problem.prior_counts[:J] if problem.prior_counts.ndim == 3 else [problem.prior_counts] * J
    with_guesser = Problem(
        Annotations(
            np.append(a.item, rng.integers(a.n_items, size=n_guesses)),
            np.append(a.annotator, np.full(n_guesses, J)),
            np.append(a.label, rng.integers(K, size=n_guesses)),
            a.n_items,
            J + 1,
            K,
        ),
        np.array([*of_everyone, np.full((K, K), 1e12)]),
        problem.machine,
    )
    np.testing.assert_allclose(with_guesser.posterior(3), problem.posterior(3), rtol=0, atol=1e-8)


@given(problem=problems(), m_step=M_STEPS)
def test_with_a_flat_machine_it_is_plain_dawid_skene(problem: Problem, m_step: str) -> None:
    a = problem.annotations
    flat = np.full((a.n_items, a.n_classes), 1 / a.n_classes, np.float32)
    joint, plain = replace(problem, machine=flat), replace(problem, machine=None)
    np.testing.assert_allclose(joint.posterior(3, m_step), plain.posterior(3, m_step), rtol=0, atol=1e-9)


@given(problem=problems())
def test_two_copies_of_an_annotation_count_as_two(problem: Problem) -> None:
    a = problem.annotations
    twice = problem.with_columns(np.tile(a.item, 2), np.tile(a.annotator, 2), np.tile(a.label, 2))
    np.testing.assert_allclose(twice.fit(0)[1], 2 * problem.fit(0)[1])
    posterior = majority_vote(a)
    votes, prior_only = group(a, problem.prior_counts)
    votes_twice, _ = group(twice.annotations, problem.prior_counts)
    soft, hard = posterior[votes.items], posterior[votes.items].argmax(axis=1)
    for m_step, belief in ((aggregate.m_step_soft, soft), (aggregate.m_step_hard, hard)):
        once, double = (m_step(v, prior_only, belief).counts for v in (votes, votes_twice))
        np.testing.assert_allclose(double, 2 * once)


@given(problem=problems())
def test_disputed_is_what_has_two_different_labels(problem: Problem) -> None:
    a = problem.annotations
    said: dict[int, set[int]] = {}
    for i, z in zip(a.item.tolist(), a.label.tolist(), strict=True):
        said.setdefault(i, set()).add(z)
    assert find_disputed(a).tolist() == [len(said.get(i, ())) > 1 for i in range(a.n_items)]


@given(problem=problems())
def test_majority_vote_is_one_e_step_with_equal_annotators(problem: Problem) -> None:
    a = problem.annotations
    posterior = Problem(a, symmetric(a.n_classes), None).posterior(0)
    share = majority_vote(a)
    for belief in (posterior, share):
        belief -= belief.max(axis=1, keepdims=True)
    np.testing.assert_array_equal(posterior > -1e-9, share > -1e-9)


def test_majority_vote_by_hand() -> None:
    a = said((0, 0, 1), (0, 1, 1), (0, 2, 0), (2, 0, 2), n_items=3, n_annotators=3, n_classes=3)
    np.testing.assert_allclose(majority_vote(a), [[1 / 3, 2 / 3, 0], [1 / 3] * 3, [0, 0, 1]])


def labels_of_hard_m_step(posterior: list[float], seed: int) -> IntArray:
    """(300,) the classes that 300 items with the same posterior count for."""
    log_weights = np.log(posterior) + np.linspace(-5, 5, 300)[:, None]
    first, drawn = most_likely(log_weights, np.random.default_rng(seed))
    np.testing.assert_array_equal(first, log_weights.argmax(axis=1))
    return drawn


def test_hard_ties_are_broken_at_random_but_reproducibly() -> None:
    labels = labels_of_hard_m_step([0.4, 0.2, 0.4 - 1e-9], seed=1)
    share = np.bincount(labels, minlength=3) / len(labels)
    np.testing.assert_allclose(share, [0.5, 0, 0.5], atol=0.1)
    np.testing.assert_array_equal(labels, labels_of_hard_m_step([0.4, 0.2, 0.4 - 1e-9], seed=1))
    assert (labels != labels_of_hard_m_step([0.4, 0.2, 0.4 - 1e-9], seed=2)).any()


def test_beyond_the_width_of_a_tie_the_larger_wins() -> None:
    np.testing.assert_array_equal(labels_of_hard_m_step([0.4, 0.2, 0.4 + 1e-7], seed=1), 2)


@given(problem=problems(), epsilon=st.sampled_from([1e-4, 1e-2]), m_step=M_STEPS)
def test_the_soft_criterion_stops_once_the_likelihood_hardly_moves(
    problem: Problem, epsilon: float, m_step: str
) -> None:
    likelihoods = np.array(problem.fit(10, m_step)[2].likelihoods)
    settings = AggregatorSettings(m_step=m_step, likelihood_epsilon=epsilon)
    rng = np.random.default_rng(0)
    info = fit(problem.annotations, problem.prior_counts, problem.machine, settings, rng=rng)[2]
    quiet = np.flatnonzero(np.abs(np.diff(likelihoods)) < epsilon)
    assert info.has_converged == (len(quiet) > 0)
    assert info.likelihoods == tuple(likelihoods[: quiet[0] + 2] if len(quiet) else likelihoods)


@given(problem=problems(), m_step=M_STEPS)
def test_the_hard_criterion_stops_once_no_label_changes(problem: Problem, m_step: str) -> None:
    annotated = np.unique(problem.annotations.item)
    labels = [problem.posterior(n_steps, m_step)[annotated].argmax(axis=1) for n_steps in range(6)]
    settings = AggregatorSettings(m_step=m_step, criterion="hard", max_em_steps=6)
    rng = np.random.default_rng(0)
    info = fit(problem.annotations, problem.prior_counts, problem.machine, settings, rng=rng)[2]
    quiet = [i for i in range(1, 6) if len(annotated) and (labels[i] == labels[i - 1]).all()]
    assert info.has_converged == bool(quiet)
    assert len(info.likelihoods) == (quiet[0] + 1 if quiet else 6 if len(annotated) else 0)


@given(problem=problems())
def test_without_em_steps_annotators_are_as_the_prior_says(problem: Problem) -> None:
    confusion, evidence, info = problem.fit(0)
    assert (info.likelihoods, info.has_converged) == ((), False)
    J = problem.annotations.n_annotators
    prior = problem.prior_counts[:J] if problem.prior_counts.ndim == 3 else np.array([problem.prior_counts] * J)
    expected = prior / prior.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(confusion.matrices(range(J)), expected)
    silent = np.setdiff1d(np.arange(problem.annotations.n_items), problem.annotations.item)
    assert not evidence[silent].any()


def test_learned_class_frequencies_help_where_one_class_is_rare() -> None:
    """Two classes, 10 % of items in one; 3 votes an item, each right with 80 %."""
    rng = np.random.default_rng(0)
    N, J = 2000, 30
    truth = (rng.random(N) < 0.1).astype(np.int64)
    item, annotator = np.repeat(np.arange(N), 3), rng.integers(J, size=3 * N)
    label = np.where(rng.random(3 * N) < 0.8, truth[item], 1 - truth[item])
    problem = Problem(Annotations(item, annotator, label, N, J, 2), symmetric(2, 4, 1), None)
    accuracy = {}
    for count in (None, 1.0):
        _, evidence, info = problem.fit(50, class_prior_count=count)
        accuracy[count] = (e_step(evidence, None, info.class_prior).argmax(axis=1) == truth).mean()
    np.testing.assert_allclose(info.class_prior, [0.9, 0.1], atol=0.03)
    assert accuracy[1.0] > accuracy[None] + 0.03


def test_em_finds_out_who_is_good() -> None:
    rng = np.random.default_rng(0)
    N, skills = 300, [0.95, 0.8, 0.2, 0.2, 0.1]
    truth = rng.integers(3, size=N)
    labels = np.array([np.where(rng.random(N) < skill, truth, rng.integers(3, size=N)) for skill in skills])
    a = Annotations(np.tile(np.arange(N), 5), np.repeat(np.arange(5), N), labels.ravel(), N, 5, 3)
    for m_step in ("soft", "hard"):
        confusion, evidence, _ = Problem(a, symmetric(3, 3), None).fit(20, m_step)
        expected = [(label == truth).mean() for label in labels]
        np.testing.assert_allclose(confusion.skill(np.full(3, 1 / 3)), expected, atol=0.05)
        accuracy = (e_step(evidence, None).argmax(axis=1) == truth).mean()
        assert accuracy > (majority_vote(a).argmax(axis=1) == truth).mean() + 0.05
