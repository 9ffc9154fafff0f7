from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs askless[onnx]")
pytest.importorskip("onnxruntime", reason="needs askless[onnx]")

from onnx import TensorProto, helper  # noqa: E402

from askless.embed.onnx_encoder import OnnxEncoder  # noqa: E402
from askless.embed.preprocessing import Preprocessing  # noqa: E402
from askless.errors import DataError  # noqa: E402
from small_networks import mean_network, network  # noqa: E402

PLAIN = Preprocessing(4, None, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
MEANS = PIXELS.mean(axis=(1, 2))


def open_network(model: bytes | Path, preprocessing: Preprocessing = PLAIN) -> OnnxEncoder:
    return OnnxEncoder(model, preprocessing, {"model": "net.onnx"})


def test_rows_as_the_network_gives_them(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(mean_network())
    for model in (mean_network(), tmp_path / "net.onnx"):
        encoder = open_network(model)
        rows = encoder.encode(PIXELS)
        assert (encoder.dimension, rows.dtype) == (3, np.float32)
        np.testing.assert_allclose(rows, MEANS, rtol=1e-5)
    assert encoder.info == {"model": "net.onnx", "engine": "onnxruntime", "output": "out", "batch_size": 8}


def test_a_map_is_averaged() -> None:
    encoder = open_network(network([helper.make_node("Relu", ["image"], ["out"])], {"out": ["n", 3, 4, 4]}))
    np.testing.assert_allclose(encoder.encode(PIXELS), MEANS, rtol=1e-5)


def test_of_tokens_the_first_is_taken() -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [0, 3, 16])
    nodes = [helper.make_node("Reshape", ["image", "shape"], ["out"])]
    encoder = open_network(network(nodes, {"out": ["n", 3, 16]}, constants=[shape]))
    np.testing.assert_array_equal(encoder.encode(PIXELS), PIXELS[..., 0].reshape(3, 16))


def test_of_several_outputs_the_named_one_is_taken() -> None:
    nodes = [helper.make_node("Relu", ["image"], ["logits"]), helper.make_node("Neg", ["image"], ["pooler_output"])]
    encoder = open_network(network(nodes, {"logits": ["n", 3, 4, 4], "pooler_output": ["n", 3, 4, 4]}))
    np.testing.assert_allclose(encoder.encode(PIXELS), -MEANS, rtol=1e-5)
    assert encoder.info["output"] == "pooler_output"


@pytest.mark.parametrize("fixed", [1, 5])
def test_a_network_of_a_fixed_batch(fixed: int) -> None:
    encoder = open_network(mean_network((fixed, 3, 4, 4)))
    assert encoder.batch_size == fixed
    np.testing.assert_allclose(encoder.encode(PIXELS[:1]), MEANS[:1], rtol=1e-5)


def test_a_network_in_half_precision() -> None:
    rows = open_network(mean_network(number=TensorProto.FLOAT16)).encode(PIXELS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, MEANS, rtol=2e-3)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_text("hello")
    for model in (b"", b"hello", tmp_path / "net.onnx", tmp_path / "none.onnx"):
        with pytest.raises(DataError, match=r"net\.onnx cannot be used as an ONNX model .* give another file"):
            open_network(model)


def test_two_sides_at_once_are_refused() -> None:
    both = network(
        [helper.make_node("Add", ["image", "text"], ["out"])], {"out": ["n", 3, 4, 4]}, inputs=["image", "text"]
    )
    with pytest.raises(DataError, match=r"has the inputs \['image', 'text'\].*Export the image side alone"):
        open_network(both)


def test_what_takes_no_pictures_is_refused() -> None:
    with pytest.raises(DataError, match="has the inputs"):
        open_network(network([helper.make_node("Relu", ["image"], ["out"])], {"out": ["n", 3]}, shape=("n", 3)))


def test_another_size_is_refused() -> None:
    size = Preprocessing(6, None, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    with pytest.raises(DataError, match=r"does not take pictures of 6 x 6 pixels .* preprocessor_config\.json"):
        open_network(mean_network(), size)


def test_an_output_of_no_rows_is_refused() -> None:
    nodes = [helper.make_node("ReduceSum", ["image"], ["out"], keepdims=0)]
    with pytest.raises(DataError, match=r"its output out has shape \(\)"):
        open_network(network(nodes, {"out": []}))
