"""Principal components of more rows than fit into memory."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from askless.errors import DataError
from askless.types import Float32Array, FloatArray

Blocks = Callable[[], Iterator[Float32Array]]
SMALLEST_STD = 1e-4


def principal_components(blocks: Blocks, n_components: int) -> tuple[Float32Array, Float32Array]:
    """Centre and map of the first principal components of standardised columns.

    Reads all rows twice, one block at a time. The components of row x are (x - centre) @ map; their mean variance is 1
    and their proportions are those of the columns' correlations.

    Args:
        blocks: gives the rows, (any, D) at a time, from the first to the last, whenever it is called.
        n_components: most components; fewer come of fewer rows or columns.

    Returns:
        Centre (D,) and map (D, C).

    Raises:
        DataError: all rows are equal.
    """
    with threadpool_limits(1):
        n_rows, mean, variance = _moments(blocks)
        std = np.sqrt(variance)
        scale = np.where(std > SMALLEST_STD, 1 / np.maximum(std, SMALLEST_STD), 0)
        if not scale.any():
            raise DataError("All images look the same to these features, so there is nothing to learn from them.")
        correlation = sum(_gram((block - mean) * scale) for block in blocks()) / n_rows
        values, vectors = np.linalg.eigh(correlation)
    kept = np.flatnonzero(values[::-1] > values[-1] * 1e-6)[: min(n_components, n_rows)]
    values, vectors = values[::-1][kept], vectors[:, ::-1][:, kept]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(kept))])
    to_components = scale[:, None] * vectors / np.sqrt(values.mean())
    return mean.astype(np.float32), to_components.astype(np.float32)


def _moments(blocks: Blocks) -> tuple[int, FloatArray, FloatArray]:
    """Number of rows, mean and variance of each column."""
    n_rows, total, squares = 0, np.zeros(()), np.zeros(())
    for block in blocks():
        n_rows += len(block)
        total = total + block.sum(axis=0, dtype=np.float64)
        squares = squares + np.square(block, dtype=np.float64).sum(axis=0)
    mean = total / n_rows
    return n_rows, mean, np.maximum(squares / n_rows - mean**2, 0)


def _gram(block: npt.NDArray[np.float64]) -> FloatArray:
    return block.T @ block
