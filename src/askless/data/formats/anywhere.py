"""Images from wherever the user says they are."""

from pathlib import Path

from askless.data.formats.image_folder import list_folder
from askless.data.formats.listing import Listing
from askless.data.formats.manifest import list_manifest
from askless.data.formats.rows import SUFFIXES
from askless.data.formats.webdataset import list_shard
from askless.errors import DataError


def list_images(source: Path, root: Path) -> Listing:
    """What a folder, a manifest or a tar file offers.

    Args:
        source: a folder, a table (`list_manifest`) or a `.tar` file.
        root: the campaign folder, absolute.

    Raises:
        DataError: it is none of these, or it cannot be read.
    """
    listing, place = Listing(root), source.absolute()
    if place == root:
        raise DataError(f"{source} is the campaign folder itself; give the images a folder of their own.")
    if place.is_dir():
        list_folder(place, listing)
    elif place.suffix.lower() == ".tar" and place.is_file():
        list_shard(place, place.name, listing)
    elif place.suffix.lower() in SUFFIXES and place.is_file():
        list_manifest(place, listing)
    else:
        raise DataError(
            f"There are no images at {source}; name a folder, a table ({', '.join(SUFFIXES)}) or an uncompressed .tar."
        )
    return listing
