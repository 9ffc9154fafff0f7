"""How a picture is cut, scaled and shifted before a network sees it: as it was when the network was trained."""

import json
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from askless.errors import DataError
from askless.types import Float32Array

Pixels: TypeAlias = npt.NDArray[np.uint8]
Channels: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """From a picture of any size to a square that a network takes.

    Args:
        size: pixels of each side of the square.
        crop_share: the square is cut from the middle and its side is this share of the shorter side;
            none takes the whole picture, whatever its proportions.
        mean: of red, green, blue, in pixel values from 0 to 255.
        std: likewise; a network sees (pixel - mean) / std.
        resample: how the square is scaled, a name of Pillow's `Resampling`.
    """

    size: int
    crop_share: float | None
    mean: Channels
    std: Channels
    resample: str = "BICUBIC"

    @property
    def at_least(self) -> int:
        """Pixels that the shorter side of a picture must have so that nothing is enlarged."""
        return ceil(self.size / (self.crop_share or 1.0))

    def cut(self, image: Image.Image) -> Pixels:
        """The square, (size, size, 3)."""
        width, height = image.size
        box = (0.0, 0.0, float(width), float(height))
        if self.crop_share is not None:
            side = self.crop_share * min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            box = (left, top, left + side, top + side)
        square = image.resize((self.size, self.size), Image.Resampling[self.resample], box=box)
        return np.asarray(square, dtype=np.uint8)

    def scale(self, pixels: Pixels) -> Float32Array:
        """What a network sees of squares (n, size, size, 3): (n, 3, size, size)."""
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled = (pixels.astype(np.float32) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)

    def describe(self) -> dict[str, Any]:
        return asdict(self)


IMAGENET = Preprocessing(
    224,
    224 / 256,
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (0.229 * 255, 0.224 * 255, 0.225 * 255),
)
"""What most networks trained on ImageNet take, DINOv2 among them."""


def read_preprocessing(path: Path) -> Preprocessing:
    """Reads the `preprocessor_config.json` that models on Hugging Face carry.

    Raises:
        DataError: it cannot be read, or asks for what is not offered here (a picture that is not square).
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        scaled = _square(config["size"])
        crops = config.get("do_center_crop", "crop_size" in config)
        size = _square(config["crop_size"]) if crops else scaled
        squeezes = isinstance(config["size"], dict) and "height" in config["size"] and not crops
        factor = float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0
        normalizes = config.get("do_normalize", True)
        mean = config["image_mean"] if normalizes else (0.0, 0.0, 0.0)
        std = config["image_std"] if normalizes else (1.0, 1.0, 1.0)
        return Preprocessing(
            size,
            None if squeezes else size / scaled,
            _channels(mean, factor),
            _channels(std, factor),
            Image.Resampling(int(config.get("resample", Image.Resampling.BICUBIC))).name,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} says nothing that can be used here ({type(error).__name__}: {error}); it must give size, "
            "image_mean and image_std, and a square picture."
        ) from error


def _square(size: Any) -> int:
    if isinstance(size, dict):
        sides = {size[name] for name in ("shortest_edge", "height", "width") if name in size}
        if len(sides) != 1:
            raise ValueError(f"size is {size}")
        (size,) = sides
    return int(size)


def _channels(values: Any, factor: float) -> Channels:
    red, green, blue = (float(value) / factor for value in values)
    return red, green, blue
