"""Synthetic features of ImageNet-100: no picture behind them, but as hard for a classifier as the paper's.

The recipe of the curves in `benchmarks/paper_curves.py`. Each class w of a group g has a centre; its images stray
from it along directions that all classes share and along a few of its own, in a latent space of 64 dimensions:

    z = G[g] + s[w] * C[w] + 0.7 * R (u * lambda) + 0.7 * L[w] v,      u, v standard normal
    x = max(A' z - 0.3 + 0.3 * e, 0) / 2,                              e standard normal

lambda_j falls as j^-0.5 with mean square 1. G, C, R, L, A are the geometry, the same for every seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from askless.types import Float32Array, FloatArray, IntArray

GEOMETRY_SEED = 7
N_LATENT = 64
N_OWN = 6
N_DIMENSIONS = 2048
"""Most dimensions that there are; fewer are the first of them."""
SPREAD = 0.7
CLOSE, APART = 0.245, 0.32
"""Scale of the class centres within the first group (the dogs), and within the others."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where classes lie; rows are classes in the order of the groups.

    Args:
        row: class name -> row.
        centre: (K, q), of all K classes of all groups: G + s * C.
        own: (K, q, 6), the directions L of each class.
        shared: (q, q), the directions R of all classes, each scaled by lambda.
        projection: (q, 2048), A.
    """

    row: dict[str, int]
    centre: FloatArray
    own: FloatArray
    shared: FloatArray
    projection: FloatArray


def make_geometry(groups: Sequence[Sequence[str]]) -> Geometry:
    """Draws G, C, R, L, A in this order.

    Args:
        groups: the names of the classes of each group; no name twice.
    """
    rng = np.random.RandomState(GEOMETRY_SEED)
    names = [name for group in groups for name in group]
    group_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    group_centre = rng.standard_normal((len(groups) + 1, N_LATENT))  # one more, of classes without a group: unused
    class_centre = rng.standard_normal((len(names), N_LATENT))
    rotation = np.linalg.qr(rng.standard_normal((N_LATENT, N_LATENT)))[0]
    own = rng.standard_normal((len(names), N_LATENT, N_OWN)) / np.sqrt(N_OWN)
    projection = rng.standard_normal((N_LATENT, N_DIMENSIONS)) / np.sqrt(N_LATENT)

    scale = np.where(group_of == 0, CLOSE, APART)[:, None]
    decay = np.arange(1, N_LATENT + 1) ** -0.5
    return Geometry(
        row={name: row for row, name in enumerate(names)},
        centre=group_centre[group_of] + scale * class_centre,
        own=own,
        shared=rotation * (decay / np.sqrt(np.mean(decay**2))),
        projection=projection,
    )


def draw_features(geometry: Geometry, n_images: Mapping[str, int], seed: int, n_dimensions: int) -> Float32Array:
    """(images of all classes, n_dimensions), class after class; the same on any number of cores.

    Args:
        geometry: see `make_geometry`.
        n_images: how many of each class; the geometry has these names.
        seed: of the images; the geometry stays.
        n_dimensions: from 1 to `N_DIMENSIONS`.
    """
    rng = np.random.RandomState((seed + 999) % 2**32)
    projection = geometry.projection[:, :n_dimensions]
    features = np.empty((sum(n_images.values()), n_dimensions), np.float32)
    start = 0
    with threadpool_limits(limits=1, user_api="blas"):
        for name, n in n_images.items():
            row = geometry.row[name]
            u = rng.standard_normal((n, N_LATENT))
            v = rng.standard_normal((n, N_OWN))
            e = rng.standard_normal((n, n_dimensions))
            z = geometry.centre[row] + SPREAD * (u @ geometry.shared.T) + SPREAD * (v @ geometry.own[row].T)
            features[start : start + n] = 0.5 * np.maximum(z @ projection - 0.3 + 0.3 * e, 0)
            start += n
    return features


def draw_prototypes(n_classes: int, n_per_class: int, n_prototypes: int, seed: int) -> IntArray:
    """(K * n_prototypes,) sorted rows of `draw_features`: of each class the first of a random permutation."""
    rng = np.random.RandomState(seed % 2**32)
    chosen = [y * n_per_class + rng.permutation(n_per_class)[:n_prototypes] for y in range(n_classes)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
