"""The paper's format of features: one array, one text file of image paths row by row, the class as first folder."""

import re
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
    """Rows of a file.

    Args:
        values: (R, D), memory-mapped, nothing of it read yet.
        paths: R image paths.
        classes: K names, sorted.
        truth: (R,) index of the class of each row.
    """

    values: npt.NDArray[Any]
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    truth: IntArray


def read_image_rows(features: Path, images: Path) -> ImageRows:
    """Maps `features` and finds the class of each of its rows.

    Args:
        features: a `.npy` file, (R, D).
        images: R lines, each a path such as `n02105505/n02105505_7.JPEG`; if a blank and a number end every line, as
            in lists of images with labels, they are no part of the path.

    Raises:
        DataError: files that cannot be read or do not fit together, a path without folder.
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
    names = tuple(sorted({folder for folder, _, _ in folders}))
    index = {name: y for y, name in enumerate(names)}
    truth = np.array([index[folder] for folder, _, _ in folders], dtype=np.int64)
    return ImageRows(values, paths, names, truth)


def _without_labels(lines: tuple[str, ...]) -> tuple[str, ...]:
    labelled = [re.fullmatch(r"(.*\S)\s+\d+", line) for line in lines]
    return tuple(match[1] for match in labelled if match) if all(labelled) else lines
