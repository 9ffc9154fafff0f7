"""Gold questions: before the campaign every annotator answers a few prototypes, whose labels are known.

Prototypes are the only items whose truth a campaign may know, here as in a real one. The answers are no entries of the
log, since a campaign asks nobody about known items: what they tell is the prior, which the log's header keeps.
"""

import numpy as np

from askless.core.confusion import gold_prior_counts
from askless.errors import ConfigError
from askless.randomness import generator
from askless.settings import SimulationConfig
from askless.simulate.crowd import Crowd
from askless.simulate.sources import Source
from askless.types import Annotations, Batch, FloatArray


def count_gold(config: SimulationConfig, source: Source, crowd: Crowd) -> int:
    """How many answers gold questions cost."""
    return config.gold.n_per_class * source.dataset.n_classes * len(crowd.names)


def budget_after_gold(config: SimulationConfig, n_gold: int) -> int | None:
    """What is left of the budget for the campaign, if there is one.

    Raises:
        ConfigError: nothing is left.
    """
    if config.budget is None:
        return None
    if config.budget <= n_gold:
        raise ConfigError(
            f"{n_gold} answers to gold questions spend the whole budget={config.budget}; raise it, or lower "
            "gold.n_per_class or crowd.n_annotators."
        )
    return config.budget - n_gold


def ask_gold(crowd: Crowd, source: Source, n_per_class: int, seed: int) -> Annotations:
    """Everybody's answers to `n_per_class` prototypes of each class, drawn for each annotator anew.

    Raises:
        ConfigError: an annotator cannot be asked about so many prototypes of a class.
    """
    said = [
        (answer.item, j, answer.label)
        for j, name in enumerate(crowd.names)
        for answer in crowd.answer(Batch(0, name, _draw(crowd, source, j, n_per_class, seed), 0.0))
    ]
    item, annotator, label = np.array(said, dtype=np.int64).T
    return Annotations(item, annotator, label, source.dataset.n_items, len(crowd.names), source.dataset.n_classes)


def gold_prior(gold: Annotations, source: Source, config: SimulationConfig) -> FloatArray:
    """The prior counts that the answers tell: (K, K) or (J, K, K), see `core.confusion.gold_prior_counts`."""
    counts = np.zeros((gold.n_annotators, gold.n_classes, gold.n_classes))
    np.add.at(counts, (gold.annotator, source.truth[gold.item], gold.label), 1)
    return gold_prior_counts(counts, config.gold.prior, config.prior.strength)


def gold_columns(gold: Annotations, source: Source, crowd: Crowd) -> dict[str, list[str]]:
    """The answers as a table of names."""
    classes, items = source.dataset.classes, source.dataset.items
    return {
        "annotator": [crowd.names[j] for j in gold.annotator],
        "item": [items[i] for i in gold.item],
        "truth": [classes[source.truth[i]] for i in gold.item],
        "label": [classes[z] for z in gold.label],
    }


def _draw(crowd: Crowd, source: Source, annotator: int, n_per_class: int, seed: int) -> tuple[int, ...]:
    """Prototypes for one annotator, class after class."""
    name = crowd.names[annotator]
    known = source.prototypes
    can_answer = np.ones(len(known), bool) if crowd.askable is None else np.isin(known.item, crowd.askable[name])
    rng = generator(seed, "gold", annotator)
    drawn: list[int] = []
    for y, class_name in enumerate(source.dataset.classes):
        items = known.item[(known.label == y) & can_answer]
        if len(items) < n_per_class:
            raise ConfigError(
                f"gold.n_per_class={n_per_class}, but {name!r} can be asked about {len(items)} prototypes of class "
                f"{class_name!r} only; set gold.n_per_class to that at most, or choose a crowd that answers anything."
            )
        drawn += rng.choice(items, n_per_class, replace=False).tolist()
    return tuple(drawn)
