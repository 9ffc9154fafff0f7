"""Features from disk, and fewer of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from askless.errors import DataError
from askless.types import Features


def read_features(path: Path) -> Features:
    """Memory-maps a `.npy` file of shape (N, D); row i is item i.

    Raises:
        DataError: no such file, not a plain `.npy` array, or not what `Features` allows.
    """
    return Features(map_features(path))


def map_features(path: Path) -> npt.NDArray[Any]:
    """Memory-maps a `.npy` file without looking at its values, to use a part of a large one.

    Raises:
        DataError: no such file, or not a plain `.npy` array of two dimensions.
    """
    try:
        values = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise DataError(f"The features {path} cannot be read ({error.strerror}); check the path.") from error
    except (ValueError, EOFError) as error:
        raise DataError(
            f"{path} is not a plain .npy array of numbers ({error}); "
            "write it with numpy.save as float16 or float32, without pickled objects."
        ) from error
    if values.ndim != 2:
        raise DataError(
            f"Features must have shape (items, dimensions), not {values.shape}; flatten each item to one row."
        )
    return values


def reduce(features: Features, n_components: int, whiten: bool = False) -> Features:
    """The first principal components of the features, fitted on all rows and without any label.

    One constant scales all components, so that their mean variance is 1 and their proportions stay; or, whitened, each
    has variance 1.

    Args:
        features: (N, D).
        n_components: C, at most min(N, D).
        whiten: scale each component alone.

    Returns:
        (N, C) float32, the component with most variance first; the same input gives the same output.

    Raises:
        DataError: more components asked than there are, or all rows are equal.
    """
    most = min(features.values.shape)
    if not 1 <= n_components <= most:
        raise DataError(
            f"{n_components} components were asked of features of shape {features.values.shape}; "
            f"choose n_components from 1 to {most}."
        )
    centred = features.values - features.values.mean(axis=0, dtype=np.float64).astype(np.float32)
    if not centred.any():
        raise DataError("All rows of the features are equal, so they have no components; give others.")

    n_items, n_dimensions = centred.shape
    solver = "covariance_eigh" if n_items >= n_dimensions else "full"
    components = PCA(n_components, svd_solver=solver, copy=False, whiten=whiten).fit_transform(centred)
    scale = np.sqrt(components.var(axis=0, dtype=np.float64).mean())
    return replace(features, values=(components / scale).astype(np.float32))
