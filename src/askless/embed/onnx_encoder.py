"""Networks as ONNX files, by onnxruntime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from askless.embed.encoder import Encoder
from askless.embed.preprocessing import Pixels, Preprocessing
from askless.errors import DataError
from askless.types import Float32Array

BATCH_SIZE = 8
NAMED_OUTPUTS = ("image_embeds", "features", "pooler_output", "last_hidden_state")
"""Of several outputs the first of these is taken, or else the first."""


class OnnxEncoder(Encoder):
    """A network of one input (n, 3, height, width).

    Of an output (n, D, height, width) the mean is taken, of (n, tokens, D) the first token.
    Each batch runs on one core, so that batches run beside each other and the result does not depend on the cores.
    """

    def __init__(self, model: bytes | Path, preprocessing: Preprocessing, info: dict[str, Any]) -> None:
        """Loads the network and tries it on a black picture.

        Raises:
            DataError: it is no ONNX model, or does not take pictures of this size.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        there = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]
        name = info["model"]
        try:
            source = model if isinstance(model, bytes) else str(model)
            self._session = onnxruntime.InferenceSession(source, options, providers=providers)
        except Exception as error:  # onnxruntime raises a dozen classes of its own, with no common base
            raise DataError(f"{name} cannot be used as an ONNX model ({_short(error)}); give another file.") from error
        image, *others = self._session.get_inputs()
        if others or len(image.shape) != 4:
            raise DataError(
                f"{name} has the inputs {[one.name for one in (image, *others)]}; an image network takes one, "
                "of shape (n, 3, height, width). Export the image side alone."
            )
        self._input = image.name
        self._type = np.float16 if image.type == "tensor(float16)" else np.float32
        outputs = [one.name for one in self._session.get_outputs()]
        self._output = next((one for one in NAMED_OUTPUTS if one in outputs), outputs[0])
        self._is_batch_fixed = isinstance(image.shape[0], int)
        self.batch_size = image.shape[0] if self._is_batch_fixed else BATCH_SIZE
        self.preprocessing = preprocessing
        black = np.zeros((1, preprocessing.size, preprocessing.size, 3), np.uint8)
        try:
            self.dimension = self.encode(black).shape[1]
        except Exception as error:  # likewise
            raise DataError(
                f"{name} does not take pictures of {preprocessing.size} x {preprocessing.size} pixels "
                f"({_short(error)}); put its preprocessor_config.json beside it."
            ) from error
        self.info = info | {"engine": "onnxruntime", "output": self._output, "batch_size": self.batch_size}

    def encode(self, pixels: Pixels) -> Float32Array:
        n = len(pixels)
        if self._is_batch_fixed:
            pixels = np.concatenate([pixels, np.zeros((self.batch_size - n, *pixels.shape[1:]), np.uint8)])
        scaled = self.preprocessing.scale(pixels).astype(self._type, copy=False)
        (output,) = self._session.run([self._output], {self._input: scaled})
        if output.ndim == 4:
            output = output.mean(axis=(2, 3), dtype=np.float32)
        elif output.ndim == 3:
            output = output[:, 0]
        if output.ndim != 2:
            raise DataError(f"its output {self._output} has shape {output.shape}")
        return np.asarray(output[:n], dtype=np.float32)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
