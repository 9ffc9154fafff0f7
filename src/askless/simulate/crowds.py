"""Simulated annotators: the only place, beside the metrics, that holds the truth.

J annotators, K classes, N items.
"""

from collections.abc import Mapping
from typing import Protocol

from askless.config import PriorSettings, SimulationConfig
from askless.core.confusion import prior_counts as dirichlet_counts
from askless.simulate import amt, noise
from askless.simulate.drawn import ConfusionCrowd
from askless.simulate.sources import Source
from askless.types import Answer, Batch, FloatArray, IntArray


class Crowd(Protocol):
    """Whom a simulation asks. A label depends on (seed, annotator, item) only, not on what was asked before."""

    @property
    def names(self) -> tuple[str, ...]:
        """J annotators."""

    @property
    def confusion(self) -> FloatArray:
        """(J, K, K): how they truly answer; row = truth, rows sum to 1."""

    @property
    def skill(self) -> FloatArray:
        """(J,): the true chance that each is right."""

    @property
    def population_counts(self) -> FloatArray:
        """(K, K), row = truth, of any scale: what an oracle prior knows of the population."""

    @property
    def askable(self) -> Mapping[str, IntArray] | None:
        """The items that each can be asked about; none if everybody can be asked about everything."""

    def available(self) -> tuple[str, ...]:
        """The annotators who can be asked now."""

    def answer(self, batch: Batch) -> list[Answer]:
        """What the batch's annotator says of each of its items, in their order."""


def make_crowd(config: SimulationConfig, source: Source) -> Crowd:
    """The crowd of `config.crowd` for the classes of a source.

    Raises:
        ConfigError: no distribution of skill has the mean and the spread asked for.
        DataError: the counts of real people are not there or do not know a class.
    """
    settings, seed, n_annotators = config.crowd, config.seed, config.crowd.n_annotators
    classes = source.dataset.classes
    population: FloatArray | None = None
    match settings.kind:
        case "perfect":
            confusion = noise.perfect(n_annotators, len(classes))
        case "uniform":
            confusion = noise.uniform(n_annotators, len(classes), settings.skill, settings.spread, seed)
        case "structured_noise":
            means = noise.class_means(source.features, source.truth, len(classes))
            confusion = noise.structured_noise(n_annotators, means, settings.skill, settings.spread, seed)
        case "amt_structured_noise" | "amt_uniform_noise":
            folder = amt.amt_folder(settings.amt_folder)
            draw = amt.amt_structured_noise if settings.kind == "amt_structured_noise" else amt.amt_uniform_noise
            confusion = draw(folder, classes, n_annotators, seed)
            population = amt.amt_population_counts(folder, classes)
    return ConfusionCrowd(
        names=annotator_names(n_annotators),
        confusion=confusion,
        truth=source.truth,
        seed=seed,
        population_counts=confusion.mean(axis=0) if population is None else population,
    )


def annotator_names(n_annotators: int) -> tuple[str, ...]:
    """annotator-00, annotator-01 and so on; alphabetical order is the order of their indices."""
    width = max(2, len(str(n_annotators - 1)))
    return tuple(f"annotator-{j:0{width}}" for j in range(n_annotators))


def prior_counts(settings: PriorSettings, crowd: Crowd) -> FloatArray:
    """The prior of `core.confusion.prior_counts`, told what it asks about this crowd: (K, K) or (J, K, K)."""
    K = crowd.confusion.shape[-1]
    return dirichlet_counts(settings, K, crowd.population_counts, crowd.confusion)
