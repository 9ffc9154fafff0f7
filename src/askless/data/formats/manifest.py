"""Manifests: a table with a row per image, for images that lie anywhere."""

import os
from pathlib import Path

from askless.data.formats.listing import Listing
from askless.data.formats.rows import find_column, read_rows
from askless.data.item_table import find_use

PATH, ITEM = ("path", "image", "file_name"), ("item", "id")
"""The names that a column may have."""


def list_manifest(manifest: Path, listing: Listing) -> None:
    """Adds the images of a table, in its order.

    Its columns are `path` (or image, or file_name; relative to the table, or absolute) and, if there are such, `item`
    (or id; the path otherwise), `label` and `use` (prototype or gold); others are ignored.

    Args:
        manifest: an absolute path.
        listing: gets them.

    Raises:
        DataError: a table that cannot be read, or that does not say where the images are.
    """
    for number, row in enumerate(read_rows(manifest), start=1):
        path = row[find_column(row, PATH, manifest)]
        item = next((row[name] for name in ITEM if row.get(name)), path)
        label = row.get("label", "").strip()
        use = find_use(row.get("use", "").strip())
        if not path:
            listing.skip(f"{manifest}, row {number}", "it has no path")
        elif "://" in path:
            listing.skip(path, "on a network; fetch it, and name the file")
        elif use is None:
            listing.skip(path, f"its use is neither prototype nor gold: {row['use']}")
        elif use and not label:
            listing.skip(path, f"it has the use {use}, but no label")
        else:
            listing.add(item, os.path.normpath(manifest.parent / path), label, use)
