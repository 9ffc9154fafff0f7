"""Small random problems for the tests of the core."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from askless.core import aggregate
from askless.settings import AggregatorSettings
from askless.types import Annotations, Confusion, Float32Array, FloatArray, IntArray


@dataclass(frozen=True)
class Problem:
    """What people said, what is believed of them beforehand, what the machine says."""

    annotations: Annotations
    prior_counts: FloatArray
    machine: Float32Array | None

    def fit(
        self, n_steps: int = 5, m_step: str = "soft", seed: int = 0, class_prior_count: float | None = None
    ) -> tuple[Confusion, FloatArray, aggregate.EMInfo]:
        """Exactly `n_steps` iterations of EM."""
        settings = AggregatorSettings(
            max_em_steps=n_steps, m_step=m_step, likelihood_epsilon=0, class_prior_count=class_prior_count
        )
        rng = np.random.default_rng(seed)
        return aggregate.fit(self.annotations, self.prior_counts, self.machine, settings, rng=rng)

    def posterior(self, n_steps: int = 5, m_step: str = "soft", seed: int = 0) -> FloatArray:
        return aggregate.e_step(self.fit(n_steps, m_step, seed)[1], self.machine)

    def with_columns(self, item: IntArray, annotator: IntArray, label: IntArray) -> "Problem":
        """The same, but other people said other things."""
        return replace(self, annotations=replace(self.annotations, item=item, annotator=annotator, label=label))


@st.composite
def problems(
    draw: st.DrawFn,
    max_items: int = 8,
    max_classes: int = 5,
    max_annotators: int = 4,
    max_annotations: int = 30,
    has_zeros: bool = True,
) -> Problem:
    """Counts of everyone or of each (some of whom have not joined), with or without zeros and machine."""
    N = draw(st.integers(1, max_items))
    K = draw(st.integers(2, max_classes))
    J = draw(st.integers(1, max_annotators))
    M = draw(st.integers(0, max_annotations))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_matrices = draw(st.sampled_from([(), (J,), (J + 2,)]))
    prior_counts = rng.gamma(1.0, draw(st.sampled_from([0.1, 1, 30])), size=(*n_matrices, K, K)) + 1e-3
    if has_zeros and draw(st.booleans()):
        prior_counts[(rng.random(prior_counts.shape) < 0.4) & ~np.eye(K, dtype=bool)] = 0
    machine = rng.dirichlet(np.full(K, 0.5), size=N).astype(np.float32) if draw(st.booleans()) else None
    columns = (rng.integers(upper, size=M) for upper in (N, J, K))
    return Problem(Annotations(*columns, N, J, K), prior_counts, machine)
