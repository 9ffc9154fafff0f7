"""A campaign folder as something to simulate with: the items whose label is known, and that label as the truth."""

from pathlib import Path

import numpy as np

from askless.data.campaign_features import read_campaign_features
from askless.data.folder import CampaignFolder
from askless.errors import DataError
from askless.types import Dataset, Features, IntArray


def read_labelled_items(folder: Path) -> tuple[Dataset, Features, IntArray]:
    """Items, features and truth of a campaign folder. Items without a known label and classes without an item are left
    out.

    Raises:
        DataError: there are no features, they are of other items, or known labels of fewer than two classes.
    """
    place = CampaignFolder(folder)
    if not place.features.is_file():
        raise DataError(f"{folder} has no features.npy; make it by `askless embed {folder}`.")
    items, index, features = place.read_items(), place.class_index(), read_campaign_features(place)
    labels = np.array([index.get(label, -1) for label in items.label], np.int64)
    kept = np.flatnonzero(labels >= 0)
    there, truth = np.unique(labels[kept], return_inverse=True)
    if len(there) < 2:
        raise DataError(
            f"{folder} has items with known labels of {len(there)} classes; a simulation needs two classes or more."
        )
    classes = place.read_classes()
    dataset = Dataset(
        tuple(items.item[i] for i in kept),
        tuple(classes[y].name for y in there),
        tuple(str(folder / items.path[i]) for i in kept),
    )
    if len(kept) == len(items):
        return dataset, features, truth.astype(np.int64)
    prior = features.prior[kept] if features.prior is not None and len(there) == len(classes) else None
    return dataset, Features(features.values[kept], prior), truth.astype(np.int64)
