"""Networks of a few ONNX operators."""

from collections.abc import Sequence
from typing import Any

from onnx import TensorProto, helper


def network(
    nodes: Sequence[Any],
    outputs: dict[str, list[Any]],
    shape: Sequence[Any] = ("n", 3, 4, 4),
    number: int = TensorProto.FLOAT,
    inputs: Sequence[str] = ("image",),
    constants: Sequence[Any] = (),
) -> bytes:
    """An ONNX model of these nodes.

    Args:
        nodes: of its graph.
        outputs: dimensions of each by name.
        shape: of each input.
        number: type of inputs and outputs.
        inputs: their names.
        constants: tensors that nodes name.
    """
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, number, list(shape)) for name in inputs],
        [helper.make_tensor_value_info(name, number, dims) for name, dims in outputs.items()],
        list(constants),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def mean_network(shape: Sequence[Any] = ("n", 3, 4, 4), number: int = TensorProto.FLOAT) -> bytes:
    """Gives the mean of each channel."""
    nodes = [helper.make_node("GlobalAveragePool", ["image"], ["p"]), helper.make_node("Flatten", ["p"], ["out"])]
    return network(nodes, {"out": [shape[0], 3]}, shape, number)
