"""A campaign folder at work: its log opened or begun, and what was found in it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from askless.campaign import Campaign
from askless.data.campaign_features import read_campaign_features
from askless.data.folder import CampaignFolder
from askless.data.labels_out.outcome import Outcome
from askless.data.lock import hold
from askless.data.serving import find_server
from askless.data.table import AnnotationTable
from askless.errors import DataError, StoreError
from askless.parts import Parts
from askless.settings import LearnerSettings
from askless.store.file_system import refuse_network
from askless.store.log import has_log, open_log
from askless.types import Annotations, Features, Prototypes


def open_campaign(
    folder: Path, *, keeps_estimates: bool = False, clock: Callable[[], float] = time.time, begins: bool = True
) -> Campaign:
    """The campaign of a folder that `askless init` made; its log is begun at the first use.

    Without features.npy the method of the settings goes without its machine until there is one. A machine that should
    be validated on prototypes, of which there are none, is cross-validated (`cv_3`) instead. What `askless add` or
    `askless embed` has made since then is taken up; other settings are those of the log.

    Args:
        folder: of the campaign.
        keeps_estimates, clock: see `Campaign.create`.
        begins: whether a log is begun if there is none; else the campaign is in memory, to be looked at.

    Raises:
        DataError: items, classes or features cannot be used, or old ones are not as they were.
        ConfigError: settings that do not fit.
        StoreError: the log cannot be used.
    """
    place = CampaignFolder(folder)
    dataset, prototypes, settings = place.dataset(), _known_items(place), place.read_config()
    has_features = place.features.exists()
    given: dict[str, Any] = {
        "gold": place.gold().item,
        "keeps_estimates": keeps_estimates,
        "clock": clock,
        "folder": place.root,
    }
    learner = _fitting(settings.campaign.learner, has_features, prototypes)
    store = place.store
    if not has_log(store):
        _check_no_other_log(place)
        features = _features(place, dataset.n_items)
        config = settings.campaign.model_copy(update={"learner": learner})
        try:
            return Campaign.create(
                store if begins else None, dataset, features, config, prototypes=prototypes, seed=settings.seed, **given
            )
        except StoreError:
            if not has_log(store):  # otherwise another process has begun it meanwhile
                raise
    with closing(open_log(store)) as log:
        config = Parts.history(log)[-1].config
    if config.learner.algo == "dummy":
        config = config.model_copy(update={"learner": learner})
    elif not has_features:
        raise DataError(
            f"{place.features}, by which the machine of this campaign learns, is gone; bring it back, or make it anew "
            "by `askless embed`."
        )
    features = _features(place, dataset.n_items)
    return Campaign.extend(store, dataset, features, prototypes=prototypes, config=config, **given)


class ServedError(StoreError):
    """Another process has the log of this campaign for writing."""


@contextmanager
def alone(place: CampaignFolder) -> Iterator[None]:
    """Inside, no other process writes to the log, unless that is in PostgreSQL, which takes several.

    Raises:
        DataError: there is no campaign.
        ServedError: another process has it.
        StoreError: it would lie on a network file system.
    """
    if not place.items.exists():
        place.read_items()  # says what is wrong
    if place.store != place.log:
        yield
        return
    refuse_network(place.log)
    refusal = ServedError(f"Another process is at work in {place.root}; wait for it, or end it first.")
    with ExitStack() as held:
        try:
            held.enter_context(hold(place.serving_lock, refusal))
        except ServedError:
            server = find_server(place)
            if server is None:
                raise
            raise ServedError(
                f"{place.root} is served at {server.url} by process {server.pid}; use that, or end it first (Ctrl-C "
                f"where it runs, or kill {server.pid})."
            ) from None
        yield


@contextmanager
def open_or_look(folder: Path) -> Iterator[tuple[Campaign, bool]]:
    """The campaign, and whether it may be written to: while another process serves it, it can be looked at only."""
    try:
        with alone(CampaignFolder(folder)), closing(open_campaign(folder)) as campaign:
            yield campaign, True
    except ServedError:
        with closing(open_beside(folder)) as campaign:
            yield campaign, False


def open_beside(folder: Path) -> Campaign:
    """As `open_campaign`, while another process has the log: what is new in the folder is left for that one to take up.

    Raises:
        DataError: the features are not those that the other process works with.
        StoreError: the log cannot be used.
    """
    place = CampaignFolder(folder)
    features = _features(place, len(place.read_items()))
    return Campaign.open(place.store, features, keeps_estimates=True, folder=place.root)


def take_outcome(campaign: Campaign, name: str, licences: tuple[str, ...] = ()) -> Outcome:
    """What the campaign has found, after a refresh if answers came in since the last one; see `outcome_of`."""
    if campaign.status().n_new:
        campaign.refresh()
    return outcome_of(campaign, name, licences)


def outcome_of(campaign: Campaign, name: str, licences: tuple[str, ...] = ()) -> Outcome:
    """What the campaign has found as of its last refresh.

    Args:
        name: of the campaign, for its dataset card.
        licences: see `Outcome`.
    """
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


def _check_no_other_log(place: CampaignFolder) -> None:
    if place.log.exists():
        raise DataError(
            f"The answers of this campaign are in {place.log}, but {place.settings} names another store, which has "
            "none; take `store` out of it again, or make another campaign."
        )


def _fitting(learner: LearnerSettings, has_features: bool, prototypes: Prototypes) -> LearnerSettings:
    if not has_features:
        return LearnerSettings(algo="dummy")
    if not len(prototypes) and learner.algo != "dummy" and not learner.n_folds:
        return learner.model_copy(update={"calibrate": "cv_3", "prototype_as_val": False})
    return learner


def _known_items(place: CampaignFolder) -> Prototypes:
    """Prototypes and gold: nobody is asked about either, and what people have said of them tells how good they are."""
    prototypes, gold = place.prototypes(), place.gold()
    return Prototypes(np.append(prototypes.item, gold.item), np.append(prototypes.label, gold.label))


def _features(place: CampaignFolder, n_items: int) -> Features:
    """One column of zeros stands for features that are not there."""
    has_features = place.features.exists()
    return read_campaign_features(place) if has_features else Features(np.zeros((n_items, 1), np.float32))
