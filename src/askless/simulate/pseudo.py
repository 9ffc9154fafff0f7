"""A truth that might be, for images that nobody has labelled yet: clusters of their features, told apart only so well.

With clusters as the truth every machine would be perfect. So a share of the images gets the class of another cluster,
the nearest one: about so many no machine on these features can know. A class that this leaves too small for prototypes
gets the images nearest to its cluster.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from askless.data.features import map_features, reduce
from askless.errors import DataError
from askless.randomness import generator
from askless.types import Features, FloatArray, IntArray

N_COMPONENTS = 32
ITEMS_PER_CLASS = 10
"""So many are needed on average."""
FEWEST_PER_CLASS = 5
"""So many the smallest class gets."""


def write_pseudo_data(
    features: Path, n_classes: int, machine_accuracy: float, max_items: int, folder: Path, seed: int
) -> Path:
    """Makes a folder of features.npy, labels.npy and class_names.json that `dataset=` takes, unless it is there.

    Args:
        features: (N, D) in a .npy file.
        n_classes: K, so many clusters.
        machine_accuracy: share of the items that keep the class of their cluster.
        max_items: of more, so many are drawn at random; ten a class if that is more.
        folder: to be made.
        seed: of all draws.

    Raises:
        DataError: fewer items than ten a class, or features that cannot be used.
    """
    if (folder / "labels.npy").is_file():
        return folder
    values = map_features(features)
    if len(values) < ITEMS_PER_CLASS * n_classes:
        raise DataError(
            f"{features} has {len(values)} items for {n_classes} classes; a plan needs ten a class, so give more."
        )
    rng = generator(seed, "plan")
    rows = np.sort(rng.permutation(len(values))[: max(max_items, ITEMS_PER_CLASS * n_classes)])
    chosen = Features(np.asarray(values[rows]))
    truth = _draw_truth(chosen, n_classes, machine_accuracy, rng)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "features.npy", chosen.values)
    (folder / "class_names.json").write_text(json.dumps([f"class {y + 1}" for y in range(n_classes)]))
    np.save(folder / "labels.npy", truth)
    return folder


def _draw_truth(features: Features, n_classes: int, machine_accuracy: float, rng: np.random.Generator) -> IntArray:
    with threadpool_limits(limits=1, user_api="blas"):
        values = reduce(features, min(N_COMPONENTS, *features.values.shape)).values
        clusters = KMeans(n_classes, n_init=3, random_state=int(rng.integers(2**31))).fit(values)
        distance = clusters.transform(values)
    nearest = np.argsort(distance, axis=1, kind="stable")
    n_moved = round((1 - machine_accuracy) * len(nearest))
    truth = nearest[:, 0].astype(np.int64)
    moved = rng.permutation(len(nearest))[:n_moved]
    truth[moved] = nearest[moved, 1]
    return fill_up(truth, distance, FEWEST_PER_CLASS)


def fill_up(truth: IntArray, distance: FloatArray, n_fewest: int) -> IntArray:
    """The truth (N,) with at least `n_fewest` items of each class: a small one takes the nearest that others can spare.

    Args:
        truth: (N,) class of each item.
        distance: (N, K) of each item to the middle of each class.
        n_fewest: at most N / K.
    """
    filled, size = truth.copy(), np.bincount(truth, minlength=distance.shape[1])
    for y in np.flatnonzero(size < n_fewest):
        for row in np.argsort(distance[:, y], kind="stable"):
            if size[y] == n_fewest:
                break
            if size[filled[row]] > n_fewest:
                size[filled[row]] -= 1
                size[y] += 1
                filled[row] = y
    return filled
