"""What a campaign that is under way may gain: items, classes, known labels, other features. Nothing old may change."""

from typing import Any

import numpy as np

from askless.errors import DataError
from askless.types import Dataset, Prototypes

Addition = dict[str, Any]
"""Payload of an `extended` entry, see `store.entries.Kind`."""


def find_addition(before: tuple[Dataset, Prototypes], after: tuple[Dataset, Prototypes], features: str) -> Addition:
    """What leads from the items, classes and known labels before to those after; `features` is their fingerprint.

    Raises:
        DataError: an old item, class or known label is not as it was; a prototype that is no item.
    """
    (dataset, known), (extended, all_known) = before, after
    _check_prefix("Item", dataset.items, extended.items)
    _check_prefix("Class", dataset.classes, extended.classes)
    all_known.check_fit(extended)
    labels = dict(zip(all_known.item.tolist(), all_known.label.tolist(), strict=True))
    for item, label in zip(known.item.tolist(), known.label.tolist(), strict=True):
        if labels.pop(item, None) != label:
            raise DataError(
                f"Item {dataset.items[item]!r} is a prototype of class {dataset.classes[label]!r}; a known label "
                "cannot be changed or taken back."
            )
    new = slice(dataset.n_items, None)
    images = extended.images or (None,) * extended.n_items
    return {
        "items": [list(pair) for pair in zip(extended.items[new], images[new], strict=True)],
        "known": [list(pair) for pair in labels.items()],
        "classes": list(extended.classes[dataset.n_classes :]),
        "features": features,
    }


def add(addition: Addition, dataset: Dataset, prototypes: Prototypes) -> tuple[Dataset, Prototypes]:
    """The items, classes and known labels after an addition."""
    images = None if dataset.images is None else [*dataset.images, *(image for _, image in addition["items"])]
    item, label = np.array(addition["known"], np.int64).reshape(-1, 2).T
    return (
        Dataset(
            (*dataset.items, *(name for name, _ in addition["items"])),
            (*dataset.classes, *addition["classes"]),
            None if images is None or None in images else tuple(images),
        ),
        Prototypes(np.append(prototypes.item, item), np.append(prototypes.label, label)),
    )


def _check_prefix(what: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    for place, name in enumerate(before):
        if after[place : place + 1] != (name,):
            came = repr(after[place]) if place < len(after) else "missing"
            raise DataError(
                f"{what} {place} was {name!r} and is {came}; keep what there was in its order, and put new ones behind "
                "it."
            )
