"""The paper's format of features: one array, one text file of image paths row by row, the class as first folder."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.data.features import map_features
from askless.data.lines import read_lines
from askless.errors import DataError
from askless.types import IntArray


@dataclass(frozen=True, eq=False)
class ImageRows:
    """Rows of a file, those of other classes included.

    Args:
        values: (R, D), memory-mapped, nothing of it read yet.
        paths: R image paths.
        classes: K names.
        truth: (R,) index of the class of each row, -1 for a class that was not asked for.
    """

    values: npt.NDArray[Any]
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    truth: IntArray


def read_image_rows(features: Path, images: Path, classes: Sequence[str] | None) -> ImageRows:
    """Maps `features` and finds the class of each of its rows.

    Args:
        features: a `.npy` file, (R, D).
        images: R lines, each a path such as `n02105505/n02105505_7.JPEG`; if a blank and a number end every line,
            as in lists of images with labels, they are no part of the path.
        classes: those wanted, in their order; none means all there are, sorted.

    Raises:
        DataError: files that cannot be read or do not fit together, a path without folder, a class without images.
    """
    values = map_features(features)
    paths = _without_labels(read_lines(images))
    if len(paths) != len(values):
        raise DataError(
            f"{features} has {len(values)} rows but {images} names {len(paths)} images; give one path per row."
        )
    folders = [path.removeprefix("./").partition("/") for path in paths]
    for line, (folder, slash, _) in enumerate(folders, start=1):
        if not (folder and slash):
            raise DataError(
                f"Image {line} of {images} is {paths[line - 1]!r}; the first folder of a path must be its class, "
                "so write it as CLASS/NAME."
            )
    there = sorted({folder for folder, _, _ in folders})
    names = tuple(there if classes is None else classes)
    missing = sorted(set(names) - set(there))
    if missing:
        raise DataError(
            f"{images} has no image of class {missing[0]!r}{f' and {len(missing) - 1} more' if missing[1:] else ''}; "
            f"its first folders are {', '.join(there[:5])}{', ...' if there[5:] else ''}; "
            "choose another experiment, or set classes to those there are."
        )
    index = {name: y for y, name in enumerate(names)}
    truth = np.array([index.get(folder, -1) for folder, _, _ in folders], dtype=np.int64)
    return ImageRows(values, paths, names, truth)


def _without_labels(lines: tuple[str, ...]) -> tuple[str, ...]:
    labelled = [re.fullmatch(r"(.*\S)\s+\d+", line) for line in lines]
    return tuple(match[1] for match in labelled if match) if all(labelled) else lines
