"""Features without a network: where which colours are, how edges run, which small patterns occur.

Colour in opponent channels, histograms of oriented gradients (Dalal and Triggs, CVPR 2005) and uniform local binary
patterns (Ojala, Pietikainen and Maenpaa, PAMI 2002), each of a small square. They see colour, shape and texture, not
objects: any network sees more.
"""

import numpy as np

from askless.embed.encoder import Encoder
from askless.embed.preprocessing import Pixels, Preprocessing
from askless.types import Float32Array, IntArray

SIZE = 64
CELL = 8
N_DIRECTIONS = 9
N_COMPONENTS = 256


class BasicEncoder(Encoder):
    """See the module; 256 principal components of all items are kept in the end."""

    preprocessing = Preprocessing(SIZE, None, (0.0, 0.0, 0.0), (255.0, 255.0, 255.0), "BOX")
    batch_size = 32
    n_components = N_COMPONENTS

    def __init__(self) -> None:
        self.dimension = self.encode(np.zeros((1, SIZE, SIZE, 3), np.uint8)).shape[1]
        self.info = {
            "model": "basic",
            "engine": "numpy",
            "licence": "MIT",
            "batch_size": self.batch_size,
            "n_components": N_COMPONENTS,
        }

    def encode(self, pixels: Pixels) -> Float32Array:
        red, green, blue = np.moveaxis(pixels.astype(np.float32) / 255, 3, 0)
        grey = (red + green + blue) / 3
        parts = [
            *(_cell_means(plane) for plane in (grey, red - green, (red + green) / 2 - blue)),
            colour_histograms(pixels),
            oriented_gradients(grey),
            binary_patterns(grey),
            binary_patterns(_halve(grey)),
        ]
        return np.concatenate(parts, axis=1)


def colour_histograms(pixels: Pixels) -> Float32Array:
    """(n, 64): square roots of the shares of 4 x 4 x 4 colours."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64) // 64, 3, 0)
    return _shares(16 * red + 4 * green + blue, 64)


def oriented_gradients(grey: Float32Array) -> Float32Array:
    """(n, 576) of (n, 64, 64): per cell of 8 x 8 pixels how strong edges of 9 directions are, of 2 x 2 cells in all."""
    down = np.diff(grey, axis=1, append=grey[:, -1:])
    right = np.diff(grey, axis=2, append=grey[:, :, -1:])
    strength = np.hypot(down, right)
    direction = np.arctan2(down, right) % np.pi * (N_DIRECTIONS / np.pi)
    lower = np.floor(direction)
    share = direction - lower
    cells = []
    for d in range(N_DIRECTIONS):
        weight = np.where(lower % N_DIRECTIONS == d, 1 - share, 0) + np.where((lower + 1) % N_DIRECTIONS == d, share, 0)
        cells.append(_cell_sums(strength * weight))
    histograms = np.stack(cells, axis=-1)
    energy = np.pad((histograms**2).sum(axis=-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(energy[:, i : i + SIZE // CELL, j : j + SIZE // CELL] for i in range(3) for j in range(3))
    normalized = histograms / np.sqrt(np.asarray(around)[..., None] + 1e-2)
    return np.sqrt(normalized).reshape(len(grey), -1).astype(np.float32)


def binary_patterns(grey: Float32Array) -> Float32Array:
    """(n, 59): square roots of the shares of patterns of brighter and darker neighbours."""
    centre = grey[:, 1:-1, 1:-1]
    code = np.zeros(centre.shape, np.int64)
    height, width = grey.shape[1:]
    for bit, (i, j) in enumerate(RING):
        code |= (grey[:, i : height - 2 + i, j : width - 2 + j] > centre + 1 / 255).astype(np.int64) << bit
    return _shares(PATTERN_OF_CODE[code], N_PATTERNS)


RING = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
N_PATTERNS = 59


def _uniform_patterns() -> IntArray:
    """The pattern of each code of 8 bits: those that change at most twice around the ring have their own."""
    codes = np.arange(256)
    bits = codes[:, None] >> np.arange(8) & 1
    is_uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2
    return np.where(is_uniform, np.cumsum(is_uniform) - 1, N_PATTERNS - 1)


PATTERN_OF_CODE = _uniform_patterns()


def _shares(kinds: IntArray, n_kinds: int) -> Float32Array:
    n = len(kinds)
    flat = kinds.reshape(n, -1)
    counts = np.bincount((flat + n_kinds * np.arange(n)[:, None]).ravel(), minlength=n * n_kinds)
    return np.sqrt(counts.reshape(n, n_kinds) / flat.shape[1]).astype(np.float32)


def _cell_sums(plane: Float32Array) -> Float32Array:
    n = len(plane)
    return np.asarray(plane.reshape(n, SIZE // CELL, CELL, SIZE // CELL, CELL).sum(axis=(2, 4)))


def _cell_means(plane: Float32Array) -> Float32Array:
    return _cell_sums(plane).reshape(len(plane), -1) / np.float32(CELL**2)


def _halve(plane: Float32Array) -> Float32Array:
    n, height, width = plane.shape
    return np.asarray(plane.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4)))
