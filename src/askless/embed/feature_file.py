"""`features.npy` of a campaign and the JSON that says how it was made: written whole, together, or not at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askless.data.campaign_features import read_features_info
from askless.data.durable import replace_array, replace_text
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
    blocks = (block for _, block in features.blocks())
    replace_array(folder.features, features.values.shape, features.values.dtype, blocks)
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


def write_info(folder: CampaignFolder, info: Mapping[str, Any]) -> None:
    """Writes `features.json`; until then nothing is said about new features."""
    replace_text(folder.features_info, json.dumps(info, indent=1) + "\n")
