"""The loop, its promises and its refusals, on a campaign small enough to be looked at whole."""

import csv
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from askless.campaign import Campaign
from askless.config import preset
from askless.core.risk import ItemStatus, StopReason
from askless.core.tanh_network import TanhNetwork
from askless.errors import AnswerError, ConfigError, DataError, StoreError
from askless.results import Receipt
from askless.settings import CampaignConfig
from askless.store.entries import Kind
from askless.types import Answer, Batch, Dataset, Features, Prototypes, SkipReason
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
    create,
    fold,
    read,
    read_file,
    reopen,
)
from stores import Store

GREEDY = {"algo": "greedy_task_assignment"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def campaign(clock: Clock, store: Store) -> Iterator[Campaign]:
    made = create(store.place, clock)
    yield made
    made.close()


def kinds(campaign: Campaign) -> list[str]:
    return [entry.kind.value for entry in read(campaign)]


def test_from_the_first_question_to_the_labels(place: str | Path, clock: Clock) -> None:
    campaign = create(place, clock, prototypes=PROTOTYPES, learner=QUICK_LEARNER, max_risk=0.2)
    while not campaign.status().stopped:
        for batch in campaign.ask(["ann", "bob", "cy"]):
            clock.now += 7
            assert campaign.tell(batch.id, answers(batch)) == Receipt(len(batch.items), 0, ())
        campaign.refresh()
    status, result = campaign.status(), campaign.result()
    assert status.stopped == StopReason.FINISHED
    assert status.n_items == N - len(PROTOTYPES) == status.n_confident + status.n_exhausted
    assert (status.n_open, status.n_promised, status.n_new) == (0, 0, 0)
    assert result.label.tolist() == TRUTH.tolist()
    assert status.n_annotations == result.n_annotations.sum() == len(campaign.annotations())
    assert (result.status[PROTOTYPES.item] == ItemStatus.KNOWN).all()
    assert (result.n_annotations[PROTOTYPES.item] == 0).all()
    assert campaign.ask(["ann"]) == []
    n_refreshes, config = campaign.n_refreshes, campaign.config
    campaign.close()
    again = reopen(place)
    assert again.status() == status
    np.testing.assert_array_equal(again.result().probability, result.probability)
    assert again.annotators == ("ann", "bob", "cy")
    assert again.n_refreshes == n_refreshes
    assert (again.dataset, again.config, again.seed) == (DATASET, config, 0)
    assert again.prototypes.item.tolist() == PROTOTYPES.item.tolist()
    again.close()


class TestCreate:
    @pytest.mark.parametrize(
        ("given", "error", "sentence"),
        [
            ({"features": Features(np.ones((N - 1, 2), np.float32))}, DataError, r"59 rows of features for 60 items"),
            ({"prototypes": Prototypes(np.arange(N), TRUTH)}, DataError, r"Every item is a prototype"),
            ({"prototypes": Prototypes([N], [0])}, DataError, r"prototype item holds 60"),
            ({"prototypes": Prototypes([0], [K])}, DataError, r"prototype label holds 3"),
            ({"config": CampaignConfig(learner=QUICK_LEARNER)}, ConfigError, r"validated on prototypes"),
            ({"learner": object()}, ConfigError, r"learner\.algo=dummy means no learner, but one was given"),
            (
                {
                    "config": CampaignConfig(learner=QUICK_LEARNER | {"algo": "torch", "module": "a.py:make"}),
                    "learner": object(),
                },
                ConfigError,
                r"learner\.algo=torch means the one of learner\.module, but one was given; set learner\.algo=mlp",
            ),
            (
                {"config": CampaignConfig(learner=QUICK_LEARNER), "prototypes": PROTOTYPES, "learner": len},
                ConfigError,
                r"<built-in function len> is no learner; give an object with fit and predict_proba",
            ),
            ({"prior_counts": np.ones((K, K + 1))}, ConfigError, r"prior_counts have shape \(3, 4\)"),
            ({"prior_counts": -np.ones((K, K))}, ConfigError, r"prior_counts must be finite"),
            ({"config": CampaignConfig(prior={"kind": "homogeneous"})}, ConfigError, r"needs the true confusions"),
            ({"seed": -1}, ConfigError, r"seed=-1 does not fit: allowed is a whole number of 0 or more"),
            ({"seed": 1.5}, ConfigError, r"seed=1.5 does not fit"),
            ({"path": "missing/log.db"}, StoreError, r"folder .* does not exist"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_written(
        self, tmp_path: Path, given: dict[str, Any], error: type[Exception], sentence: str
    ) -> None:
        parts = {"dataset": DATASET, "features": FEATURES, "config": CampaignConfig()} | given
        name = parts.pop("path", "log.db")
        with pytest.raises(error, match=sentence):
            Campaign.create(tmp_path / name, **parts)
        assert list(tmp_path.iterdir()) == []

    def test_an_existing_log_is_not_touched(self, path: Path) -> None:
        create(path).close()
        content = path.read_bytes()
        with pytest.raises(StoreError, match=r"exists already"):
            create(path)
        assert path.read_bytes() == content

    def test_seeds_of_numpy_are_numbers_too(self, place: str | Path) -> None:
        create(place, seed=np.int64(7)).close()
        again = reopen(place)
        assert again.seed == 7
        again.close()

    def test_the_seed_decides_and_the_clock_and_the_file_do_not(self, place: str | Path) -> None:
        def asked(**given: Any) -> list[tuple[int, ...]]:
            campaign = create(**given)
            batches = campaign.ask(["ann", "bob"])
            campaign.close()
            return [batch.items for batch in batches]

        late = Clock()
        late.now = 5e9
        assert asked() == asked(clock=late) == asked(path=place)
        assert asked() != asked(seed=1)


class TestOpen:
    def test_other_features_are_refused(self, place: str | Path) -> None:
        create(place).close()
        for other in (FEATURES.values[::-1], FEATURES.values.astype(np.float16), FEATURES.values[:, :3]):
            with pytest.raises(DataError, match=r"not those the campaign was made with; open it with the same file"):
                Campaign.open(place, Features(other))
        Campaign.open(place, Features(FEATURES.values.copy())).close()

    def test_other_learners_are_refused(self, path: Path) -> None:
        own = {"prototypes": PROTOTYPES, "learner": QUICK_LEARNER}
        create(path, plugin=Nearest(), **own).close()
        with pytest.raises(ConfigError, match=r"made with Nearest, not the built-in learner; open it with the same"):
            Campaign.open(path, FEATURES)
        Campaign.open(path, FEATURES, learner=Nearest()).close()
        create(path.with_name("b.db"), **own).close()
        with pytest.raises(ConfigError, match=r"was made with the built-in learner, not Nearest"):
            Campaign.open(path.with_name("b.db"), FEATURES, learner=Nearest())

    def test_a_damaged_log_is_refused(self, path: Path) -> None:
        create(path).close()
        os.truncate(path, 4096)
        with pytest.raises(StoreError, match=r"cannot be used"):
            Campaign.open(path, FEATURES)

    def test_images_and_odd_ids_come_back(self, place: str | Path) -> None:
        dataset = Dataset(("a,b", "ü\n'"), ("x;y", "張"), ("data:image/png;base64,AA", "b c.png"))
        Campaign.create(place, dataset, Features(np.ones((2, 1), np.float32)), CampaignConfig()).close()
        again = Campaign.open(place, Features(np.ones((2, 1), np.float32)))
        assert again.dataset == dataset
        again.close()


class Nearest:
    """A learner that anyone might bring: the nearest class mean. Counts how often it was fitted."""

    n_fits = 0

    def fit(self, X: Any, soft_targets: Any, weights: Any) -> None:
        type(self).n_fits += 1
        assert len(X) == len(soft_targets) == len(weights)
        totals = soft_targets.sum(axis=0)[:, None]
        self.means = np.where(totals > 0, soft_targets.T @ X / np.maximum(totals, 1), 99)

    def predict_proba(self, X: Any) -> Any:
        closeness = np.exp(-((X[:, None, :] - self.means) ** 2).sum(-1)) + 1e-6
        return closeness / closeness.sum(axis=1, keepdims=True)


def test_a_class_without_prototypes_is_found_by_whoever_answers() -> None:
    """Nobody gives any of `other`; that the heads have never seen it does not finish its items as something else."""
    prototypes = Prototypes(np.flatnonzero(TRUTH < 2)[:10], TRUTH[TRUTH < 2][:10])
    campaign = Campaign.create(None, DATASET, FEATURES, preset("askless"), prototypes=prototypes)
    campaign.refresh()
    assert campaign.status().n_confident == 0
    while not campaign.status().stopped:
        for batch in campaign.ask(["ann", "bob", "eve"]):
            campaign.tell(batch.id, answers(batch))
        campaign.refresh()
    assert (campaign.estimate.label == TRUTH)[TRUTH == 2].mean() > 0.9
    campaign.close()


def test_a_plugged_in_learner_is_used_and_resumed(path: Path) -> None:
    campaign = create(path, prototypes=PROTOTYPES, learner=QUICK_LEARNER, plugin=Nearest())
    before = Nearest.n_fits
    for batch in campaign.ask(["ann", "bob"]):
        campaign.tell(batch.id, answers(batch))
    estimate = campaign.refresh()
    assert Nearest.n_fits > before
    assert estimate.machine is not None
    assert (estimate.machine.argmax(axis=1) == TRUTH).mean() > 0.8
    campaign.close()
    for file in path.parent.glob("*.npz"):
        file.unlink()
    again = Campaign.open(path, FEATURES, learner=Nearest(), clock=Clock())
    np.testing.assert_array_equal(again.estimate.posterior, estimate.posterior)
    again.close()


def test_a_learner_that_trains_itself_knows_no_mixmatch(path: Path) -> None:
    with pytest.raises(ConfigError, match="mixmatch needs a network that askless trains, and Nearest trains itself"):
        create(path, prototypes=PROTOTYPES, learner=QUICK_LEARNER | {"semi_supervised": "mixmatch"}, plugin=Nearest())
    assert not path.exists()


def test_the_settings_may_name_a_network(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, str]] = []
    stand_in = ModuleType("askless.torch_learner")
    stand_in.load_learner = lambda *named: loaded.append(named) or TanhNetwork  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "askless.torch_learner", stand_in)
    named = QUICK_LEARNER | {"algo": "torch", "module": "a.py:make", "device": "cpu"}
    campaign = create(path, prototypes=PROTOTYPES, learner=named)
    assert campaign.estimate.machine is not None
    campaign.close()
    reopen(path).close()
    assert loaded == [("a.py:make", "cpu")] * 2


def test_without_torch_it_is_said_how_to_get_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "askless.torch_learner", raising=False)
    with pytest.raises(ConfigError) as caught:
        create(path, prototypes=PROTOTYPES, learner=QUICK_LEARNER | {"algo": "torch", "module": "a.py:make"})
    assert str(caught.value) == ("A torch network needs torch, which is not installed; pip install 'askless[torch]'.")
    assert not path.exists()


class TestAsk:
    def test_batches_are_leased_in_one_transaction(self, campaign: Campaign, clock: Clock) -> None:
        campaign.join(["cy"])
        batches = campaign.ask(["ann", "bob", "ann"], n_batches=2)
        assert sorted(batch.annotator for batch in batches) == ["ann", "bob"]
        assert all(len(batch.items) == 4 and batch.lease_end == 1100 for batch in batches)
        assert kinds(campaign) == ["joined", "refreshed", "joined", "joined", "leased", "leased"]
        assert [batch.id for batch in batches] == [5, 6]
        assert campaign.annotators == ("cy", "ann", "bob")
        assert campaign.leased() == batches

    @pytest.mark.parametrize(("n_batches", "n"), [(None, 2), (0, 0), (1, 1), (9, 3)])
    def test_number_of_batches(self, n_batches: int | None, n: int) -> None:
        campaign = create(n_batches=2)
        assert len(campaign.ask(["ann", "bob", "cy"], n_batches)) == n
        campaign.close()

    def test_nobody_there(self, campaign: Campaign) -> None:
        assert campaign.ask([]) == []

    def test_prototypes_are_never_asked_about(self) -> None:
        campaign = create(prototypes=PROTOTYPES, batch_size=N)
        (batch,) = campaign.ask(["ann"])
        assert sorted(batch.items) == list(range(6, N))
        campaign.close()

    def test_leases_end_by_the_clock(self, campaign: Campaign, clock: Clock) -> None:
        (first,) = campaign.ask(["ann"])
        clock.now += 99.9
        assert not set(first.items) & {i for batch in campaign.ask(["bob"]) for i in batch.items}
        assert campaign.status().n_promised == 8
        clock.now += 0.1
        (again,) = campaign.ask(["ann"])
        assert [entry.batch for entry in read(campaign) if entry.kind == Kind.EXPIRED] == [first.id]
        assert [batch.id for batch in campaign.leased()] == [first.id + 2, again.id]
        assert campaign.status().n_promised == 8

    def test_late_answers_are_kept_and_counted(self, clock: Clock) -> None:
        campaign = create(clock=clock, batch_size=N)
        (first,) = campaign.ask(["ann"])
        clock.now += 100
        (second,) = campaign.ask(["bob"])
        assert sorted(second.items) == sorted(first.items)
        assert campaign.tell(first.id, answers(first)) == Receipt(N, 0, ())
        assert campaign.tell(second.id, answers(second)) == Receipt(N, 0, ())
        assert campaign.status().n_annotations == 2 * N
        assert campaign._journal.ledger.n_late == N
        campaign.close()

    def test_an_item_leased_again_to_the_same_person_is_settled_by_either_answer(self, clock: Clock) -> None:
        campaign = create(clock=clock, batch_size=N)
        (first,) = campaign.ask(["ann"])
        clock.now += 100
        (again,) = campaign.ask(["ann"])
        campaign.tell(first.id, answers(first))
        assert campaign.leased() == []
        assert campaign.status().n_promised == 0
        assert campaign.tell(again.id, answers(again)) == Receipt(0, N, ())
        campaign.close()

    def test_released_items_are_free_again(self, campaign: Campaign) -> None:
        (batch,) = campaign.ask(["ann"])
        campaign.tell(batch.id, answers(batch)[:1])
        assert campaign.leased() == [Batch(batch.id, "ann", batch.items[1:], batch.lease_end)]
        campaign.release(batch.id)
        assert campaign.leased() == []
        assert campaign.tell(batch.id, answers(batch)[1:2]).n_accepted == 1
        n_entries = len(read(campaign))
        campaign.release(batch.id)
        campaign.release(999)
        assert len(read(campaign)) == n_entries

    @pytest.mark.parametrize("sampler", [{}, GREEDY])
    def test_caps_per_item_and_annotator_and_nobody_twice(self, sampler: dict[str, Any]) -> None:
        campaign = create(max_risk=0.0, sampler=sampler | {"max_per_item": 2, "max_per_annotator": 30})
        while batches := campaign.ask(["a", "b", "c", "d", "e"], 3):
            for batch in batches:
                campaign.tell(batch.id, answers(batch))
        annotations = campaign.annotations()
        assert np.bincount(annotations.item).tolist() == [2] * N
        assert np.bincount(annotations.annotator).max() <= 30
        assert len(set(zip(annotations.item, annotations.annotator, strict=True))) == 2 * N
        assert campaign.refresh() is campaign.estimate
        assert campaign.status().stopped == StopReason.FINISHED
        assert campaign.status().n_exhausted == N
        campaign.close()

    @pytest.mark.parametrize("algo", ["random", "greedy_task_assignment"])
    def test_people_are_asked_about_what_they_can_be_asked_about(self, algo: str) -> None:
        campaign = create(max_risk=0.0, sampler={"algo": algo, "max_per_item": 5})
        askable = {"ann": np.array([3, 7, 20, 21, 22, 50]), "eve": np.empty(0, np.int64)}
        asked: dict[str, set[int]] = {"ann": set(), "bob": set(), "eve": set()}
        while batches := campaign.ask(list(asked), askable=askable):
            for batch in batches:
                asked[batch.annotator] |= set(batch.items)
                campaign.tell(batch.id, answers(batch))
        assert asked == {"ann": {3, 7, 20, 21, 22, 50}, "bob": set(range(N)), "eve": set()}

    def test_active_lab_hears_of_every_label(self) -> None:
        campaign = create(max_risk=0.0, sampler={"algo": "active_lab", "max_per_item": 5})
        campaign.refresh()
        disputed = set(range(0, N, 6))
        campaign.record("ann", [Answer(i, int(TRUTH[i])) for i in range(N)])
        campaign.record("bob", [Answer(i, int(TRUTH[i] + (i in disputed)) % K) for i in range(N)])
        (batch,) = campaign.ask(["cy"], batch_size=len(disputed))
        assert set(batch.items) == disputed

    @pytest.mark.parametrize("item", [-1, N])
    def test_askable_items_must_be_there(self, campaign: Campaign, item: int) -> None:
        campaign.refresh()
        before = read(campaign)
        with pytest.raises(
            DataError, match=rf"'ann' cannot be asked about items .*{item}.*; give indices from 0 to 59"
        ):
            campaign.ask(["ann"], askable={"ann": np.array([4, item])})
        assert read(campaign) == before

    def test_promises_count_against_the_cap_of_an_annotator(self) -> None:
        campaign = create(sampler={"max_per_annotator": 6})
        first, second = campaign.ask(["ann"])[0], campaign.ask(["ann"])[0]
        assert [len(batch.items) for batch in (first, second)] == [4, 2]
        assert campaign.ask(["ann"]) == []
        campaign.tell(first.id, [Answer(i, None) for i in first.items])
        assert campaign.ask(["ann"]) == []
        campaign.release(second.id)
        assert len(campaign.ask(["ann"])[0].items) == 2
        campaign.close()

    def test_the_budget_counts_what_is_promised(self) -> None:
        campaign = create(budget=10)
        batches = [batch for _ in range(4) for batch in campaign.ask(["ann", "bob", "cy"], 1)]
        assert [len(batch.items) for batch in batches] == [4, 4, 2]
        campaign.tell(batches[0].id, answers(batches[0]))
        assert campaign.ask(["dee"]) == []
        campaign.release(batches[2].id)
        assert len(campaign.ask(["dee"])[0].items) == 2
        campaign.tell(batches[1].id, answers(batches[1]))
        campaign.refresh()
        assert campaign.status().stopped is None
        (last,) = (batch for batch in campaign.leased())
        campaign.tell(last.id, answers(last))
        campaign.refresh()
        assert campaign.status().stopped == StopReason.BUDGET
        campaign.close()

    def test_after_the_end_nothing_is_handed_out(self, campaign: Campaign) -> None:
        (batch,) = campaign.ask(["ann"])
        campaign.stop(StopReason.NO_ANNOTATOR)
        campaign.stop(StopReason.BUDGET)
        assert campaign.ask(["bob"]) == []
        assert campaign.annotators == ("ann",)
        assert campaign.tell(batch.id, answers(batch)).n_accepted == 4
        assert campaign.status().stopped == "no_annotator"
        assert kinds(campaign).count("stopped") == 1

    def test_prior_counts_for_each_annotator(self, place: str | Path) -> None:
        counts = np.full((2, K, K), 0.1) + np.array([9.0, 0.01])[:, None, None] * np.eye(K)
        campaign = create(place, prior_counts=counts, sampler=GREEDY)
        (batch,) = campaign.ask(["expert"])
        campaign.tell(batch.id, answers(batch))
        assert campaign.refresh().risk[list(batch.items)].max() < 0.05
        assert {batch.annotator for batch in campaign.ask(["novice", "expert"], 1)} == {"expert"}
        n_entries = len(read(campaign))
        for refused in (["third"], ["novice", "third"]):
            with pytest.raises(ConfigError, match=r"'third' cannot join: prior_counts were given for 2 annotators"):
                campaign.join(refused)
            with pytest.raises(ConfigError, match=r"'third' cannot join"):
                campaign.ask(refused)
        assert len(read(campaign)) == n_entries
        campaign.close()
        again = reopen(place)
        np.testing.assert_array_equal(again.prior_counts, counts)
        again.close()


class TestTell:
    @pytest.fixture
    def batch(self, campaign: Campaign) -> Batch:
        return campaign.ask(["ann"])[0]

    def test_all_fields_are_kept(self, campaign: Campaign, clock: Clock, batch: Batch) -> None:
        a, b = batch.items[:2]
        clock.now = 1050.25
        receipt = campaign.tell(batch.id, [Answer(a, 2, 350, b"x" * 16), Answer(b, None)])
        assert receipt == Receipt(2, 0, ())
        first, second = read(campaign)[-2:]
        assert (first.kind, first.time, first.annotator, first.batch) == (Kind.ANSWERED, 1050.25, 0, batch.id)
        assert (first.item, first.label, first.response_ms, first.answer_id) == (a, 2, 350, b"x" * 16)
        assert (second.kind, second.item, second.label, second.answer_id) == (Kind.SKIPPED, b, None, None)
        assert (campaign.status().n_annotations, campaign.status().n_new, campaign.status().n_promised) == (1, 1, 2)

    def test_the_same_again_changes_nothing(self, campaign: Campaign, batch: Batch) -> None:
        told = [Answer(batch.items[0], 1, id=b"x" * 16), Answer(batch.items[1], None)]
        campaign.tell(batch.id, told)
        before = read(campaign)
        assert campaign.tell(batch.id, told) == Receipt(0, 2, ())
        assert campaign.tell(batch.id, [Answer(batch.items[0], 1)]) == Receipt(0, 1, ())
        assert read(campaign) == before

    def test_another_label_is_refused_and_recorded(self, campaign: Campaign, batch: Batch) -> None:
        a, b = batch.items[:2]
        campaign.tell(batch.id, [Answer(a, 1), Answer(b, None)])
        again = [Answer(a, 2, 80, b"x" * 16), Answer(b, 0), Answer(a, None), Answer(a, 1)]
        assert campaign.tell(batch.id, again) == Receipt(0, 1, (a, b, a))
        refused = read(campaign)[-3:]
        assert [(entry.kind, entry.item, entry.label) for entry in refused] == [
            ("refused", a, 2),
            ("refused", b, 0),
            ("refused", a, None),
        ]
        assert (refused[0].response_ms, refused[0].answer_id) == (80, b"x" * 16)
        assert campaign.annotations().label.tolist() == [1]
        assert campaign._journal.ledger.said == [{a: 1, b: SkipReason.SKIP}]

    def test_contradictions_within_one_call(self, campaign: Campaign, batch: Batch) -> None:
        a = batch.items[0]
        assert campaign.tell(batch.id, [Answer(a, 1), Answer(a, 2), Answer(a, 1)]) == Receipt(1, 1, (a,))
        assert campaign.annotations().label.tolist() == [1]

    def test_nothing(self, campaign: Campaign, batch: Batch) -> None:
        assert campaign.tell(batch.id, []) == Receipt(0, 0, ())

    def test_what_belongs_nowhere_is_refused_with_the_whole_call(self, campaign: Campaign, batch: Batch) -> None:
        a, b, *_ = batch.items
        outside = next(i for i in range(N) if i not in batch.items)
        (other,) = campaign.ask(["bob"])
        campaign.tell(other.id, [Answer(other.items[0], 0, id=b"y" * 16)])
        before = read(campaign)
        good = Answer(a, 1, id=b"x" * 16)
        for batch_id, answer, sentence in [
            (999, good, r"There is no batch 999"),
            (batch.id, Answer(outside, 1), rf"Item {outside} is not in batch {batch.id}"),
            (batch.id, Answer(-1, 1), r"Item -1 is not in batch"),
            (batch.id, Answer(b, K), r"label 3 is no class; allowed is 0 to 2, or None for a skip"),
            (batch.id, Answer(b, -1), r"label -1 is no class"),
            (batch.id, Answer(b, 1, id=b"x" * 16), rf"answer id b'x*' was used for item {a} before"),
            (batch.id, Answer(b, 1, id=b"y" * 16), rf"answer id b'y*' was used for item {other.items[0]} before"),
        ]:
            with pytest.raises(AnswerError, match=sentence):
                campaign.tell(batch_id, [good, answer])
            assert read(campaign) == before
            assert_same(campaign._journal.ledger, fold(before))
        assert campaign.tell(batch.id, [good]).n_accepted == 1

    def test_numbers_of_numpy_are_written_as_numbers(self, place: str | Path) -> None:
        campaign = create(place)
        (batch,) = campaign.ask(["ann"])
        told = [Answer(np.int64(i), np.uint8(1), np.int32(5)) for i in batch.items[:3]]
        assert campaign.tell(np.int64(batch.id), told).n_accepted == 3  # type: ignore[arg-type]
        campaign.release(np.int64(batch.id))  # type: ignore[arg-type]
        entries = read(campaign)
        assert entries[-1].batch == batch.id
        assert {type(getattr(e, name)) for e in entries[-4:] for name in ("batch", "item", "label")} <= {
            int,
            type(None),
        }
        campaign.close()
        again = reopen(place)
        assert again.annotations().label.tolist() == [1, 1, 1]
        again.close()

    @pytest.mark.parametrize(
        "fields",
        [
            {"item": 1.0, "label": 0},
            {"item": None, "label": 0},
            {"item": 0, "label": 1.5},
            {"item": 0, "label": "1"},
            {"item": 0, "label": 0, "response_ms": 2**63},
            {"item": 0, "label": 0, "id": "x" * 16},
            {"item": 0, "label": 0, "id": b"short"},
        ],
    )
    def test_answers_hold_whole_numbers_and_ids_of_16_bytes(self, fields: dict[str, Any]) -> None:
        with pytest.raises(AnswerError, match=r"must be"):
            Answer(**fields)


class TestRecord:
    def test_answers_from_elsewhere_count_like_told_ones_and_open_again(self, place: str | Path) -> None:
        campaign = create(place)
        receipt = campaign.record("eve", [Answer(10, 2, 1500), Answer(11, None), Answer(10, 2), Answer(11, 1)])
        assert receipt == Receipt(2, 1, (11,))
        assert kinds(campaign) == ["joined", "answered", "skipped", "refused"]
        assert [entry.batch for entry in read(campaign)] == [None] * 4
        assert campaign.record("eve", [Answer(10, 2, 1500), Answer(11, 1)]) == Receipt(0, 1, (11,))
        assert len(read(campaign)) == 4
        assert campaign.refresh().posterior[10].argmax() == 2
        campaign.close()
        again = reopen(place)
        assert again.status().n_annotations == 1
        assert list(again.answers()) == [("eve", Answer(10, 2, 1500)), ("eve", Answer(11, None))]
        again.close()

    def test_what_was_recorded_is_not_asked_again_and_settles_a_lease(self, campaign: Campaign) -> None:
        (batch,) = campaign.ask(["ann"])
        campaign.record("ann", [Answer(batch.items[0], 0)])
        campaign.record("bob", [Answer(item, 0) for item in range(N) if item not in batch.items])
        (lease,) = campaign.leased()
        assert lease.items == batch.items[1:]
        assert [of_bob.items for of_bob in campaign.ask(["bob"])] == [batch.items[:1]]

    def test_neither_cap_nor_budget_hold_it_back_but_both_count_it(self) -> None:
        campaign = create(budget=3, sampler={"max_per_item": 1})
        for name in ("ann", "bob"):
            campaign.record(name, [Answer(7, 1), Answer(8, 1)])
        assert campaign.status().n_annotations == 4
        assert campaign.ask(["eve"]) == []
        campaign.close()

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (Answer(N, 0), "There is no item 60; allowed is 0 to 59"),
            (Answer(-1, 0), "There is no item -1"),
            (Answer(9, K), "The label 3 is no class"),
            (Answer(9, 0, id=b"0" * 16), "was used for item 7"),
        ],
    )
    def test_nothing_of_a_bad_call_is_kept(self, campaign: Campaign, answer: Answer, message: str) -> None:
        campaign.record("ann", [Answer(7, 0, id=b"0" * 16)])
        before = read(campaign)
        with pytest.raises(AnswerError, match=message):
            campaign.record("new", [Answer(8, 0), answer])
        assert read(campaign) == before

    def test_one_who_cannot_join_is_refused(self) -> None:
        campaign = create(prior_counts=np.ones((1, K, K)))
        campaign.record("ann", [Answer(7, 0)])
        with pytest.raises(ConfigError, match="'bob' cannot join"):
            campaign.record("bob", [Answer(7, 0)])
        campaign.close()

    def test_all_answers_can_be_recorded_elsewhere(self, campaign: Campaign) -> None:
        for batch in campaign.ask(["ann", "bob"]):
            campaign.tell(batch.id, answers(batch))
        campaign.record("eve", [Answer(9, None)])
        other = create()
        for name, answer in campaign.answers():
            other.record(name, [answer])
        assert list(other.answers()) == list(campaign.answers())
        np.testing.assert_array_equal(other.annotations().label, campaign.annotations().label)
        other.close()


