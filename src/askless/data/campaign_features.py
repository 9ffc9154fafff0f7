"""What a campaign folder holds for its machine: features, how they were made, a prior."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from askless.data.features import read_features
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
    return replace(features, prior=read_prior(folder.prior, len(table), len(folder.read_classes())))


def read_features_info(path: Path) -> dict[str, Any]:
    """What a `features.json` says about how features were made; nothing if it is not there or unreadable."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return info if isinstance(info, dict) else {}
