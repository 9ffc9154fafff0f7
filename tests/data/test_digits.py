import base64
import io

import numpy as np
from PIL import Image

from askless.data.digits import load_digits


def test_digits_are_complete() -> None:
    dataset, features, labels = load_digits()
    assert (dataset.n_items, dataset.n_classes) == (1797, 10)
    assert dataset.items[0] == "digit-0000"
    assert dataset.items[-1] == "digit-1796"
    assert dataset.classes == tuple("0123456789")
    assert features.values.shape == (1797, 64)
    assert features.values.dtype == np.float32
    assert (features.values.min(), features.values.max()) == (0, 1)
    assert labels.dtype == np.int64
    assert np.bincount(labels).min() >= 174
    assert labels[:10].tolist() == list(range(10))


def test_pictures_show_the_features_as_dark_ink() -> None:
    dataset, features, _ = load_digits()
    assert dataset.images is not None
    for row in (0, 1000):
        prefix, content = dataset.images[row].split(",")
        assert prefix == "data:image/png;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(content)))
        assert (picture.mode, picture.size) == ("L", (8, 8))
        darkness = 1 - np.asarray(picture, dtype=float) / 255
        np.testing.assert_allclose(darkness.ravel(), features.values[row], atol=1 / 255)
