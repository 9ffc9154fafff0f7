"""1,797 handwritten digits that come with scikit-learn: a data set that is always at hand."""

import base64
import io

import numpy as np
from PIL import Image
from sklearn import datasets

from askless.types import Dataset, Features, IntArray


def load_digits() -> tuple[Dataset, Features, IntArray]:
    """The digits as a dataset with 8 x 8 pictures, its pixels as features, and its labels.

    Returns:
        The dataset of N = 1,797 items and classes "0" to "9", features (N, 64) from 0 to 1, labels (N,).
    """
    bunch = datasets.load_digits()
    ink = (bunch.data / 16).astype(np.float32)
    labels = bunch.target.astype(np.int64)
    dataset = Dataset(
        items=tuple(f"digit-{row:04}" for row in range(len(ink))),
        classes=tuple(str(digit) for digit in range(10)),
        images=tuple(_png_uri(row.reshape(8, 8)) for row in ink),
    )
    return dataset, Features(ink), labels


def _png_uri(ink: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> str:
    """A grayscale PNG as a `data:` URI; ink 0 is white, 1 is black."""
    buffer = io.BytesIO()
    Image.fromarray(np.rint(255 * (1 - ink)).astype(np.uint8)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
