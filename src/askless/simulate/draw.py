"""Which items of the data there are become prototypes, items to label, and distractors.

A distractor is an item of none of the classes; all of them make up one more class, the last one, `OTHER`.
"""

from collections.abc import Sequence

import numpy as np

from askless.errors import DataError
from askless.randomness import generator
from askless.settings import SimulationConfig
from askless.types import BoolArray, IntArray

OTHER = "other"


def choose_classes(names: Sequence[str], config: SimulationConfig) -> tuple[tuple[str, ...], IntArray]:
    """The classes of a simulation: those of `config.classes`, all if there are none, perhaps `OTHER`.

    Args:
        names: of the classes that there are.
        config: `classes`, and whether there are distractors.

    Returns:
        The names of the classes, and for each of `names` the index of its class, -1 if it has none.

    Raises:
        DataError: a class that is not there; no class left for distractors, or one with their name.
    """
    chosen = tuple(names if config.classes is None else config.classes)
    missing = [name for name in chosen if name not in names]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise DataError(
            f"There is no item of class {missing[0]!r}{more}; the classes are {', '.join(names[:5])}"
            f"{', ...' if names[5:] else ''}; choose another experiment, or set classes to those there are."
        )
    position = {name: y for y, name in enumerate(chosen)}
    if not config.n_distractors_per_class:
        return chosen, np.array([position.get(name, -1) for name in names], dtype=np.int64)
    if OTHER in chosen or len(chosen) == len(names):
        reason = f"one of the classes is called {OTHER!r}" if OTHER in chosen else "all classes are chosen"
        raise DataError(
            f"There can be no distractors, since {reason}; choose other classes, or set n_distractors_per_class=0."
        )
    return (*chosen, OTHER), np.array([position.get(name, len(chosen)) for name in names], dtype=np.int64)


def draw_items(
    classes: Sequence[str], truth: IntArray, config: SimulationConfig, has_label: BoolArray | None = None
) -> tuple[IntArray, IntArray]:
    """Rows that are kept, sorted, and which of these, by their place among them, are prototypes.

    Each class, `OTHER` included, has `n_prototypes_per_class` prototypes. Beside them `n_data_per_class` items are
    kept of each class; of `OTHER` `n_distractors_per_class` times the number of the other classes, as in the paper's
    code. A class with too few gives what it has.

    Args:
        classes: names.
        truth: (R,) class of each row, -1 for none.
        config: the numbers, and the seed.
        has_label: (R,) whether there is a label on record. Rows without one are prototypes before others are, and
            are not kept beside them. None: all rows can be labelled.

    Raises:
        DataError: a class too small for its prototypes.
    """
    rng = generator(config.seed, "prototypes")
    n_prototypes = config.n_prototypes_per_class
    prototypes, others = [], []
    for y, name in enumerate(classes):
        members = rng.permutation(np.flatnonzero(truth == y))
        if has_label is not None:
            members = members[np.argsort(has_label[members], kind="stable")]
        if n_prototypes and len(members) <= n_prototypes:
            if not len(members):
                raise DataError(
                    f"No item has the label of class {name!r}, so it has no prototypes; leave the class out, or set "
                    "n_prototypes_per_class=0 and a method without a learner."
                )
            raise DataError(
                f"Class {name!r} has {len(members)} items, too few for {n_prototypes} prototypes and others "
                f"to label; set n_prototypes_per_class below {len(members)} or add items."
            )
        is_distractor = config.n_distractors_per_class > 0 and y == len(classes) - 1
        n_items = config.n_distractors_per_class * (len(classes) - 1) if is_distractor else config.n_data_per_class
        rest = members[n_prototypes:]
        if has_label is not None:
            rest = rest[has_label[rest]]
        prototypes.append(members[:n_prototypes])
        others.append(rest[:n_items])
    if has_label is not None and not sum(map(len, others)):
        raise DataError("No item that could be labelled has a label on record; look whether crowd.recorded fits.")
    kept = np.sort(np.concatenate([*prototypes, *others]))
    return kept, np.searchsorted(kept, np.sort(np.concatenate(prototypes)))
