"""What the paper's code calls settings and values that have another name here."""

PAPER_KEYS = {
    "risk_thres": "max_risk",
    "n_prototype_per_class": "n_prototypes_per_class",
    "n_data_distraction_per_class": "n_distractors_per_class",
    "online.budget": "budget",
    "online.hit_size": "batch_size",
    "online.n_hits_per_step": "n_batches",
    "optimizer.criterion": "aggregator.criterion",
    "optimizer.max_em_steps": "aggregator.max_em_steps",
    "optimizer.likelihood_epsilon": "aggregator.likelihood_epsilon",
    "learner.risk_thres": "learner.max_risk",
    "learner.batch_size": "learner.minibatch_size",
    "learner.mixmatch.mixmatch_w": "learner.mixmatch.weight",
    "sampler.max_annotation_per_example": "sampler.max_per_item",
    "sampler.max_annotation_per_worker": "sampler.max_per_annotator",
    "worker.type": "crowd.kind",
    "worker.n": "crowd.n_annotators",
    "worker.reliability.mean": "crowd.skill",
    "worker.reliability.std": "crowd.spread",
    "worker.prior.type": "prior.kind",
    "worker.prior.strength": "prior.strength",
    "worker.prior.predefined_params.pos_count": "prior.pos_count",
    "worker.prior.predefined_params.neg_count": "prior.neg_count",
}

PAPER_VALUES = {
    ("aggregator.algo", "mj"): "majority_vote",
    ("worker.type", "structured_noise"): "amt_structured_noise",
    ("worker.type", "uniform_noise"): "amt_uniform_noise",
    ("prior.kind", "predefined_homegeneous"): "predefined_homogeneous",
    ("prior.kind", "homegeneous_workers"): "homogeneous",
    ("prior.kind", "homegeneous_workers_diagonal_perfect"): "homogeneous_diagonal_perfect",
    ("prior.kind", "homegeneous_workers_perfect"): "homogeneous_perfect",
    ("prior.kind", "heterogeneous_workers"): "heterogeneous",
    ("prior.kind", "heterogeneous_workers_diagonal_perfect"): "heterogeneous_diagonal_perfect",
    ("prior.kind", "heterogeneous_workers_perfect"): "heterogeneous_perfect",
}
