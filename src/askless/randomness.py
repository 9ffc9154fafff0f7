"""Every random draw has an address: (seed, purpose, position). No generator state is ever saved."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """The generator for one purpose at one place.

    Args:
        seed: the seed of the campaign or the crowd, not negative.
        purpose: a short word such as `"ask"`; different purposes give independent streams.
        position: whole numbers, not negative, that say where: a log position, an annotator's index.

    >>> bool(generator(0, "ask", 7).integers(1000) == generator(0, "ask", 7).integers(1000))
    True
    """
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), *position]))
