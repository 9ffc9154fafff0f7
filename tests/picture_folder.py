"""Campaign folders of small pictures, and an encoder that needs no network."""

import io
import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemRow, to_csv
from askless.embed.encoder import Encoder
from askless.embed.preprocessing import Pixels, Preprocessing
from askless.types import Float32Array


def make_folder(root: Path, pictures: Mapping[str, bytes], classes: Sequence[str] = ("cat", "dog")) -> CampaignFolder:
    """A campaign whose items are the pictures, files below its folder."""
    (root / "images").mkdir(parents=True)
    folder = CampaignFolder(root)
    folder.items.write_text(to_csv([ItemRow._fields]))
    add_items(folder, pictures)
    folder.classes.write_text(json.dumps([{"name": name} for name in classes]))
    return folder


def add_items(folder: CampaignFolder, pictures: Mapping[str, bytes]) -> None:
    for name, content in pictures.items():
        (folder.root / "images" / name).write_bytes(content)
    rows = [
        ItemRow(name, f"images/{name}", 8, 8, len(content), blake2b(content, digest_size=16).hexdigest(), "", "")
        for name, content in pictures.items()
    ]
    with folder.items.open("a") as file:
        file.write(to_csv(rows))


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def coloured(n: int, first: int = 0) -> dict[str, bytes]:
    """n pictures of one colour each, which `MeanColour` knows again."""
    return {f"{i:05}.png": png(np.full((8, 8, 3), colour_of(i), np.uint8)) for i in range(first, first + n)}


def colour_of(i: int) -> tuple[int, int, int]:
    return (7 * i % 256, 11 * i % 256, i // 256)


class MeanColour(Encoder):
    """The mean of each channel, and a number that depends on the whole batch as a network's last digit may."""

    preprocessing = Preprocessing(8, None, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "NEAREST")
    dimension = 4

    def __init__(self, batch_size: int = 8) -> None:
        self.batch_size = batch_size
        self.info = {"model": "mean-colour", "batch_size": batch_size}

    def encode(self, pixels: Pixels) -> Float32Array:
        means = pixels.mean(axis=(1, 2), dtype=np.float32)
        return np.column_stack([means, np.full(len(means), means.mean())]).astype(np.float32)
