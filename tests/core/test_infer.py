"""People and machine joined."""

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from askless.config import preset
from askless.core import aggregate, people
from askless.core import infer as infer_module
from askless.core.infer import Info, infer
from askless.core.votes import EPSILON, find_disputed
from askless.settings import CampaignConfig
from askless.types import Annotations, Estimate, Features, Float32Array, Prototypes

N, J, K = 40, 4, 3
TRUTH = np.arange(N) % K
PROTOTYPES = Prototypes(np.arange(9), TRUTH[:9])
PRIOR = np.full((K, K), 1.0) + 3 * np.eye(K)


def features() -> Features:
    return Features((np.eye(K)[TRUTH] + np.random.default_rng(0).normal(0, 0.3, (N, K))).astype(np.float32))


def answers(n: int = 50, seed: int = 0) -> Annotations:
    rng = np.random.default_rng(seed)
    item = rng.integers(9, N, size=n)
    label = np.where(rng.random(n) < 0.8, TRUTH[item], rng.integers(K, size=n))
    return Annotations(item, rng.integers(J, size=n), label, N, J, K)


def config(method: str = "improved_lean", **learner: Any) -> CampaignConfig:
    chosen = preset(method)
    faster = chosen.learner.model_copy(update={"max_epochs": 30, "lr_ratio": 0.003, "hidden_size": 8} | learner)
    return chosen.model_copy(update={"learner": faster})


def run(annotations: Annotations, chosen: CampaignConfig, seed: int = 0, **more: Any) -> tuple[Estimate, Info]:
    rng = np.random.default_rng(seed)
    return infer(annotations, features(), PROTOTYPES, PRIOR, chosen, rng=rng, **more)


def machine_of(seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).dirichlet(np.ones(K), size=N).astype(np.float32)


def with_machine(machine: Float32Array | None, loss: float) -> Estimate:
    estimate, _ = run(answers(10), config("ds_model"))
    return Estimate(estimate.posterior, estimate.confusion, estimate.class_prior, machine, loss, 0.0)


@pytest.mark.parametrize(
    "method", ["majority_vote", "ds_model", "lean", "improved_lean", "efficient_annotation", "askless"]
)
@pytest.mark.parametrize("n", [0, 1, 60])
def test_every_method_gives_probabilities_and_knows_the_prototypes(method: str, n: int) -> None:
    estimate, info = run(answers(n), config(method), upto=7)
    assert np.isfinite(estimate.posterior).all()
    np.testing.assert_allclose(estimate.posterior.sum(axis=1), 1)
    np.testing.assert_array_equal(estimate.posterior[:9], np.eye(K)[TRUTH[:9]])
    np.testing.assert_array_equal(estimate.label[:9], TRUTH[:9])
    assert not estimate.risk[:9].any()
    np.testing.assert_allclose(estimate.class_prior, [1 / 3] * 3)
    assert estimate.upto == 7
    has_machine = method not in ("majority_vote", "ds_model")
    assert (estimate.machine is not None) == info.is_machine_new == has_machine
    assert np.isfinite(estimate.machine_loss) == has_machine


