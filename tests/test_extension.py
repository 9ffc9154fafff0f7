"""A campaign that gains items, classes, known labels or other features while it is under way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.campaign import Campaign
from askless.core.risk import ItemStatus, StopReason
from askless.errors import ConfigError, DataError, StoreError
from askless.store.entries import Kind
from askless.types import Dataset, Features, Prototypes
from small_campaign import (
    DATASET,
    FEATURES,
    PROTOTYPES,
    QUICK_LEARNER,
    TRUTH,
    Clock,
    K,
    N,
    answers,
    assert_same,
    assert_same_estimate,
    create,
    fold,
    read,
    read_file,
    reopen,
)

MORE = Dataset((*DATASET.items, "late-0", "late-1"), (*DATASET.classes, "dog"))
MORE_FEATURES = Features(np.concatenate([FEATURES.values, FEATURES.values[:2] + 1]))
ALL_KNOWN = Prototypes(np.append(PROTOTYPES.item, N), np.append(PROTOTYPES.label, K))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def begin(path: Path, **settings: object) -> None:
    """A campaign with a learner that has asked one round and refreshed twice."""
    campaign = create(path, prototypes=PROTOTYPES, learner=QUICK_LEARNER, **settings)
    campaign.refresh()
    for batch in campaign.ask(["ann", "bob"]):
        campaign.tell(batch.id, answers(batch))
    campaign.refresh()
    campaign.close()


def extend(path: Path, dataset: Dataset = MORE, features: Features = MORE_FEATURES, **more: Any) -> Campaign:
    return Campaign.extend(path, dataset, features, clock=Clock(), **more)


def test_what_is_new_is_asked_about_and_what_was_stays(path: Path) -> None:
    begin(path, max_risk=0.0, sampler={"max_per_item": 1})
    campaign = extend(path, prototypes=ALL_KNOWN)
    before = campaign.annotations()
    assert (campaign.dataset, campaign.estimate.posterior.shape) == (MORE, (N + 2, K + 1))
    assert campaign.prior_counts.shape == (K + 1, K + 1)
    assert campaign.result().status[N] == ItemStatus.KNOWN
    assert campaign.estimate.posterior[N].tolist() == [0, 0, 0, 1]
    asked: set[int] = set()
    while batches := campaign.ask(["ann", "bob"]):
        for batch in batches:
            asked.update(batch.items)
            campaign.tell(batch.id, answers(batch, K))
        campaign.refresh()
    assert N + 1 in asked
    assert N not in asked
    after = campaign.annotations()
    assert after.item[: len(before)].tolist() == before.item.tolist()
    campaign.close()


def test_reopened_it_is_the_same(path: Path) -> None:
    begin(path)
    extended = extend(path, prototypes=ALL_KNOWN)
    (batch,) = extended.ask(["ann"])
    extended.tell(batch.id, answers(batch, 0))
    estimate = extended.refresh()
    extended.close()
    again = Campaign.open(path, MORE_FEATURES, clock=Clock())
    assert again.dataset == MORE
    assert again.prototypes.item.tolist() == ALL_KNOWN.item.tolist()
    assert_same_estimate(again.estimate, estimate)
    assert_same(again._journal.ledger, fold(read_file(path)))
    for file in path.parent.glob("*.estimate-*"):
        file.unlink()
    assert_same_estimate(Campaign.open(path, MORE_FEATURES, clock=Clock()).estimate, estimate)
    assert_same_estimate(list(again.replay())[-1], estimate)
    again.close()


def test_a_killed_extension_is_whole_or_not_there(path: Path) -> None:
    """Before its entry there is nothing of it; behind it, the first use makes the refresh that is missing."""
    begin(path)
    extend(path).close()
    campaign = Campaign.open(path, MORE_FEATURES, clock=Clock())
    assert campaign.n_refreshes == 2
    assert len(campaign.estimate.posterior) == N + 2
    assert campaign.n_refreshes == 3
    campaign.close()


def test_a_campaign_that_had_stopped_goes_on(path: Path) -> None:
    campaign = create(path)
    campaign.stop(StopReason.BUDGET)
    campaign.close()
    campaign = extend(path)
    assert campaign.status().stopped is None
    assert campaign.ask(["ann"])
    campaign.close()


def test_other_features_are_used_from_here_on(path: Path) -> None:
    begin(path)
    better = Features(10 * np.eye(K, 4, dtype=np.float32)[TRUTH])
    with pytest.raises(DataError, match="not those the campaign was made with"):
        Campaign.open(path, better)
    campaign = extend(path, DATASET, better)
    machine = campaign.estimate.machine
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH).mean() > 0.9
    campaign.close()
    with pytest.raises(DataError, match="not those the campaign was made with"):
        reopen(path)


def test_with_nothing_new_nothing_is_written(path: Path) -> None:
    begin(path)
    before = read_file(path)
    campaign = extend(path, DATASET, FEATURES)
    assert read(campaign) == before
    assert_same_estimate(campaign.estimate, reopen(path).estimate)
    campaign.close()


def test_images_stay_if_the_new_items_have_some_too(path: Path) -> None:
    with_images = Dataset(DATASET.items, DATASET.classes, tuple(f"{item}.png" for item in DATASET.items))
    Campaign.create(path, with_images, FEATURES, create().config).close()
    images = (*(f"{item}.png" for item in DATASET.items), "a.png", "b.png")
    campaign = extend(path, Dataset(MORE.items, MORE.classes, images))
    assert campaign.dataset.images == images
    campaign.close()


def test_whoever_has_it_open_must_open_it_again(path: Path) -> None:
    begin(path)
    stale = reopen(path)
    extend(path).close()
    before = read_file(path)
    for action in (stale.status, stale.refresh, lambda: stale.ask(["ann"]), lambda: stale.join(["cy"])):
        with pytest.raises(StoreError, match="open it again"):
            action()
    assert read_file(path) == before
    stale.close()


@pytest.mark.parametrize(
    ("dataset", "known", "message"),
    [
        (Dataset(("other", *DATASET.items[1:]), DATASET.classes), None, "Item 0 was 'item-0' and is 'other'"),
        (Dataset(DATASET.items[:-1], DATASET.classes), None, "Item 59 was 'item-59' and is missing"),
        (Dataset(MORE.items, ("ant", "cat", "bee")), None, "Class 1 was 'bee' and is 'cat'"),
        (MORE, Prototypes(np.array([0]), np.array([1])), "Item 'item-0' is a prototype of class 'ant'"),
        (MORE, Prototypes(PROTOTYPES.item[1:], PROTOTYPES.label[1:]), "Item 'item-0' is a prototype of class 'ant'"),
        (MORE, Prototypes(np.array([N + 2]), np.array([0])), f"holds {N + 2} in row 0"),
    ],
)
def test_what_there_was_cannot_change(path: Path, dataset: Dataset, known: Prototypes | None, message: str) -> None:
    begin(path)
    before = read_file(path)
    features = Features(np.ones((dataset.n_items, 4), np.float32))
    with pytest.raises(DataError, match=message):
        Campaign.extend(path, dataset, features, prototypes=known)
    assert read_file(path) == before


def test_features_must_fit_and_given_priors_cannot_grow(path: Path) -> None:
    begin(path, prior_counts=np.eye(K) + 1)
    with pytest.raises(DataError, match=f"{N} rows of features for {N + 2} items"):
        extend(path, MORE, FEATURES)
    with pytest.raises(ConfigError, match="prior counts of its own for 3 classes"):
        extend(path)
    campaign = extend(path, Dataset(MORE.items, DATASET.classes))
    assert campaign.prior_counts.tolist() == (np.eye(K) + 1).tolist()
    assert [entry.kind for entry in read(campaign)][-1] == Kind.EXTENDED
    campaign.close()


def test_other_settings_hold_from_here_on(path: Path) -> None:
    begin(path, max_risk=0.0)
    config = create(prototypes=PROTOTYPES, learner=QUICK_LEARNER, budget=9, prior={"strength": 3.0}).config
    campaign = extend(path, DATASET, FEATURES, config=config)
    assert campaign.config == config
    np.testing.assert_allclose(campaign.prior_counts, create(prior={"strength": 3.0}).prior_counts)
    campaign.close()
    again = reopen(path)
    assert again.config == config
    assert len(read(again)) == len(read_file(path))
    again.close()


def test_settings_that_do_not_fit_change_nothing(path: Path) -> None:
    campaign = create(path, prior_counts=np.eye(K) + 1)
    campaign.close()
    before = read_file(path)
    with pytest.raises(ConfigError, match="validated on prototypes and there are none"):
        extend(path, DATASET, FEATURES, config=create(prototypes=PROTOTYPES, learner=QUICK_LEARNER).config)
    with pytest.raises(ConfigError, match="neither classes nor the prior can change"):
        extend(path, DATASET, FEATURES, config=create(prior={"strength": 3.0}).config)
    with pytest.raises(ConfigError, match="means no learner, but one was given"):
        Campaign.extend(path, DATASET, Features(FEATURES.values + 1), learner=Fixed())
    assert read_file(path) == before


class Fixed:
    def fit(self, X: object, soft_targets: object, weights: object) -> None: ...

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), K), 1 / K)


def test_a_prior_of_an_oracle_cannot_grow(path: Path) -> None:
    """Its settings alone cannot make it anew."""
    begin(path, prior_counts=np.eye(K) + 1, prior={"kind": "homogeneous"})
    with pytest.raises(ConfigError, match="prior counts of its own for 3 classes"):
        extend(path)


def test_a_prior_of_other_classes_does_not_fit(path: Path) -> None:
    begin(path)
    prior = np.full((N, K + 1), 1 / (K + 1), np.float32)
    with pytest.raises(DataError, match="prior of the features is of 4 classes, not 3"):
        extend(path, DATASET, Features(FEATURES.values, prior))
