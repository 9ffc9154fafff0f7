"""A campaign folder at work: its log opened or begun, and what was found in it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from askless.campaign import Campaign
from askless.config import CampaignConfig, LearnerSettings
from askless.data.features import read_campaign_features
from askless.data.folder import CampaignFolder
from askless.data.labels_out.outcome import Outcome
from askless.data.table import AnnotationTable
from askless.errors import DataError
from askless.store.log import open_log, read_header
from askless.types import Annotations, Features, Prototypes


def open_campaign(folder: Path) -> Campaign:
    """The campaign of a folder that `askless init` made; its log is begun at the first use.

    Without features.npy the method of the settings goes without its machine, and so does the log from then on. A
    machine that should be validated on prototypes, of which there are none, is cross-validated (`cv_3`) instead. What
    `askless add` or `askless embed` has made since then is taken up.

    Raises:
        DataError: items, classes or features cannot be used, or old ones are not as they were.
        ConfigError: settings that do not fit.
        StoreError: the log cannot be used.
    """
    place = CampaignFolder(folder)
    dataset, prototypes = place.dataset(), place.prototypes()
    if place.log.exists():
        features = _features(place, dataset.n_items, _has_machine(place.log))
        return Campaign.extend(place.log, dataset, features, prototypes=prototypes)
    settings = place.read_config()
    config = _fitting(settings.campaign, place.features.exists(), prototypes)
    features = _features(place, dataset.n_items, config.learner.algo != "dummy")
    return Campaign.create(place.log, dataset, features, config, prototypes=prototypes, seed=settings.seed)


def take_outcome(campaign: Campaign, name: str, licences: tuple[str, ...] = ()) -> Outcome:
    """What the campaign has found, after a refresh if answers came in since the last one.

    Args:
        name: of the campaign, for its dataset card.
        licences: see `Outcome`.
    """
    if campaign.status().n_new:
        campaign.refresh()
    estimate = campaign.estimate
    return Outcome(
        name,
        campaign.result(),
        estimate.posterior,
        estimate.machine,
        estimate.confusion.skill(estimate.class_prior),
        list(campaign.answers()),
        campaign.refreshed_at or 0.0,
        estimate.upto,
        licences,
    )


def feature_licences(folder: Path) -> tuple[str, ...]:
    """What features.json says of the weights that made the features; nothing without such a file.

    Raises:
        DataError: the file cannot be read.
    """
    path = CampaignFolder(folder).features_info
    if not path.exists():
        return ()
    try:
        made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        home = str(made.get("source", ""))
        where = f" from {home}" if "://" in home else ""  # a path says nothing elsewhere
        return (f"Features: {made['model']}{where}, {made.get('licence') or 'licence not known'}",)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} does not say how the features were made ({error!r}); make them anew.") from error


def annotation_table(campaign: Campaign) -> AnnotationTable:
    """The annotations of a campaign as a table, for the items that have any."""
    annotations = campaign.annotations()
    if not len(annotations):
        raise DataError("Nobody has annotated anything in this campaign; import answers, or let people answer first.")
    items, item = np.unique(annotations.item, return_inverse=True)
    dataset = campaign.dataset
    return AnnotationTable(
        Annotations(
            item, annotations.annotator, annotations.label, len(items), annotations.n_annotators, dataset.n_classes
        ),
        tuple(dataset.items[i] for i in items),
        campaign.annotators,
        dataset.classes,
        0,
    )


def _has_machine(log_path: Path) -> bool:
    with closing(open_log(log_path)) as log, log.reading() as connection:
        config = CampaignConfig.model_validate_json(read_header(connection)["config"])
    return config.learner.algo != "dummy"


def _fitting(config: CampaignConfig, has_features: bool, prototypes: Prototypes) -> CampaignConfig:
    learner = config.learner
    if not has_features:
        learner = LearnerSettings(algo="dummy")
    elif not len(prototypes) and learner.algo != "dummy" and not learner.n_folds:
        learner = learner.model_copy(update={"calibrate": "cv_3", "prototype_as_val": False})
    return config.model_copy(update={"learner": learner})


def _features(place: CampaignFolder, n_items: int, has_machine: bool) -> Features:
    """A method without a machine never looks at features: one column of zeros stands for them."""
    return read_campaign_features(place) if has_machine else Features(np.zeros((n_items, 1), np.float32))