def test_learned_class_frequencies_are_part_of_the_estimate() -> None:
    chosen = config("ds_model")
    learned = chosen.aggregator.model_copy(update={"class_prior_count": 0.5, "m_step": "soft"})
    annotations = answers(60)
    estimate, _ = run(annotations, chosen.model_copy(update={"aggregator": learned}))
    _, evidence, em = aggregate.fit(annotations, PRIOR, None, learned, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(estimate.class_prior, em.class_prior)
    assert np.ptp(estimate.class_prior) > 0.01
    expected = softmax(evidence + np.log(np.array(em.class_prior) + EPSILON), axis=1)
    np.testing.assert_allclose(estimate.posterior[9:], expected[9:], atol=1e-12)


@pytest.mark.parametrize("method", ["majority_vote", "ds_model", "lean", "efficient_annotation", "askless"])
def test_deterministic(method: str) -> None:
    one, two = (run(answers(), config(method), seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(one.posterior, two.posterior)
    np.testing.assert_array_equal(one.confusion.counts, two.confusion.counts)
    assert (one.machine_loss, one.objective) == (two.machine_loss, two.objective)


def test_the_posterior_is_the_product_of_people_and_machine() -> None:
    annotations, chosen = answers(), config()
    old, new = machine_of(0), machine_of(1)

    class Fixed:
        def fit(self, *_: Any) -> None: ...

        def predict_proba(self, X: Any) -> Any:
            return new[: len(X)]

    estimate, info = run(annotations, config(calibrate="none"), previous=with_machine(old, np.inf), learner=Fixed())
    confusion, evidence, em = aggregate.fit(annotations, PRIOR, old, chosen.aggregator, rng=np.random.default_rng(0))
    assert info == Info(em, True)
    assert estimate.objective == em.objective
    np.testing.assert_array_equal(estimate.confusion.counts, confusion.counts)
    np.testing.assert_array_equal(estimate.machine, new)
    expected = softmax(evidence + np.log(new.astype(np.float64) + EPSILON), axis=1)
    np.testing.assert_allclose(estimate.posterior[9:], expected[9:], atol=1e-12)


def test_the_learner_is_trained_on_people_and_the_last_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    annotations, chosen, old = answers(20), config("efficient_annotation"), machine_of()
    seen: dict[str, Any] = {}

    def spy(_: Features, prototypes: Prototypes, belief: Any, is_annotated: Any, *__: Any, **___: Any) -> Any:
        seen.update(belief=belief, is_annotated=is_annotated)
        return None, np.inf

    monkeypatch.setattr(infer_module, "believe", spy)
    run(annotations, chosen, previous=with_machine(old, 1.0))
    _, evidence, _ = aggregate.fit(annotations, PRIOR, old, chosen.aggregator, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(seen["belief"], aggregate.e_step(evidence, old))
    np.testing.assert_array_equal(np.flatnonzero(seen["is_annotated"]), np.unique(annotations.item))


@pytest.mark.parametrize("scope", ["global", "local"])
def test_only_global_early_stop_keeps_a_better_older_machine(scope: str) -> None:
    chosen, old = config(early_stop_scope=scope), machine_of()
    fresh_loss = run(answers(), chosen)[0].machine_loss
    for old_loss in (fresh_loss / 2, fresh_loss * 2):
        estimate, info = run(answers(), chosen, previous=with_machine(old, old_loss))
        is_kept = scope == "global" and old_loss < fresh_loss
        assert info.is_machine_new != is_kept
        assert (estimate.machine is old) == is_kept
        assert (estimate.machine_loss == old_loss) == is_kept


@pytest.mark.parametrize("scope", ["global", "local"])
def test_without_anything_to_train_on_only_global_has_a_machine(scope: str) -> None:
    old = machine_of()
    lone = Prototypes([0, 1, 2], [0, 1, 2])
    for machine in (old, None):
        estimate, info = infer(
            answers(0),
            features(),
            lone,
            PRIOR,
            config(early_stop_scope=scope),
            rng=np.random.default_rng(0),
            previous=with_machine(machine, 0.5 if machine is not None else np.inf),
        )
        assert not info.is_machine_new
        assert estimate.machine is (machine if scope == "global" else None)
        assert estimate.machine_loss == (0.5 if scope == "global" and machine is not None else np.inf)


def test_majority_vote() -> None:
    annotations = answers()
    estimate, info = run(annotations, config("majority_vote"))
    share = aggregate.majority_vote(annotations)
    np.testing.assert_array_equal(estimate.posterior[9:], share[9:])
    assert info == Info(None, False)
    assert (estimate.machine, estimate.machine_loss, estimate.objective) == (None, np.inf, 0.0)
    counts = np.zeros((J, K, K))
    for i, j, z in zip(annotations.item, annotations.annotator, annotations.label, strict=True):
        counts[j, :, z] += share[i]
    expected = (counts + PRIOR) / (counts + PRIOR).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(estimate.confusion.matrices(range(J)), expected)


def test_nothing_given_is_changed() -> None:
    annotations, old = answers(), machine_of()
    previous = with_machine(old, 10.0)
    before = previous.posterior.copy(), old.copy(), annotations.label.copy()
    run(annotations, config("efficient_annotation"), previous=previous)
    for array, copy in zip((previous.posterior, old, annotations.label), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    "aggregator", [{"m_step": "soft"}, {"m_step": "hard"}, {"algo": "majority_vote"}, {"algo": "pooled"}]
)
def test_answers_about_known_items_tell_who_is_right(aggregator: dict[str, Any]) -> None:
    """Two people always contradict each other; only what is known says who to believe about the last item."""
    n_known = 12
    truth = np.arange(n_known) % 2
    item = np.concatenate([np.repeat(np.arange(n_known), 2), [n_known, n_known]])
    label = np.concatenate([np.stack([truth, 1 - truth], axis=1).ravel(), [1, 0]])
    annotations = Annotations(item, np.tile([0, 1], n_known + 1), label, n_known + 1, 2, 2)
    estimate, _ = infer(
        annotations,
        Features(np.ones((n_known + 1, 1), np.float32)),
        Prototypes(np.arange(n_known), truth),
        np.ones((2, 2)) + np.eye(2),
        CampaignConfig(aggregator=aggregator),
        rng=np.random.default_rng(0),
    )
    assert (estimate.confusion.diagonal[0] > 0.8).all()
    assert (estimate.confusion.diagonal[1] < 0.3).all()
    if aggregator.get("algo") != "majority_vote":
        assert estimate.posterior[n_known, 1] > 0.9


def test_with_the_pool_nothing_before_matters_and_powers_count() -> None:
    annotations, chosen = answers(30), preset("askless")
    estimate, info = run(annotations, chosen)
    assert info.is_machine_new
    again, _ = run(annotations, chosen, seed=5, previous=with_machine(machine_of(), 0.1))
    np.testing.assert_array_equal(again.posterior, estimate.posterior)

    weaker = chosen.aggregator.model_copy(update={"answer_power": 0.5, "machine_power": 0.25})
    other, _ = run(annotations, chosen.model_copy(update={"aggregator": weaker}))
    np.testing.assert_array_equal(other.machine, estimate.machine)
    assert estimate.machine is not None
    said = [set(annotations.label[annotations.item == i].tolist()) for i in range(N)]
    disputed_power = np.array([[0.65 if len(labels) > 1 else 1.0] for labels in said])
    assert len(np.unique(disputed_power[9:])) == 2
    is_labelled = np.array([[bool(labels)] for labels in said])
    assert len(np.unique(is_labelled[9:])) == 2
    log_machine = np.log(estimate.machine.astype(np.float64) + EPSILON)
    confusion = np.log(estimate.confusion.matrices(range(J)) + EPSILON)
    evidence = np.zeros((N, K))
    for i, j, z in zip(annotations.item, annotations.annotator, annotations.label, strict=True):
        evidence[i] += confusion[j, :, z]
    for found, answer_power, machine_power in ((estimate, 0.75, 1.0), (other, 0.5, 0.25)):
        power = np.where(is_labelled, machine_power, 1.0)
        expected = softmax(disputed_power * (answer_power * evidence + power * log_machine), axis=1)
        np.testing.assert_allclose(found.posterior[9:], expected[9:], atol=1e-10)


def test_where_people_disagree_the_network_learns_less_too() -> None:
    """One turn of the paper's learner: what it is fitted to is what is believed, disputed items less so."""
    annotations = answers(60)
    paper = config("lean")
    disputed = paper.aggregator.model_copy(update={"disputed_power": 0.2})
    plain, _ = run(annotations, paper)
    less_sure, _ = run(annotations, paper.model_copy(update={"aggregator": disputed}))
    is_disputed = find_disputed(annotations)
    is_disputed[: len(PROTOTYPES)] = False
    assert is_disputed.any()
    assert not is_disputed.all()
    assert (less_sure.risk[is_disputed] > plain.risk[is_disputed]).all()


@pytest.mark.parametrize("has_prototypes", [False, True])
def test_people_and_machine_take_turns(has_prototypes: bool) -> None:
    """The first turn of the people knows the machine of the prototypes if there are any, the second that of both."""
    annotations, chosen = answers(60), preset("askless")
    known = PROTOTYPES if has_prototypes else Prototypes.none()
    people_alone, _, _ = people.fit(annotations, None, chosen.aggregator, known)
    counts = []
    for n_rounds in (1, 2):
        pool = chosen.learner.pool.model_copy(update={"n_rounds": n_rounds})
        rounds = chosen.model_copy(update={"learner": chosen.learner.model_copy(update={"pool": pool})})
        estimate, _ = infer(annotations, features(), known, PRIOR, rounds, rng=np.random.default_rng(0))
        counts.append(estimate.confusion.counts)
    assert np.array_equal(counts[0], people_alone.counts) != has_prototypes
    assert not np.allclose(counts[1], counts[0])


def test_the_pool_does_without_prototypes() -> None:
    for n in (0, 40):
        estimate, info = infer(
            answers(n), features(), Prototypes.none(), PRIOR, preset("askless"), rng=np.random.default_rng(0)
        )
        assert info.is_machine_new == (estimate.machine is not None) == (n > 0)
        np.testing.assert_allclose(estimate.posterior.sum(axis=1), 1)
    assert (estimate.label == TRUTH).mean() > 0.8


def test_pooled_people_with_the_papers_network() -> None:
    pooled = config().aggregator.model_copy(update={"algo": "pooled"})
    estimate, _ = run(answers(60), config().model_copy(update={"aggregator": pooled}))
    assert estimate.confusion.odds is not None
    assert estimate.machine is not None
