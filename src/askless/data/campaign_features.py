"""What a campaign folder holds for its machine: features, how they were made, a prior."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from askless.data.features import map_features, read_features
from askless.data.folder import CampaignFolder
from askless.data.prior import read_prior
from askless.errors import DataError
from askless.types import Features


def read_campaign_features(folder: CampaignFolder, *, has_prior: bool = True) -> Features:
    """The features of a campaign, if they are of its items in their order, with its prior if it has one.

    Args:
        folder: of the campaign.
        has_prior: false leaves the prior out.

    Raises:
        DataError: they cannot be used, or were made of other items (known by `features.json`, if it is there); a prior
            of other items or classes.
    """
    table = folder.read_items()
    features = read_features(folder.features)
    made_of = read_features_info(folder.features_info).get("items")
    if len(features) != len(table) or made_of not in (None, table.fingerprint()):
        raise DataError(
            f"{folder.features} was not made of the {len(table)} items that {folder.items.name} names; "
            f"run `askless embed {folder.root}` again."
        )
    if not (has_prior and folder.prior.exists()):
        return features
    if is_prior_outdated(folder):
        raise DataError(explain_outdated_prior(folder))
    return replace(features, prior=read_prior(folder.prior, len(table), len(folder.read_classes())))


def is_prior_outdated(folder: CampaignFolder) -> bool:
    """Whether there is a prior, but not of all items and classes, as after `askless add`."""
    try:
        shape = map_features(folder.prior).shape
    except DataError:
        return folder.prior.exists()
    return shape != (len(folder.read_items()), len(folder.read_classes()))


def explain_outdated_prior(folder: CampaignFolder) -> str:
    return (
        f"{folder.prior} is no belief about the {len(folder.read_items())} items and {len(folder.read_classes())} "
        f"classes that {folder.root} has by now; run `askless embed {folder.root}` again with the --model that read "
        "the names of the classes or with a --prior, or delete the file."
    )


def read_features_info(path: Path) -> dict[str, Any]:
    """What a `features.json` says about how features were made; nothing if it is not there or unreadable."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return info if isinstance(info, dict) else {}
