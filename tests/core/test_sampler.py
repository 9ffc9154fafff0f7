"""Plans keep every promise, whatever is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askless.core import sampler
from askless.core.active_lab import active_lab
from askless.core.sampler import Assignment, Workload
from askless.core.worth import entropy
from askless.settings import SamplerSettings
from askless.types import Annotations, BoolArray, Confusion, FloatArray

ALGORITHMS = ("random", "greedy_task_assignment")
BY_WORTH = ("value", "entropy", "margin")


def believed(skills: Sequence[float], n_classes: int) -> Confusion:
    """Annotators who are right so often, whatever the class."""
    K = n_classes
    wrong = [(1 - skill) / (K - 1) for skill in skills]
    matrices = np.array([np.full((K, K), w) + (s - w) * np.eye(K) for s, w in zip(skills, wrong, strict=True)])
    empty = np.empty(0, np.int64)
    return Confusion(matrices.reshape(-1, K, K), empty, empty, np.empty((0, K)), len(skills))


def posterior_of(risk: Sequence[float], n_classes: int = 2) -> FloatArray:
    """Items of class 0 with these risks."""
    column = np.array(risk, dtype=float)[:, None]
    return np.where(np.arange(n_classes) == 0, 1 - column, column / (n_classes - 1))


def everyone(n: int, capacity: int = 1000) -> list[Workload]:
    return [Workload(j, np.empty(0, np.int64), capacity) for j in range(n)]


def plan(posterior: FloatArray, *rest: Any, rng: np.random.Generator) -> list[Assignment]:
    return sampler.plan(posterior, 1 - posterior.max(axis=1), *rest, rng=rng)


@dataclass(frozen=True)
class Situation:
    posterior: FloatArray
    confusion: Confusion
    is_free: BoolArray
    workloads: list[Workload]
    n_batches: int
    batch_size: int
    budget: int | None
    max_risk: float
    settings: SamplerSettings
    seed: int

    def plan(self) -> list[Assignment]:
        return plan(
            self.posterior,
            self.confusion,
            self.is_free,
            self.workloads,
            self.n_batches,
            self.batch_size,
            self.budget,
            self.max_risk,
            self.settings,
            rng=np.random.default_rng(self.seed),
        )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Most have several annotators and more to ask than fits into a batch; some have no budget, item or annotator."""
    N, J, K = draw(st.sampled_from([20, 1, 5, 10, 40])), draw(st.sampled_from([4, 1, 2, 7])), draw(st.integers(2, 4))
    seed = draw(st.integers(0, 9999))
    rng = np.random.default_rng(seed)
    risk = rng.choice([0.0, 0.004, 0.05, 0.1, 0.3, 0.5], size=N)
    present = rng.permutation(J)[: draw(st.sampled_from([J, J // 2, 0]))]
    return Situation(
        posterior_of(risk, K),
        believed(rng.random(J).tolist(), K),
        rng.random(N) < draw(st.sampled_from([1, 0.5, 0])),
        [
            Workload(
                int(j),
                np.flatnonzero(rng.random(N) < 0.4),
                int(rng.integers(0, 8)),
                np.flatnonzero(rng.random(N) < 0.5) if rng.random() < 0.3 else None,
            )
            for j in present
        ],
        draw(st.sampled_from([3, 1, 10, 0])),
        draw(st.sampled_from([4, 1, 2, 10])),
        draw(st.sampled_from([None, 5, 10, 1, 0])),
        draw(st.sampled_from([0.05, 0.0, 0.1, 0.55])),
        SamplerSettings(
            algo=draw(st.sampled_from([*ALGORITHMS, *BY_WORTH, "active_lab"])), fill_batches=draw(st.booleans())
        ),
        seed,
    )


@settings(max_examples=400)
@given(situation=situations())
def test_a_plan_keeps_every_cap(situation: Situation) -> None:
    chosen = situation.plan()
    of_annotator = {workload.annotator: workload for workload in situation.workloads}
    annotators = [assignment.annotator for assignment in chosen]
    assert len(annotators) == len(set(annotators)) <= situation.n_batches
    for assignment in chosen:
        workload = of_annotator[assignment.annotator]
        assert 0 < len(assignment.items) <= min(situation.batch_size, workload.capacity)
        assert not set(assignment.items) & set(workload.asked)
        assert workload.askable is None or set(assignment.items) <= set(workload.askable)
    items = np.concatenate([np.empty(0, np.int64), *(assignment.items for assignment in chosen)])
    assert len(items) == len(set(items))
    assert situation.is_free[items].all()
    assert situation.budget is None or len(items) <= situation.budget
    if not situation.settings.fill_batches:
        assert (1 - situation.posterior.max(axis=1)[items] >= situation.max_risk).all()


@given(situation=situations())
def test_scores_align_with_items(situation: Situation) -> None:
    for assignment in situation.plan():
        for item, score in zip(assignment.items, assignment.scores, strict=True):
            belief = situation.posterior[item]
            if situation.settings.algo == "random":
                assert score == pytest.approx(1 - belief.max())
            elif situation.settings.algo == "entropy":
                expected = entropy(belief[None])[0] if 1 - belief.max() >= situation.max_risk else 0
                assert score == pytest.approx(expected)
            elif situation.settings.algo == "greedy_task_assignment":
                assert score == pytest.approx(
                    belief @ np.diagonal(situation.confusion.matrices([assignment.annotator])[0])
                )


@given(situation=situations())
def test_a_plan_is_reproducible_and_changes_nothing(situation: Situation) -> None:
    before = situation.is_free.copy()
    one, two = situation.plan(), situation.plan()
    np.testing.assert_array_equal(situation.is_free, before)
    assert [a.annotator for a in one] == [a.annotator for a in two]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.items, b.items)


@settings(max_examples=400)
@given(situation=situations())
def test_nobody_who_could_help_is_left_out(situation: Situation) -> None:
    """Where batches and budget remain, everyone left has nothing to do; and a batch is short only for a reason."""
    chosen = situation.plan()
    n_items = sum(len(assignment.items) for assignment in chosen)
    has_budget = situation.budget is None or n_items < situation.budget
    may_ask = situation.is_free.copy()
    if not situation.settings.fill_batches:
        may_ask &= 1 - situation.posterior.max(axis=1) >= situation.max_risk
    for assignment in chosen:
        may_ask[assignment.items] = False
    sizes = {assignment.annotator: len(assignment.items) for assignment in chosen}
    for workload in situation.workloads:
        for_this_one = may_ask.copy()
        for_this_one[workload.asked] = False
        if workload.askable is not None:
            for_this_one &= np.isin(np.arange(len(may_ask)), workload.askable)
        size = sizes.get(workload.annotator, 0)
        is_full = size == min(situation.batch_size, workload.capacity)
        if has_budget and not is_full and (size or len(chosen) < situation.n_batches):
            assert not for_this_one.any()


@pytest.mark.parametrize("algo", [*ALGORITHMS, *BY_WORTH, "active_lab"])
@pytest.mark.parametrize("fill_batches", [True, False])
def test_no_annotators_or_nothing_open_gives_no_plan(algo: str, fill_batches: bool) -> None:
    settings = SamplerSettings(algo=algo, fill_batches=fill_batches)
    confusion, rng = believed([0.5, 0.5], 2), np.random.default_rng(0)
    posterior, all_free = posterior_of([0.4, 0.4]), np.ones(2, bool)
    assert plan(posterior, confusion, all_free, [], 5, 5, None, 0.1, settings, rng=rng) == []
    assert plan(posterior, confusion, ~all_free, everyone(2), 5, 5, None, 0.1, settings, rng=rng) == []
    assert (
        plan(
            posterior,
            confusion,
            all_free,
            everyone(2, 0),
            5,
            5,
            None,
            0.1,
            settings,
            rng=rng,
        )
        == []
    )
    assert plan(posterior, confusion, all_free, everyone(2), 5, 5, 0, 0.1, settings, rng=rng) == []
    asked_all = [Workload(0, np.array([1, 0]), 10)]
    assert plan(posterior, confusion, all_free, asked_all, 5, 5, None, 0.1, settings, rng=rng) == []


def test_greedy_takes_the_best_annotators_first() -> None:
    confusion = believed([0.5, 0.9, 0.6, 0.8], 3)
    settings = SamplerSettings(algo="greedy_task_assignment")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        chosen = plan(
            posterior_of([0.5] * 40, 3), confusion, np.ones(40, bool), everyone(4), 3, 5, None, 0.1, settings, rng=rng
        )
        assert [assignment.annotator for assignment in chosen] == [1, 3, 2]


def test_greedy_asks_who_knows_the_class_and_random_asks_anyone() -> None:
    empty = np.empty(0, np.int64)
    knows = np.array([[[0.9, 0.1], [0.7, 0.3]], [[0.4, 0.6], [0.0, 1.0]]])
    confusion = Confusion(knows, empty, empty, np.empty((0, 2)), 2)
    asked: dict[str, set[int]] = {}
    for algo in ALGORITHMS:
        for column in (0, 1):
            posterior = np.full((10, 2), 0.3)
            posterior[:, column] = 0.7
            plans = [
                plan(
                    posterior,
                    confusion,
                    np.ones(10, bool),
                    everyone(2),
                    1,
                    5,
                    None,
                    0.1,
                    SamplerSettings(algo=algo),
                    rng=np.random.default_rng(seed),
                )
                for seed in range(20)
            ]
            asked[f"{algo} {column}"] = {assignment.annotator for (assignment,) in plans}
    assert asked == {
        "random 0": {0, 1},
        "random 1": {0, 1},
        "greedy_task_assignment 0": {0},
        "greedy_task_assignment 1": {1},
    }


def test_greedy_breaks_near_ties_at_random() -> None:
    settings = SamplerSettings(algo="greedy_task_assignment")
    first = [
        plan(
            posterior_of([0.5] * 9),
            believed([0.7, 0.7, 0.7], 2),
            np.ones(9, bool),
            everyone(3),
            1,
            3,
            None,
            0.1,
            settings,
            rng=np.random.default_rng(seed),
        )[0].annotator
        for seed in range(30)
    ]
    assert set(first) == {0, 1, 2}


def test_greedy_fills_up_with_what_the_annotator_has_not_seen() -> None:
    workload = Workload(0, np.arange(8), 100)
    for seed in range(10):
        (assignment,) = plan(
            posterior_of([0.5] * 10),
            believed([0.7], 2),
            np.ones(10, bool),
            [workload],
            1,
            5,
            None,
            0.1,
            SamplerSettings(algo="greedy_task_assignment"),
            rng=np.random.default_rng(seed),
        )
        assert set(assignment.items) == {8, 9}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_items_are_drawn_evenly(algo: str) -> None:
    counts = np.zeros(10)
    for seed in range(400):
        (assignment,) = plan(
            posterior_of([0.05] * 2 + [0.2, 0.5] * 4),
            believed([0.7], 2),
            np.ones(10, bool),
            everyone(1),
            1,
            4,
            None,
            0.1,
            SamplerSettings(algo=algo),
            rng=np.random.default_rng(seed),
        )
        counts[assignment.items] += 1
    assert not counts[:2].any()
    np.testing.assert_allclose(counts[2:] / 400, 0.5, atol=0.1)


@pytest.mark.parametrize("algo", [*ALGORITHMS, *BY_WORTH, "active_lab"])
@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [
        (2, {0, 1}),  # enough at the threshold: it stays
        (3, {0, 1, 2}),  # 0.08 > 0.07
        (4, {0, 1, 2, 3}),
        (5, {0, 1, 2, 3, 4}),  # even those without any risk
        (9, {0, 1, 2, 3, 4}),
    ],
)
@pytest.mark.parametrize("max_risk", [0.1, 0.15, 0.29])
def test_fill_batches_lowers_the_threshold(algo: str, batch_size: int, expected: set[int], max_risk: float) -> None:
    posterior = posterior_of([0.3, 0.3, 0.08, 0.02, 0.0, 0.4])
    is_free = np.array([True] * 5 + [False])
    settings = SamplerSettings(algo=algo, fill_batches=True)
    rng = np.random.default_rng(0)
    (assignment,) = plan(
        posterior, believed([0.7], 2), is_free, everyone(1), 1, batch_size, None, max_risk, settings, rng=rng
    )
    assert set(assignment.items) == expected


def test_without_fill_batches_a_batch_is_short() -> None:
    rng = np.random.default_rng(0)
    posterior = posterior_of([0.3, 0.1, 0.05])
    (assignment,) = plan(
        posterior,
        believed([0.7], 2),
        np.ones(3, bool),
        everyone(1),
        1,
        5,
        None,
        1 - posterior[1, 0],
        SamplerSettings(),
        rng=rng,
    )
    assert set(assignment.items) == {0, 1}


def ask_one(posterior: FloatArray, algo: str, size: int, seed: int = 0, answer_power: float = 1.0) -> list[int]:
    (assignment,) = sampler.plan(
        posterior,
        1 - posterior.max(axis=1),
        believed([0.7], posterior.shape[1]),
        np.ones(len(posterior), bool),
        everyone(1),
        1,
        size,
        None,
        0.1,
        SamplerSettings(algo=algo),
        rng=np.random.default_rng(seed),
        answer_power=answer_power,
    )
    return assignment.items.tolist()


@pytest.mark.parametrize("algo", BY_WORTH)
def test_what_is_worth_more_comes_first(algo: str) -> None:
    """Ten items in doubt, thirty that are nearly sure: seldom does the noise bring one of these forward."""
    posterior = posterior_of([0.12] * 30 + [0.5] * 10)
    chosen = np.concatenate([ask_one(posterior, algo, 10, seed) for seed in range(20)])
    assert (chosen >= 30).mean() > 0.6
    alike = {item for seed in range(20) for item in ask_one(posterior_of([0.5] * 40), algo, 10, seed)}
    assert len(alike) == 40


def test_active_lab_labels_again_what_people_differ_on() -> None:
    """What two people differ on, and what one alone has labelled, before what two agree on."""
    label = np.array([0, 1, 0, 0, 1, 1, 0, 0, 0])
    annotations = Annotations(np.arange(9) // 2, np.arange(9) % 2, label, 5, 2, 2)
    machine = np.array([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.6, 0.4]], np.float32)
    posterior = posterior_of([0.5] * 5)
    (assignment,) = sampler.plan(
        posterior,
        1 - posterior.max(axis=1),
        believed([0.7, 0.7, 0.7], 2),
        np.ones(5, bool),
        [Workload(2, np.empty(0, np.int64), 10)],
        1,
        5,
        None,
        0.1,
        SamplerSettings(algo="active_lab"),
        rng=np.random.default_rng(0),
        annotations=annotations,
        machine=machine,
    )
    np.testing.assert_array_equal(assignment.scores, active_lab(annotations, machine)[assignment.items])
    assert set(assignment.items[:2]) == {0, 4}


def test_value_knows_what_an_answer_cannot_change() -> None:
    """Where answers count for little, items that are nearly sure are not worth one."""
    posterior = posterior_of([0.15] * 20 + [0.45] * 20)
    assert set(ask_one(posterior, "value", 20, answer_power=0.2)) <= set(range(20, 40))


def test_only_some_of_many_items_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "MAX_LOOKED_AT", 5)
    posterior = posterior_of([0.5] * 40)
    first = {tuple(sorted(ask_one(posterior, "entropy", 5, seed))) for seed in range(20)}
    assert len(first) > 10
    assert len(ask_one(posterior, "entropy", 30)) == 30


def asked_first(
    skills: Sequence[float],
    loads: Sequence[int],
    seed: int,
    whom: str = "thompson",
    prices: Sequence[float] | None = None,
) -> int:
    posterior = posterior_of([0.5] * 400)
    costs = prices or [1.0] * len(loads)
    workloads = [Workload(j, np.arange(load), 1000, price=costs[j]) for j, load in enumerate(loads)]
    (assignment,) = sampler.plan(
        posterior,
        1 - posterior.max(axis=1),
        believed(skills, 2),
        np.ones(400, bool),
        workloads,
        1,
        5,
        None,
        0.1,
        SamplerSettings(algo="value", whom=whom),
        rng=np.random.default_rng(seed),
    )
    return assignment.annotator


def test_who_is_believed_good_is_asked_first_and_who_is_new_gets_a_chance() -> None:
    known = [asked_first([0.9, 0.6, 0.6], [60, 60, 60], seed) for seed in range(40)]
    assert known.count(0) > 35
    with_new = [asked_first([0.75, 0.7], [60, 0], seed) for seed in range(60)]
    assert 10 < with_new.count(1) < 40
    anyone = [asked_first([0.9, 0.6, 0.6], [60, 60, 60], seed, "random") for seed in range(60)]
    assert max(anyone.count(j) for j in range(3)) < 35


def test_nobody_there_is_no_mean_of_nothing() -> None:
    settings = SamplerSettings(algo="value", whom="thompson")
    free = np.ones(5, bool)
    nobody = plan(
        posterior_of([0.5] * 5), believed([], 2), free, [], 3, 2, None, 0.1, settings, rng=np.random.default_rng(0)
    )
    assert nobody == []


def test_nobody_is_given_far_more_than_others() -> None:
    assert not any(asked_first([0.95, *[0.5] * 9], [60, *[1] * 9], seed) == 0 for seed in range(20))


def test_who_did_well_may_go_on_while_others_have_not_begun() -> None:
    again = [asked_first([0.9, *[0.65] * 49], [5, *[0] * 49], seed) for seed in range(40)]
    assert again.count(0) > 20
    assert not any(asked_first([0.9, *[0.65] * 49], [15, *[0] * 49], seed) == 0 for seed in range(20))


def test_who_costs_less_is_asked_first_unless_others_are_worth_their_price() -> None:
    first = [asked_first([0.8, 0.8, 0.8], [60, 60, 60], seed, prices=(1, 1, 0.4)) for seed in range(40)]
    assert first.count(2) > 35
    first = [asked_first([0.95, 0.7, 0.7], [60, 60, 60], seed, prices=(2, 1, 1)) for seed in range(40)]
    assert first.count(0) > 35


def test_equal_prices_change_nothing() -> None:
    for seed in range(100):
        chosen = {asked_first([0.7, 0.6, 0.45], [9, 8, 7], seed, prices=[p] * 3) for p in (1.0, 0.03, 7.1)}
        assert len(chosen) == 1
