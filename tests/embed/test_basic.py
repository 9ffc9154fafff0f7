import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from askless.embed.basic import BasicEncoder, binary_patterns, colour_histograms, oriented_gradients
from askless.embed.components import principal_components

GREY = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (1, 64, 1))
"""One picture that grows brighter from left to right."""


def strengths(grey: np.ndarray) -> np.ndarray:
    """(64 cells, 9 directions) of one picture."""
    return oriented_gradients(grey.astype(np.float32)).reshape(64, 9)


def test_a_row_per_picture_whatever_the_batch() -> None:
    encoder = BasicEncoder()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    rows = encoder.encode(pixels)
    assert rows.shape == (5, encoder.dimension)
    assert rows.dtype == np.float32
    for i in range(5):
        np.testing.assert_array_equal(encoder.encode(pixels[i : i + 1])[0], rows[i])


def test_colours_are_counted() -> None:
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    pixels[:, :16] = (255, 0, 64)
    shares = colour_histograms(pixels)[0] ** 2
    assert shares[3 * 16 + 0 * 4 + 1] == pytest.approx(0.25)
    assert shares[0] == pytest.approx(0.75)


def test_edges_have_a_direction() -> None:
    across, down = strengths(GREY), strengths(GREY.transpose(0, 2, 1))
    assert (across.argmax(axis=1)[:-8] == 0).all()
    assert set(down.argmax(axis=1)[:56]) <= {4, 5}
    assert not strengths(np.full((1, 64, 64), 0.3)).any()


def test_contrast_changes_little_and_brightness_nothing() -> None:
    noise = np.random.default_rng(1).random((1, 64, 64))
    plain = strengths(noise)
    np.testing.assert_allclose(strengths(noise + 3), plain, atol=1e-2)
    np.testing.assert_allclose(strengths(noise * 2), plain, rtol=0.02)
    assert np.abs(plain - strengths(noise[:, ::-1])).max() > 0.1


def test_patterns_are_shares_and_flat_is_one_pattern() -> None:
    flat = binary_patterns(np.zeros((1, 64, 64), np.float32))[0]
    assert flat.max() == 1
    assert np.count_nonzero(flat) == 1
    noise = binary_patterns(np.random.default_rng(0).random((3, 64, 64)).astype(np.float32))
    np.testing.assert_allclose((noise**2).sum(axis=1), 1, rtol=1e-5)
    assert np.count_nonzero(noise[0]) > 50


def test_digits_are_told_apart_better_than_by_their_pixels() -> None:
    """A linear probe that has seen 200 digits is right on 97.0 % of 700 others, and on 93.0 % by their pixels."""
    chosen = np.random.default_rng(0).permutation(1797)[:900]
    data, truth = (column[chosen] for column in load_digits(return_X_y=True))
    ink = np.rint(255 - data.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    encoder = BasicEncoder()
    pictures = [Image.fromarray(digit).resize((48, 48), Image.Resampling.BICUBIC).convert("RGB") for digit in ink]
    rows = encoder.encode(np.stack([encoder.preprocessing.cut(picture) for picture in pictures]))
    centre, to_components = principal_components(lambda: iter([rows]), 256)
    labelled = np.arange(len(ink)) < 200

    def accuracy(features: np.ndarray) -> float:
        probe = LogisticRegression(max_iter=2000).fit(features[labelled], truth[labelled])
        return float(probe.score(features[~labelled], truth[~labelled]))

    by_pixels = accuracy(data / 16)
    by_features = accuracy((rows - centre) @ to_components)
    assert by_features > 0.96
    assert by_features > by_pixels + 0.02
