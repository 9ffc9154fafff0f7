"""Simulated annotators: the only place, beside the metrics, that holds the truth.

J annotators, K classes, N items.
"""

import numpy as np

from askless.core.confusion import prior_counts as dirichlet_counts
from askless.errors import ConfigError
from askless.settings import PriorSettings, SimulationConfig
from askless.simulate import amt, noise
from askless.simulate.auditors import AuditedCrowd
from askless.simulate.crowd import Crowd
from askless.simulate.drawn import ConfusionCrowd
from askless.simulate.recorded import Counts
from askless.simulate.replay import RecordedCrowd, replay_counts, replay_records
from askless.simulate.sources import Source
from askless.types import FloatArray


def make_crowd(config: SimulationConfig, source: Source) -> Crowd:
    """The crowd of `config.crowd` for the classes of a source; with a promise, its auditors are among them.

    Raises:
        ConfigError: no distribution of skill has the mean and the spread asked for, or more labels of an item may be
            bought than there are on record.
        DataError: the counts of real people are not there or do not know a class.
    """
    crowd = _make_others(config, source)
    promise = config.promise
    added = tuple(name for name in promise.auditors if name not in crowd.names)
    if promise.target_accuracy is None or not added:
        return crowd
    return AuditedCrowd(crowd, added, promise.auditor_accuracy, source.truth, config.seed)


def _make_others(config: SimulationConfig, source: Source) -> Crowd:
    settings, seed, n_annotators = config.crowd, config.seed, config.crowd.n_annotators
    classes, names = source.dataset.classes, annotator_names(config.crowd.n_annotators)
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
            confusion = draw(folder, classes, n_annotators, seed, has_other=source.has_other)
            population = amt.amt_population_counts(folder, classes, has_other=source.has_other)
        case "replay":
            if isinstance(source.recorded, Counts):
                return replay_counts(source.recorded, source.truth, names, settings.skill, settings.spread, seed)
            assert source.recorded is not None
            crowd = replay_records(source.recorded, source.truth, len(classes), names, seed)
            _check_most_labels(crowd, source, config.sampler.max_per_item)
            return crowd
    return ConfusionCrowd(
        names=names,
        confusion=confusion,
        truth=source.truth,
        seed=seed,
        population_counts=confusion.mean(axis=0) if population is None else population,
    )


def _check_most_labels(crowd: RecordedCrowd, source: Source, max_per_item: int) -> None:
    n_labels = np.bincount(crowd.item, minlength=len(source.truth))
    n_labels[source.prototypes.item] = max_per_item
    fewest = int(n_labels.argmin())
    if n_labels[fewest] < max_per_item:
        raise ConfigError(
            f"Item {source.dataset.items[fewest]!r} has {n_labels[fewest]} labels of different people on record, fewer "
            f"than sampler.max_per_item={max_per_item}; set that to {n_labels[fewest]} at most."
        )


def annotator_names(n_annotators: int) -> tuple[str, ...]:
    """annotator-00, annotator-01 and so on; alphabetical order is the order of their indices."""
    width = max(2, len(str(n_annotators - 1)))
    return tuple(f"annotator-{j:0{width}}" for j in range(n_annotators))


def prior_counts(settings: PriorSettings, crowd: Crowd) -> FloatArray:
    """The prior of `core.confusion.prior_counts`, told what it asks about this crowd: (K, K) or (J, K, K)."""
    K = crowd.confusion.shape[-1]
    return dirichlet_counts(settings, K, crowd.population_counts, crowd.confusion)
