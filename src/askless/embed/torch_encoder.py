"""Networks as Hugging Face keeps them, by transformers and PyTorch: on a GPU when there is one."""

from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from askless.embed.encoder import Encoder, TextEncoder
from askless.embed.preprocessing import Pixels, Preprocessing
from askless.errors import DataError
from askless.types import Float32Array

BATCH_SIZE = 8


class TorchEncoder(Encoder):
    """An image network, or both sides of one that was trained on images with captions (CLIP, SigLIP).

    Weights are read from safetensors only and no code that comes with them is run. On a CPU each batch runs on one
    core, so that batches run beside each other and the result does not depend on the cores.
    """

    batch_size = BATCH_SIZE

    def __init__(self, folder: Path, preprocessing: Preprocessing, info: dict[str, Any]) -> None:
        """Loads the network of a folder with `config.json` and `*.safetensors`.

        Raises:
            DataError: it holds no such network.
        """
        logging.disable_progress_bar()
        try:
            model = AutoModel.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, dtype=torch.float32
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder} holds no model that transformers can load from safetensors "
                f"({' '.join(str(error).split())[:200]}); give the folder of one."
            ) from error
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            torch.set_num_threads(1)
        model.eval().to(self._device)
        self._see = model
        if hasattr(model, "get_text_features"):
            self._see = model.get_image_features
            self.text = TorchTextEncoder(model, folder, self._device)
        self.preprocessing = preprocessing
        self.dimension = self.encode(np.zeros((1, preprocessing.size, preprocessing.size, 3), np.uint8)).shape[1]
        self.info = info | {"engine": "torch", "device": self._device, "batch_size": self.batch_size}

    def encode(self, pixels: Pixels) -> Float32Array:
        with torch.inference_mode():
            return _rows(self._see(pixel_values=torch.from_numpy(self.preprocessing.scale(pixels)).to(self._device)))


class TorchTextEncoder(TextEncoder):
    """The text side of such a network."""

    def __init__(self, model: Any, folder: Path, device: str) -> None:
        self.scale = exp(model.logit_scale.item())
        self._model, self._folder, self._device = model, folder, device

    def encode(self, texts: Sequence[str]) -> Float32Array:
        tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
        tokens = tokenizer(
            [text.lower() for text in texts],
            padding="max_length",
            truncation=True,
            max_length=self._model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )
        with torch.inference_mode():
            return _rows(self._model.get_text_features(input_ids=tokens["input_ids"].to(self._device)))


def _rows(output: Any) -> Float32Array:
    """The pooled output of a model: transformers gives it bare or, since version 5, inside an object."""
    pooled = output if isinstance(output, torch.Tensor) else output.pooler_output
    if pooled is None:
        pooled = output.last_hidden_state[:, 0]
    return np.asarray(pooled.flatten(1).float().cpu().numpy())
