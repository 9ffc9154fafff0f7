"""`features.npy` of a campaign and the JSON that says how it was made: written whole, together, or not at all."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.data.campaign_features import read_features_info
from askless.data.durable import replace_text
from askless.data.features import map_features, read_features
from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemTable
from askless.errors import DataError


@dataclass(frozen=True)
class Embedding:
    """What a run made.

    Args:
        n_items: N.
        dimension: D of `features.npy`.
        n_reused: items whose features were there already, from a run that was cut off or before items were added.
        missing: items without features, each with the reason; their rows are the mean of all others.
    """

    n_items: int
    dimension: int
    n_reused: int
    missing: Mapping[str, str]


def take_features(folder: CampaignFolder, source: Path) -> Embedding:
    """Takes features that were made elsewhere; row i must be of item i.

    Raises:
        DataError: not such an array, another number of rows, or a JSON beside it that says it is of other items.
    """
    table = folder.read_items()
    features = read_features(source)
    info = {"model": "file", "source": str(source.resolve()), **describe_items(table)}
    if len(features) != len(table):
        raise DataError(
            f"{source} has {len(features)} rows for the {len(table)} items of {folder.root}; give one row per item, "
            f"in the order of {folder.items}."
        )
    made = read_features_info(source.with_suffix(".json"))
    if made.get("items", info["items"]) != info["items"]:
        raise DataError(
            f"{source} was made of other items or in another order, says {source.with_suffix('.json').name}; "
            "make features of these."
        )
    dimension = int(features.values.shape[1])
    write_features(folder, features.values.shape, features.values.dtype, (block for _, block in features.blocks()))
    write_info(folder, info | {"dimension": dimension, "dtype": features.values.dtype.name, "missing": {}})
    return Embedding(len(table), dimension, 0, {})


def describe_items(table: ItemTable) -> dict[str, Any]:
    """The part of a `features.json` that tells items and their order."""
    return {"n_rows": len(table), "items": table.fingerprint()}


def read_finished(folder: CampaignFolder) -> dict[str, Any]:
    """What `features.json` says, if `features.npy` has the shape of which it speaks; else nothing."""
    info = read_features_info(folder.features_info)
    try:
        shape = map_features(folder.features).shape
    except DataError:
        return {}
    return info if shape == (info.get("n_rows"), info.get("dimension")) else {}


def write_features(
    folder: CampaignFolder, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Iterator[npt.NDArray[Any]]
) -> None:
    """Writes `features.npy` from its rows, block by block. Nothing is said about it until `write_info` does."""
    temporary = folder.features.with_suffix(".tmp")
    with temporary.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype).data)
        file.flush()
        os.fsync(file.fileno())
    folder.features_info.unlink(missing_ok=True)
    temporary.replace(folder.features)


def write_info(folder: CampaignFolder, info: Mapping[str, Any]) -> None:
    """Writes `features.json`."""
    replace_text(folder.features_info, json.dumps(info, indent=1) + "\n")
