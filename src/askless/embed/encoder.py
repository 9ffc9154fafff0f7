"""What turns pictures into rows of features."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from askless.embed.preprocessing import Pixels, Preprocessing
from askless.types import Float32Array


class TextEncoder(ABC):
    """The side of a network that sees text; a text and a picture of the same thing are near each other.

    Args:
        scale: what the cosine of text and picture is multiplied by to make a logit.
    """

    scale: float

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Float32Array:
        """(n, D) of n texts."""


class Encoder(ABC):
    """A network, or a recipe without one. `encode` is called from several threads at once.

    Args:
        preprocessing: how a picture is cut for it.
        dimension: D, numbers per picture.
        batch_size: pictures that are encoded together; part of the recipe, since sums depend on it in the last digit.
        n_components: the rows of all items are reduced to so many principal components in the end; none leaves them.
        info: what it is, in words and digests, for the JSON beside the features.
        text: the other side of a network that was trained on pictures with captions.
    """

    preprocessing: Preprocessing
    dimension: int
    batch_size: int
    n_components: int | None = None
    info: dict[str, Any]
    text: TextEncoder | None = None

    @abstractmethod
    def encode(self, pixels: Pixels) -> Float32Array:
        """(n, D) of squares (n, size, size, 3); n is at most `batch_size`."""
