"""A campaign small enough to be looked at whole: 60 items, 3 classes, features that tell the classes apart."""

from pathlib import Path
from typing import Any

import numpy as np

from askless.campaign import Campaign
from askless.core.learner import Learner
from askless.settings import CampaignConfig
from askless.store.entries import Entry
from askless.store.ledger import Ledger
from askless.store.log import open_log, read_entries
from askless.types import Answer, Batch, Dataset, Estimate, Features, Prototypes

N, K = 60, 3
TRUTH = np.arange(N) % K
DATASET = Dataset(tuple(f"item-{i}" for i in range(N)), ("ant", "bee", "cat"))
FEATURES = Features((np.random.default_rng(5).normal(size=(N, 4)) + 2 * np.eye(K, 4)[TRUTH]).astype(np.float32))
PROTOTYPES = Prototypes(np.arange(6), TRUTH[:6])
QUICK_LEARNER = {"algo": "mlp", "max_epochs": 20, "hidden_size": 8, "minibatch_size": 32}


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def create(
    path: str | Path | None = None, clock: Clock | None = None, *, plugin: Learner | None = None, **given: Any
) -> Campaign:
    """A campaign of `DATASET`. Settings of the configuration and arguments of `Campaign.create` may be mixed."""
    arguments = {
        name: given.pop(name)
        for name in ("prototypes", "prior_counts", "seed", "gold", "keeps_estimates", "folder")
        if name in given
    }
    config = CampaignConfig(**{"batch_size": 4, "lease_seconds": 100, **given})
    return Campaign.create(path, DATASET, FEATURES, config, clock=clock or Clock(), learner=plugin, **arguments)


def reopen(path: str | Path, clock: Clock | None = None) -> Campaign:
    return Campaign.open(path, FEATURES, clock=clock or Clock())


def answers(batch: Batch, label: int | None = None) -> list[Answer]:
    """The truth for each item of a batch, or one label for all of them."""
    return [Answer(i, int(TRUTH[i]) if label is None else label) for i in batch.items]


def read(campaign: Campaign) -> list[Entry]:
    """All entries of the log of a campaign, past its ledger."""
    with campaign._journal.log.transaction() as connection:
        return list(read_entries(connection))


def read_file(path: str | Path) -> list[Entry]:
    log = open_log(path)
    with log.transaction() as connection:
        entries = list(read_entries(connection))
    log.close()
    return entries


def fold(entries: list[Entry], n_items: int = N, n_classes: int = K) -> Ledger:
    ledger = Ledger(n_items, n_classes)
    for entry in entries:
        ledger.apply(entry)
    return ledger


def assert_same(a: Ledger, b: Ledger) -> None:
    """Equal in every field, and in the order of everything that has one."""
    assert a == b
    assert a.n_labels.tolist() == b.n_labels.tolist()
    assert a.n_broken.tolist() == b.n_broken.tolist()
    assert [list(a.live), list(a.batches), a.names] == [list(b.live), list(b.batches), b.names]
    assert [list(said.items()) for said in a.said] == [list(said.items()) for said in b.said]


def assert_same_estimate(a: Estimate, b: Estimate) -> None:
    """Equal bit by bit."""
    np.testing.assert_array_equal(a.posterior, b.posterior)
    np.testing.assert_array_equal(a.class_prior, b.class_prior)
    assert (a.machine is None) == (b.machine is None)
    if a.machine is not None and b.machine is not None:
        np.testing.assert_array_equal(a.machine, b.machine)
        assert a.machine.dtype == b.machine.dtype
    assert (a.machine_loss, a.objective, a.upto) == (b.machine_loss, b.objective, b.upto)
    assert a.confusion.n_annotators == b.confusion.n_annotators
    everyone = range(a.confusion.n_annotators)
    np.testing.assert_array_equal(a.confusion.matrices(everyone), b.confusion.matrices(everyone))