class TestTransaction:
    def test_all_of_it_or_nothing(self, place: str | Path) -> None:
        campaign = create(place)
        batches = campaign.ask(["ann", "bob"])
        before = read(campaign)

        def tell_and_fail() -> None:
            with campaign.transaction():
                for batch in batches:
                    campaign.tell(batch.id, answers(batch))
                assert campaign.status().n_annotations == 8
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tell_and_fail()
        assert read(campaign) == before
        assert campaign.status().n_annotations == 0
        with campaign.transaction():
            for batch in batches:
                campaign.tell(batch.id, answers(batch))
        assert campaign.status().n_annotations == 8
        campaign.close()
        assert len(read_file(place)) == len(before) + 8


class TestRefresh:
    def test_what_comes_in_meanwhile_waits_for_the_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        campaign = create()
        (batch,) = campaign.ask(["ann"])
        infer = campaign._estimates.infer

        def slowly(*arguments: Any) -> Any:
            campaign.tell(batch.id, answers(batch))
            return infer(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(campaign._estimates, "infer", slowly)
            estimate = campaign.refresh()
        entry = read(campaign)[-1]
        assert entry.payload is not None
        assert (entry.kind, entry.payload["upto"], entry.payload["n_annotations"]) == (Kind.REFRESHED, batch.id, 0)
        assert estimate.upto == batch.id
        assert (campaign.status().n_new, campaign.status().n_annotations) == (4, 4)
        list(campaign.replay())
        assert campaign.refresh().upto == entry.position
        assert campaign.status().n_new == 0
        campaign.close()

    def test_status_before_anything_makes_the_first_refresh(self, campaign: Campaign) -> None:
        status = campaign.status()
        assert kinds(campaign) == ["refreshed"]
        assert (status.n_items, status.n_open, status.mean_risk) == (N, N, pytest.approx(1 - 1 / K))
        assert (status.n_annotations, status.n_confident, status.n_exhausted, status.stopped) == (0, 0, 0, None)

    def test_replay_is_what_was(self, campaign: Campaign) -> None:
        estimates = [campaign.refresh()]
        for _ in range(3):
            for batch in campaign.ask(["ann", "bob"]):
                campaign.tell(batch.id, answers(batch))
            estimates.append(campaign.refresh())
        replayed = list(campaign.replay())
        assert [estimate.upto for estimate in replayed] == [estimate.upto for estimate in estimates]
        for before, after in zip(estimates, replayed, strict=True):
            np.testing.assert_array_equal(before.posterior, after.posterior)

    def test_another_process_refreshes(self, place: str | Path) -> None:
        ours, theirs = create(place), reopen(place)
        ours.refresh()
        (batch,) = ours.ask(["ann"])
        theirs.tell(batch.id, answers(batch))
        estimate = theirs.refresh()
        np.testing.assert_array_equal(ours.estimate.posterior, estimate.posterior)
        assert ours.status() == theirs.status()
        ours.close()
        theirs.close()


class TestResult:
    def test_csv(self, tmp_path: Path) -> None:
        ids, classes = ("a,b", "c\nd", 'say "ü"', "plain"), ("x, y", "張")
        dataset = Dataset(ids, classes)
        campaign = Campaign.create(
            None, dataset, Features(np.ones((4, 1), np.float32)), CampaignConfig(), prototypes=Prototypes([3], [0])
        )
        for batch in campaign.ask(["ann", "bob"]):
            campaign.tell(batch.id, [Answer(i, 1) for i in batch.items if i != 0])
        campaign.refresh()
        file = tmp_path / "labels.csv"
        campaign.result().to_csv(str(file))
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        assert list(rows[0]) == ["item", "label", "probability", "annotations", "status"]
        assert [row["item"] for row in rows] == list(ids)
        assert [row["label"] for row in rows] == ["x, y", "張", "張", "x, y"]
        assert [int(row["annotations"]) for row in rows] == [0, 1, 1, 0]
        assert [row["status"] for row in rows] == ["open", "open", "open", "known"]
        assert [float(row["probability"]) for row in rows] == [
            pytest.approx(p, abs=1e-6) for p in campaign.estimate.posterior.max(axis=1)
        ]
        assert rows[3]["probability"] == "1.000000"
        assert list(tmp_path.iterdir()) == [file]
        campaign.close()

    def test_csv_is_whole_or_not_there(
        self, campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "labels.csv"
        file.write_text("old")

        def fail(*_: object) -> None:
            raise OSError("disk full")

        result = campaign.result()
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match=r"disk full"):
            result.to_csv(file)
        assert file.read_text() == "old"


def test_two_campaigns_on_one_file_never_give_an_item_to_two_people(place: str | Path) -> None:
    create(place, batch_size=2).close()
    campaigns = [reopen(place) for _ in range(2)]
    campaigns[0].refresh()
    handed_out: list[list[Batch]] = [[] for _ in range(4)]
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def ask(t: int) -> None:
        start.wait()
        try:
            for _ in range(6):
                handed_out[t] += campaigns[t % 2].ask([f"annotator {t}"])
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    given = Counter(item for batches in handed_out for batch in batches for item in batch.items)
    assert len(given) == 48
    assert set(given.values()) == {1}
    for campaign in campaigns:
        assert len(campaign.leased()) == 24
        assert_same(campaign._journal.ledger, fold(read_file(place)))
        campaign.close()


def test_of_two_refreshes_at_once_the_first_one_counts(place: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each estimate builds on the one before it in the log, so one that did not see the latest is dropped."""
    slow = create(place)
    for batch in slow.ask(["ann"]):
        slow.tell(batch.id, answers(batch))
    quick = reopen(place)
    infer = slow._estimates.infer

    def overtaken(*arguments: Any) -> Any:
        if quick.n_refreshes == 1:
            quick.refresh()
        return infer(*arguments)

    monkeypatch.setattr(slow._estimates, "infer", overtaken)
    assert np.array_equal(slow.refresh().posterior, quick.estimate.posterior)
    assert slow.n_refreshes == quick.n_refreshes == 2
    slow.close()
    quick.close()


class Teller:
    """A learner during whose training an answer comes in, as from another thread."""

    def __init__(self) -> None:
        self.during: Any = lambda: None

    def fit(self, X: Any, soft_targets: Any, weights: Any) -> None:
        self.during()

    def predict_proba(self, X: Any) -> Any:
        return np.full((len(X), 3), 1 / 3)


def test_a_refresh_judges_only_the_answers_that_it_looked_at() -> None:
    teller = Teller()
    campaign = create(
        plugin=teller, prototypes=PROTOTYPES, learner=QUICK_LEARNER, sampler={"max_per_item": 1}, batch_size=60
    )
    (batch,) = campaign.ask(["ann"])

    def answer() -> None:
        campaign.tell(batch.id, answers(batch))

    teller.during = answer
    campaign.refresh()
    status = campaign.status()
    assert status.n_new == len(batch.items)
    assert status.stopped is None
    teller.during = lambda: None
    campaign.refresh()
    assert campaign.status().stopped == StopReason.FINISHED
    campaign.close()


def test_nobody_waits_for_a_refresh(place: str | Path) -> None:
    teller = Teller()
    campaign = create(place, plugin=teller, prototypes=PROTOTYPES, learner=QUICK_LEARNER)
    for batch in campaign.ask(["ann", "bob"], 2):
        campaign.tell(batch.id, answers(batch))
    is_fitting, may_end = threading.Event(), threading.Event()

    def during() -> None:
        is_fitting.set()
        assert may_end.wait(20)

    teller.during = during
    refresh = threading.Thread(target=campaign.refresh)
    refresh.start()
    assert is_fitting.wait(20)
    try:
        with campaign.transaction():
            (batch,) = campaign.ask(["cleo"])
            campaign.tell(batch.id, answers(batch))
            assert campaign.status().n_annotations == 12
        assert len(campaign.result().label) == len(DATASET.items)
        assert refresh.is_alive()
    finally:
        may_end.set()
        refresh.join()
    assert campaign.n_refreshes == 2
    campaign.close()


def test_a_refresh_inside_a_transaction_is_refused(campaign: Campaign) -> None:
    with pytest.raises(RuntimeError, match="would lock the log"), campaign.transaction():
        campaign.refresh()


def test_it_is_refused_also_while_another_thread_refreshes(campaign: Campaign) -> None:
    """Which would wait for the transaction, and the transaction for it."""
    campaign.join(["ann"])
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with campaign._inference():
            is_held.set()
            assert may_end.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    assert is_held.wait(20)
    try:
        began = time.monotonic()
        with pytest.raises(RuntimeError, match="would lock the log"), campaign.transaction():
            campaign.ask(["ann"])
        assert time.monotonic() - began < 10
    finally:
        may_end.set()
        other.join()


@pytest.mark.parametrize("call", ["ask", "join"])
def test_one_name_is_not_a_list_of_letters(campaign: Campaign, call: str) -> None:
    with pytest.raises(DataError, match="'ann' is one name, not several"):
        getattr(campaign, call)("ann")


def test_what_was_refused_once_is_not_recorded_again(campaign: Campaign) -> None:
    (batch,) = campaign.ask(["ann"], 1)
    campaign.tell(batch.id, answers(batch))
    other = answers(batch, label=(int(batch.items[0]) + 1) % 3)[:1]
    for _ in range(3):
        assert campaign.tell(batch.id, other).refused == batch.items[:1]
    assert kinds(campaign).count(Kind.REFUSED) == 1


def test_what_one_annotator_has_before_them() -> None:
    campaign = create()
    assert campaign.n_answered("ann") == 0
    assert not campaign.is_known_to("ann", 0)
    (batch,) = campaign.ask(["ann"], 1, batch_size=3)
    (other,) = campaign.ask(["bob"], 1)
    assert (len(batch.items), len(other.items)) == (3, 4)
    campaign.tell(batch.id, answers(batch)[:1], annotator="ann")
    assert campaign.leased("ann") == [Batch(batch.id, "ann", batch.items[1:], batch.lease_end)]
    assert campaign.leased("eve") == []
    assert campaign.n_answered("ann") == 1
    assert all(campaign.is_known_to("ann", item) for item in batch.items)
    assert not any(campaign.is_known_to("ann", item) for item in other.items)


def test_nobody_answers_a_batch_of_somebody_else() -> None:
    campaign = create()
    (batch,) = campaign.ask(["ann"], 1)
    with pytest.raises(AnswerError, match="There is no batch"):
        campaign.tell(batch.id, answers(batch), annotator="bob")
    assert not len(campaign.annotations())


def test_a_campaign_says_why_it_is_over() -> None:
    campaign = create()
    assert campaign.stopped is None
    campaign.stop(StopReason.BUDGET)
    assert campaign.stopped == StopReason.BUDGET
