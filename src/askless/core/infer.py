"""The idea: people and machine joined into one estimate (the paper, section 3; its `Optimizer`).

    P(y | labels, features)  ~  P(y) * machine(y | features) * product over labels of confusion[annotator, y, label]

One refresh runs EM over the annotators with the machine's last belief as item prior, fits the learner to the
resulting posterior, and lets its new belief replace the old one in the product. With the pool, a refresh begins with
the prototypes alone and goes round twice.
"""

from dataclasses import dataclass

import numpy as np

from askless.core import aggregate, people, pool
from askless.core.learner import Learner, NetworkMaker
from askless.core.machine import believe
from askless.core.tanh_network import TanhNetwork
from askless.core.votes import find_disputed, group
from askless.settings import AggregatorSettings, CampaignConfig
from askless.types import Annotations, BoolArray, Confusion, Estimate, Features, Float32Array, FloatArray, Prototypes


@dataclass(frozen=True)
class Info:
    """How an inference went.

    Args:
        em: the iterations of EM; none for majority vote.
        is_machine_new: whether the learner just fitted is in use, and not an earlier one (or none).
    """

    em: aggregate.EMInfo | None
    is_machine_new: bool


def infer(
    annotations: Annotations,
    features: Features,
    prototypes: Prototypes,
    prior_counts: FloatArray,
    config: CampaignConfig,
    *,
    rng: np.random.Generator,
    previous: Estimate | None = None,
    learner: Learner | NetworkMaker = TanhNetwork,
    upto: int = 0,
) -> tuple[Estimate, Info]:
    """One refresh.

    Args:
        annotations: everything people have said so far.
        features: (N, D).
        prototypes: items whose label is known; their posterior is one-hot, and answers about them tell about people.
        prior_counts: Dirichlet counts of a confusion matrix, row = truth: (K, K) or (J, K, K).
        config: which aggregator, which learner.
        rng: ties, splits, minibatches.
        previous: the last estimate; its machine is the item prior of EM and, with
            `early_stop_scope` global, stays in use until a better one is found. None: neither. The pool has no use
            for it.
        learner: a classifier, or what makes a network for each fit; the paper's, if nothing is said.
        upto: the log position of the last annotation.
    """
    if config.aggregator.algo == "majority_vote":
        return _by_majority(annotations, prototypes, prior_counts, upto)

    if config.learner.algo == "pool":
        return _with_pool(annotations, features, prototypes, prior_counts, config, rng, upto)

    settings = config.aggregator
    old = None if previous is None else previous.machine
    confusion, evidence, em = _fit_people(annotations, prior_counts, old, settings, rng, prototypes)
    joint_power = _joint_power(annotations, settings)
    is_annotated = _is_annotated(annotations)
    machine, loss, is_machine_new = None, np.inf, False
    if config.learner.algo != "dummy":
        belief = aggregate.e_step(evidence, old, em.class_prior, settings.training_power, joint_power=joint_power)
        machine, loss = believe(features, prototypes, belief, is_annotated, config.learner, rng=rng, learner=learner)
        is_machine_new = machine is not None
        if previous and config.learner.early_stop_scope == "global" and loss >= previous.machine_loss:
            machine, loss, is_machine_new = old, previous.machine_loss, False
    estimate = _joined(confusion, evidence, em, machine, loss, prototypes, is_annotated, settings, joint_power, upto)
    return estimate, Info(em, is_machine_new)


def _with_pool(
    annotations: Annotations,
    features: Features,
    prototypes: Prototypes,
    prior_counts: FloatArray,
    config: CampaignConfig,
    rng: np.random.Generator,
    upto: int,
) -> tuple[Estimate, Info]:
    """People and machine by turns, and at every refresh anew: beliefs that confirm each other without end would drift
    away from the truth, however small the errors that they began with. They begin with what the machine makes of the
    prototypes alone, which nobody's mistake is in; where these are too few, with people alone."""
    settings = config.aggregator
    is_annotated = _is_annotated(annotations)
    joint_power = _joint_power(annotations, settings)
    start = pool.of_prototypes(features, prototypes, annotations.n_classes, config.learner.pool)
    fitted: pool.Pool | None = None
    for _ in range(config.learner.pool.n_rounds):
        machine = fitted.of_examples() if fitted else start
        confusion, evidence, em = _fit_people(annotations, prior_counts, machine, settings, rng, prototypes)
        belief = aggregate.e_step(evidence, machine, em.class_prior, settings.training_power, joint_power=joint_power)
        fitted = pool.fit(features, prototypes, belief, is_annotated, evidence, config.learner.pool, fitted)
    machine, loss = (fitted.of_all(), fitted.loss) if fitted else (None, np.inf)
    estimate = _joined(confusion, evidence, em, machine, loss, prototypes, is_annotated, settings, joint_power, upto)
    return estimate, Info(em, machine is not None)


def _fit_people(
    annotations: Annotations,
    prior_counts: FloatArray,
    machine: Float32Array | None,
    settings: AggregatorSettings,
    rng: np.random.Generator,
    known: Prototypes,
) -> tuple[Confusion, FloatArray, aggregate.EMInfo]:
    if settings.algo == "pooled":
        return people.fit(annotations, machine, settings, known)
    return aggregate.fit(annotations, prior_counts, machine, settings, rng=rng, known=known)


def _joint_power(annotations: Annotations, settings: AggregatorSettings) -> FloatArray | None:
    """(N,) lower where people disagree: such an item is harder than others, for the machine too."""
    if settings.disputed_power == 1:
        return None
    return np.where(find_disputed(annotations), settings.disputed_power, 1.0)


def _is_annotated(annotations: Annotations) -> BoolArray:
    return np.bincount(annotations.item, minlength=annotations.n_items) > 0


def _joined(
    confusion: Confusion,
    evidence: FloatArray,
    em: aggregate.EMInfo,
    machine: Float32Array | None,
    loss: float,
    prototypes: Prototypes,
    is_annotated: BoolArray,
    settings: AggregatorSettings,
    joint_power: FloatArray | None,
    upto: int,
) -> Estimate:
    """People's evidence and the machine's belief, each to its power, and both together to the item's. Where nobody has
    said anything, the machine is believed as it is."""
    machine_power = np.where(is_annotated, settings.machine_power, 1.0)
    posterior = aggregate.e_step(evidence, machine, em.class_prior, machine_power, settings.answer_power, joint_power)
    class_prior = np.array(em.class_prior)
    return _estimate(posterior, confusion, class_prior, prototypes, machine, loss, em.objective, upto)


def _by_majority(
    annotations: Annotations, prototypes: Prototypes, prior_counts: FloatArray, upto: int
) -> tuple[Estimate, Info]:
    posterior = aggregate.majority_vote(annotations)
    posterior[prototypes.item] = np.eye(posterior.shape[1])[prototypes.label]
    votes, prior_only = group(annotations, prior_counts)
    confusion = aggregate.m_step_soft(votes, prior_only, posterior[votes.items])
    K = annotations.n_classes
    uniform = np.full(K, 1.0 / K)
    return _estimate(posterior, confusion, uniform, prototypes, None, np.inf, 0.0, upto), Info(None, False)


def _estimate(
    posterior: FloatArray,
    confusion: Confusion,
    class_prior: FloatArray,
    prototypes: Prototypes,
    machine: Float32Array | None,
    machine_loss: float,
    objective: float,
    upto: int,
) -> Estimate:
    posterior[prototypes.item] = np.eye(posterior.shape[1])[prototypes.label]
    return Estimate(posterior, confusion, class_prior, machine, machine_loss, objective, upto)
