"""Labelled data to simulate with: items, features, the truth, and the prototypes drawn from it."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.config import experiment_classes
from askless.data.digits import load_digits
from askless.data.features import read_features, reduce
from askless.data.folder import CampaignFolder
from askless.data.image_rows import read_image_rows
from askless.data.lines import read_lines
from askless.errors import DataError
from askless.randomness import generator
from askless.settings import SimulationConfig
from askless.simulate import synthetic
from askless.simulate.campaign_folder import read_labelled_items
from askless.simulate.draw import choose_classes, draw_items
from askless.simulate.recorded import Recorded, read_recorded
from askless.types import Dataset, Features, Float32Array, IntArray, Prototypes

GROUPS_OF_CLASSES = tuple(f"imagenet_split_{number}" for number in range(6))
"""Experiments that are the six groups of the paper's classes, in the order of its `groups.txt`."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a simulation starts from.

    Args:
        dataset: N items and K classes.
        features: (N, D).
        truth: (N,) index of the class of each item.
        prototypes: items of the dataset whose truth the campaign may know.
        has_other: whether the last class is the catch-all of distractors.
        recorded: what real people said of the items, to be replayed; none if the crowd is made up.
    """

    dataset: Dataset
    features: Features
    truth: IntArray
    prototypes: Prototypes
    has_other: bool = False
    recorded: Recorded | None = None


def load(config: SimulationConfig) -> Source:
    """Reads `config.dataset` or `config.features`, draws prototypes and data per class, reduces features.

    Prototypes are drawn first, so they stay the same whatever `n_data_per_class` is (but in synthetic features,
    which are made as many as needed). Items keep their order. A class with fewer items than asked gives what it has.
    Where labels of real people are replayed, only items that have some are to be labelled.

    A folder holds `features.npy`; `labels.npy` or, with columns item and label, `labels.csv` or `truth.csv`;
    perhaps `class_names.json` (a list) and `images.txt` (a path per line, relative to the folder). Or it is a campaign
    folder with known labels and features.

    Raises:
        DataError: no such data, files that do not fit together, a class too small for its prototypes.
    """
    if config.features is None:
        source = _labelled(config)
    elif config.features == "synthetic":
        source = _synthetic(config)
    else:
        source = _images(config)
    if config.n_components is None:
        return source
    return replace(source, features=reduce(source.features, config.n_components, config.whiten))


def _labelled(config: SimulationConfig) -> Source:
    """From the digits, or a folder with labels."""
    dataset, features, truth = load_digits() if config.dataset == "digits" else _read_folder(Path(config.dataset))
    return _choose(config, dataset.items, dataset.images, dataset.classes, truth, features.values, features.prior)


def _images(config: SimulationConfig) -> Source:
    """From the user's features in the paper's format; only the rows that are kept are ever read."""
    assert config.features is not None
    assert config.images is not None
    file = Path(config.images)
    rows = read_image_rows(Path(config.features), file)
    source = _choose(config, rows.paths, None, rows.classes, rows.truth, rows.values)
    images = tuple(str(file.parent / item) for item in source.dataset.items)
    return replace(source, dataset=replace(source.dataset, images=images))


def _choose(
    config: SimulationConfig,
    items: tuple[str, ...],
    images: tuple[str, ...] | None,
    names: tuple[str, ...],
    truth: IntArray,
    values: npt.NDArray[Any],
    prior: Float32Array | None = None,
) -> Source:
    """What is used of R items with these class names, truth (R,), features (R, D) and, if all classes are, prior."""
    classes, position = choose_classes(names, config)
    truth = position[truth]
    recorded, has_label = None, None
    if config.crowd.recorded is not None:
        recorded = read_recorded(Path(config.crowd.recorded), items, names).of_classes(position, len(classes))
        has_label = recorded.n_labels > 0
    kept, prototypes = draw_items(classes, truth, config, has_label)
    truth = truth[kept]
    return Source(
        Dataset(tuple(items[i] for i in kept), classes, None if images is None else tuple(images[i] for i in kept)),
        Features(
            values if len(kept) == len(items) else values[kept],
            prior[kept] if prior is not None and classes == names else None,
        ),
        truth,
        Prototypes(prototypes, truth[prototypes]),
        config.n_distractors_per_class > 0,
        None if recorded is None else recorded.of_items(kept),
    )


def _synthetic(config: SimulationConfig) -> Source:
    """Made as the recipe says, for any classes of the paper's six groups; distractors are of their other classes."""
    assert config.classes is not None
    assert config.n_data_per_class is not None
    geometry = synthetic.make_geometry([experiment_classes(name) for name in GROUPS_OF_CLASSES])
    for name in config.classes:
        if name not in geometry.row:
            raise DataError(
                f"There are no synthetic features of class {name!r}; choose wnids of experiment=imagenet_100_classes."
            )
    classes, _ = choose_classes(tuple(geometry.row), config)
    n_classes, n_prototypes = len(config.classes), config.n_prototypes_per_class
    n_per_class = config.n_data_per_class + n_prototypes
    made = dict.fromkeys(config.classes, n_per_class)
    truth = np.repeat(np.arange(n_classes), n_per_class)
    prototypes = synthetic.draw_prototypes(n_classes, n_per_class, n_prototypes, config.seed)
    has_other = config.n_distractors_per_class > 0
    if has_other:
        rng = generator(config.seed, "distractors")
        n_other = config.n_distractors_per_class * n_classes + n_prototypes
        others = [name for name in geometry.row if name not in made]
        n_of_each = np.bincount(rng.integers(len(others), size=n_other), minlength=len(others)).tolist()
        made |= dict(zip(others, n_of_each, strict=True))
        known = len(truth) + np.sort(rng.permutation(n_other)[:n_prototypes])
        prototypes = np.concatenate([prototypes, known])
        truth = np.concatenate([truth, np.full(n_other, n_classes)])
    items = tuple(f"{name}/{row:05}" for name, n_items in made.items() for row in range(n_items))
    features = synthetic.draw_features(geometry, made, config.seed, config.n_dimensions)
    return Source(
        Dataset(items, classes), Features(features), truth, Prototypes(prototypes, truth[prototypes]), has_other
    )


