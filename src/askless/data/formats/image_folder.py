"""Folders of images: nested as they may be, with folder names as labels, with metadata files, with tar files."""

import os
import posixpath
from pathlib import Path

from askless.data.formats.listing import Listing
from askless.data.formats.rows import find_column, read_rows
from askless.data.formats.walk import walk
from askless.data.formats.webdataset import list_shard

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""As in Hugging Face's imagefolder: `file_name`, relative to where the file lies, and perhaps `label`."""


def list_folder(folder: Path, listing: Listing) -> None:
    """Adds everything below a folder; ids are paths relative to it, and images come in the order of their ids.

    If there is any metadata file, labels come from these; otherwise the label of an image is the first folder on the
    way to it (torchvision's ImageFolder). The images of a tar file are labelled inside it.

    Args:
        folder: an absolute path.
        listing: gets them.

    Raises:
        DataError: a metadata file that cannot be read.
    """
    start = len(os.path.join(folder, ""))
    places = {place[start:].replace(os.sep, "/"): place for place in walk(folder, listing.root, listing.skip)}
    metadata = {item: place for item, place in places.items() if os.path.basename(place) in METADATA}
    labels: dict[str, str] = {}
    for item, place in metadata.items():
        labels |= _read_metadata(Path(place), item.rpartition("/")[0], places, listing)
    for item in sorted(places.keys() - metadata.keys()):
        if item.lower().endswith(".tar"):
            list_shard(Path(places[item]), item, listing)
        elif metadata:
            listing.add(item, places[item], labels.get(item, ""))
        else:
            listing.add(item, places[item], item.partition("/")[0] if "/" in item else "")


def _read_metadata(path: Path, base: str, places: dict[str, str], listing: Listing) -> dict[str, str]:
    """Labels by item; files that are named but not there are reported."""
    labels = {}
    for row in read_rows(path):
        name = row[find_column(row, ("file_name",), path)]
        item = posixpath.normpath(posixpath.join(base, name))
        if item not in places:
            listing.skip(str(path.parent / name), f"named in {path.name}, but not there")
        labels[item] = row.get("label", "")
    return labels
