"""The idea: people and machine joined into one estimate (the paper, section 3; its `Optimizer`).

    P(y | labels, features)  ~  P(y) * machine(y | features) * product over labels of confusion[annotator, y, label]

One refresh runs EM over the annotators with the machine's last belief as item prior, fits the learner to the
resulting posterior, and lets its new belief replace the old one in the product.
"""

from dataclasses import dataclass

import numpy as np

from askless.config import CampaignConfig
from askless.core import aggregate
from askless.core.learner import Learner, NetworkMaker
from askless.core.machine import believe
from askless.core.tanh_network import TanhNetwork
from askless.types import Annotations, Confusion, Estimate, Features, Float32Array, FloatArray, Prototypes


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
            `early_stop_scope` global, stays in use until a better one is found. None: neither.
        learner: a classifier, or what makes a network for each fit; the paper's, if nothing is said.
        upto: the log position of the last annotation.
    """
    if config.aggregator.algo == "majority_vote":
        return _by_majority(annotations, prototypes, prior_counts, upto)

    old = None if previous is None else previous.machine
    confusion, evidence, em = aggregate.fit(
        annotations, prior_counts, old, config.aggregator, rng=rng, known=prototypes
    )
    machine, loss, is_machine_new = None, np.inf, False
    if config.learner.algo != "dummy":
        is_annotated = np.bincount(annotations.item, minlength=annotations.n_items) > 0
        belief = aggregate.e_step(evidence, old, em.class_prior)
        machine, loss = believe(features, prototypes, belief, is_annotated, config.learner, rng=rng, learner=learner)
        is_machine_new = machine is not None
        if previous and config.learner.early_stop_scope == "global" and loss >= previous.machine_loss:
            machine, loss, is_machine_new = old, previous.machine_loss, False

    posterior = aggregate.e_step(evidence, machine, em.class_prior)
    class_prior = np.array(em.class_prior)
    estimate = _estimate(posterior, confusion, class_prior, prototypes, machine, loss, em.objective, upto)
    return estimate, Info(em, is_machine_new)


def _by_majority(
    annotations: Annotations, prototypes: Prototypes, prior_counts: FloatArray, upto: int
) -> tuple[Estimate, Info]:
    posterior = aggregate.majority_vote(annotations)
    posterior[prototypes.item] = np.eye(posterior.shape[1])[prototypes.label]
    votes, prior_only = aggregate.group(annotations, prior_counts)
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
