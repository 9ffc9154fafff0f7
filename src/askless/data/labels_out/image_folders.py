"""Formats in which images lie beside their labels: ImageFolder, Hugging Face imagefolder, FiftyOne classification."""

from collections.abc import Iterator

import numpy as np

from askless.data.labels_out.files import File, ItemImage, csv_bytes, json_bytes
from askless.data.labels_out.names import image_names, safe_names
from askless.data.labels_out.outcome import DecidedBy, Outcome
from askless.data.labels_out.plain import as_text, label_table
from askless.errors import DataError


def to_imagefolder(outcome: Outcome) -> Iterator[File]:
    """One folder per class, as torchvision reads it; folders.csv says which class a folder is, labels.csv all the rest.

    An item that nobody has decided on is in no folder, only in labels.csv; a class that no item has gets no folder.
    torchvision numbers classes by the sorted names of their folders.
    """
    folders = safe_names(outcome.classes)
    names = _image_names(outcome)
    is_decided = outcome.decided_by != DecidedBy.NOBODY
    files = [f"{folders[y]}/{names[i]}" if is_decided[i] else "" for i, y in _numbered(outcome)]
    for i in np.flatnonzero(is_decided).tolist():
        yield files[i], ItemImage(i)
    yield "folders.csv", csv_bytes(("folder", "class"), zip(folders, outcome.classes, strict=True))
    yield _table_with_files(outcome, "labels.csv", files)


def to_huggingface(outcome: Outcome) -> Iterator[File]:
    """Images and their metadata.csv in train/. Labels are names; classes.json has them in order, for `ClassLabel`."""
    names = _image_names(outcome)
    for i, name in enumerate(names):
        yield f"train/{name}", ItemImage(i)
    yield _table_with_files(outcome, "train/metadata.csv", names)
    yield "classes.json", json_bytes(outcome.classes)


def to_fiftyone(outcome: Outcome) -> Iterator[File]:
    """data/ and labels.json: the index of the class by the name of the image without its ending."""
    names = _image_names(outcome)
    for i, name in enumerate(names):
        yield f"data/{name}", ItemImage(i)
    labels = {names[i].rpartition(".")[0] or names[i]: y for i, y in _numbered(outcome)}
    yield "labels.json", json_bytes({"classes": outcome.classes, "labels": labels})
    yield label_table(outcome)


def _numbered(outcome: Outcome) -> Iterator[tuple[int, int]]:
    return enumerate(outcome.result.label.tolist())


def _image_names(outcome: Outcome) -> list[str]:
    dataset = outcome.result.dataset
    if dataset.images is None:
        raise DataError("These items have no images; choose a format that is a table, such as csv.")
    return image_names(dataset)


def _table_with_files(outcome: Outcome, name: str, files: list[str]) -> File:
    rows = ([file, *as_text(row)] for file, row in zip(files, outcome.rows(), strict=True))
    return name, csv_bytes(("file_name", *outcome.COLUMNS), rows)