def _read_folder(folder: Path) -> tuple[Dataset, Features, IntArray]:
    if not folder.is_dir():
        raise DataError(
            f"dataset={str(folder)!r} is neither 'digits' nor a folder; "
            "name a folder of features.npy and labels.npy, or choose 'digits'."
        )
    if CampaignFolder(folder).items.is_file():
        return read_labelled_items(folder)
    if not (folder / "features.npy").is_file():
        raise DataError(f"The folder {folder} has no features.npy; save the features there, one row per item.")
    features = read_features(folder / "features.npy")
    n_items = len(features)

    paths = read_lines(folder / "images.txt") if (folder / "images.txt").is_file() else None
    if paths is not None and len(paths) != n_items:
        raise DataError(f"{folder} has {n_items} rows of features but {len(paths)} images; give one path per row.")
    width = max(5, len(str(n_items - 1)))
    items = paths or tuple(f"item-{row:0{width}}" for row in range(n_items))

    names = _read_class_names(folder / "class_names.json") if (folder / "class_names.json").is_file() else None
    truth = _read_labels(folder, items, names)
    if not names and truth.max() >= len(truth):
        raise DataError(
            f"The largest label is {truth.max()} for {len(truth)} items; number the classes from 0 without gaps."
        )
    classes = names or tuple(str(y) for y in range(max(int(truth.max()), 1) + 1))
    outside = (truth < 0) | (truth >= len(classes))
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"Row {row} of the labels in {folder} is {truth[row]}; allowed is 0 to {len(classes) - 1}, "
            "an index of a class; correct the labels or class_names.json."
        )
    if len(np.unique(truth)) < 2:
        raise DataError(f"All labels in {folder} are {classes[truth[0]]!r}; a simulation needs two classes or more.")
    images = None if paths is None else tuple(str(folder / path) for path in paths)
    return Dataset(items, classes, images), features, truth


def _read_labels(folder: Path, items: tuple[str, ...], names: tuple[str, ...] | None) -> IntArray:
    """(N,) labels in the order of `items`, from the first file that is there; perhaps not yet in range."""
    if (folder / "labels.npy").is_file():
        return _read_label_array(folder / "labels.npy", len(items))
    for name in ("labels.csv", "truth.csv"):
        if (folder / name).is_file():
            return _read_label_table(folder / name, items, names)
    raise DataError(f"The folder {folder} has no labels; add labels.npy, or labels.csv with columns item and label.")


def _read_label_array(path: Path, n_items: int) -> IntArray:
    try:
        labels = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not a plain .npy array ({error}); write it with numpy.save.") from error
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path} must hold one whole number per item, not {labels.dtype} of shape {labels.shape}; "
            "save the index of each item's class."
        )
    if len(labels) != n_items:
        raise DataError(f"{path} has {len(labels)} labels for {n_items} rows of features; give one label per row.")
    return np.array(labels, dtype=np.int64)


def _read_label_table(path: Path, items: tuple[str, ...], names: tuple[str, ...] | None) -> IntArray:
    """An item is given by its id or row number, a label by its class name or index; names and ids win."""
    rows = {str(row): row for row in range(len(items))} | {item: row for row, item in enumerate(items)}
    index = {name: y for y, name in enumerate(names or ())}
    labels: dict[int, int] = {}
    for line, item, label in _read_table(path):
        if item not in rows:
            raise DataError(f"Line {line} of {path} names item {item!r}, which is not there; use ids or row numbers.")
        if rows[item] in labels:
            raise DataError(f"Line {line} of {path} labels item {item!r} a second time; keep one line per item.")
        if label in index:
            labels[rows[item]] = index[label]
        elif label.isdecimal():
            labels[rows[item]] = int(label)
        else:
            raise DataError(
                f"Line {line} of {path} has label {label!r}, which is neither a class nor the index of one; "
                "list the classes in class_names.json."
            )
    if len(labels) != len(items):
        raise DataError(f"{path} has {len(labels)} labels for {len(items)} rows of features; give one label per row.")
    return np.array([labels[row] for row in range(len(items))], dtype=np.int64)


def _read_table(path: Path) -> list[tuple[int, str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"item", "label"} <= set(reader.fieldnames or ()):
                raise DataError(f"{path} must have the columns item and label, not {reader.fieldnames}; name them so.")
            return [(reader.line_num, str(row["item"]), str(row["label"]).strip()) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); save it as CSV in UTF-8.") from error


def _read_class_names(path: Path) -> tuple[str, ...]:
    try:
        names = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not valid JSON ({error}); write a list of class names.") from error
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path} must be a JSON list of two or more class names, one string each; index = label.")
    return tuple(names)
