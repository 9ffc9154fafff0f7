"""Whatever happens to a campaign, in whatever order: every promise is kept, and a kill changes nothing."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from askless.campaign import Campaign
from askless.core.gold import Standing
from askless.core.risk import StopReason
from askless.errors import AnswerError
from askless.randomness import generator
from askless.store.entries import Kind
from askless.types import Answer, Batch, SkipReason
from killing import until_it_lives
from small_campaign import (
    FEATURES,
    PROTOTYPES,
    QUICK_LEARNER,
    TRUTH,
    Clock,
    K,
    N,
    assert_same,
    assert_same_estimate,
    create,
    fold,
    read,
    read_file,
)

GREEDY = {"algo": "greedy_task_assignment"}
GOLD = np.arange(4)
NAMES = ("ann", "bob", "cy")


class AnyCampaign(RuleBasedStateMachine):
    """Whatever people do, in whatever order: the ledger is what the log says, and every promise is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.folder = tempfile.TemporaryDirectory()
        self.batches: list[Batch] = []
        self.ids: list[tuple[str, bytes]] = []
        self.n_answers = self.n_undone_skips = 0

    @initialize(
        sampler=st.sampled_from([{}, GREEDY, GREEDY | {"fill_batches": True}]),
        max_per_item=st.integers(1, 3),
        max_per_annotator=st.none() | st.integers(1, 40),
        budget=st.none() | st.integers(1, 60),
        batch_size=st.integers(1, 25),
        algo=st.sampled_from(["bayes", "majority_vote"]),
        gold_rate=st.sampled_from([0, 0.3]),
        n_qualification=st.sampled_from([0, 2]),
    )
    def start(
        self,
        sampler: dict[str, Any],
        max_per_item: int,
        max_per_annotator: int | None,
        budget: int | None,
        batch_size: int,
        algo: str,
        gold_rate: float,
        n_qualification: int,
    ) -> None:
        limits = {"max_per_item": max_per_item, "max_per_annotator": max_per_annotator}
        self.campaign = create(
            self.path,
            self.clock,
            sampler=sampler | limits,
            budget=budget,
            batch_size=batch_size,
            aggregator={"algo": algo},
            prototypes=PROTOTYPES,
            gold=GOLD,
            annotators={"gold_rate": gold_rate, "n_qualification": n_qualification, "qualification_share": 0.5},
        )

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / "log.db"

    def teardown(self) -> None:
        if hasattr(self, "campaign"):
            self.campaign.close()
        self.folder.cleanup()

    @rule(who=st.lists(st.sampled_from(NAMES)), n_batches=st.none() | st.integers(0, 3))
    def ask(self, who: list[str], n_batches: int | None) -> None:
        asked_before = [set(said) for said in self.ledger.said]
        standing = {name: self.campaign.standing(name) for name in NAMES}
        batches = self.campaign.ask(who, n_batches)
        assert not (batches and self.campaign.is_paused)
        assert not {standing[batch.annotator] for batch in batches} & {Standing.BANNED, Standing.UNQUALIFIED}
        assert {batch.annotator for batch in batches} <= set(who)
        assert len({batch.annotator for batch in batches}) == len(batches)
        assert all(batch.items for batch in batches)
        for batch in batches:
            j = self.ledger.index[batch.annotator]
            assert not set(batch.items) & (asked_before[j] if j < len(asked_before) else set())
        settings = self.campaign.config
        new = [i for batch in batches for i in batch.items if i not in GOLD]
        assert all(self.ledger.n_labels[i] < settings.sampler.max_per_item for i in new)
        if new and settings.budget is not None:
            assert self.ledger.n_given + self.ledger.n_promised <= settings.budget
        if settings.sampler.max_per_annotator is not None:
            for batch in batches:
                assert self.ledger.n_asked(self.ledger.index[batch.annotator]) <= settings.sampler.max_per_annotator
        self.batches += batches

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.batches))
        label = st.sampled_from([*range(K), *SkipReason])
        items = data.draw(st.lists(st.sampled_from(batch.items), max_size=len(batch.items)))
        told = [self.answer(item, data.draw(label)) for item in items]
        n_before, n_refused = self.ledger.position, len(self.ledger.refused)
        receipt = self.campaign.tell(batch.id, told)
        self.ids += [(batch.annotator, answer.id) for answer in told if answer.id]
        assert receipt.n_accepted + receipt.n_repeated + len(receipt.refused) == len(items)
        position = self.ledger.position
        again = self.campaign.tell(batch.id, told)
        assert (again.n_accepted, self.ledger.position) == (0, position)
        assert self.ledger.position == n_before + receipt.n_accepted + len(self.ledger.refused) - n_refused

    def answer(self, item: int, said: int | SkipReason) -> Answer:
        self.n_answers += 1
        answer_id = self.n_answers.to_bytes(16, "big")
        if isinstance(said, SkipReason):
            return Answer(item, None, id=answer_id, reason=said)
        return Answer(item, said, id=answer_id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        name, answer_id = data.draw(st.sampled_from(self.ids))
        given = self.ledger.given(answer_id)
        if given is None:
            with pytest.raises(AnswerError):
                self.campaign.undo(name, answer_id)
            return
        is_skip = isinstance(self.ledger.said[given.annotator].get(given.item), SkipReason)
        was_undone = answer_id in self.ledger.undone
        assert self.campaign.undo(name, answer_id) is not was_undone
        assert was_undone or given.item not in self.ledger.said[given.annotator]
        self.n_undone_skips += is_skip and not was_undone

    @rule(name=st.sampled_from(NAMES), is_banned=st.booleans())
    def ban(self, name: str, is_banned: bool) -> None:
        if name in self.campaign.annotators:
            (self.campaign.ban if is_banned else self.campaign.unban)(name)
            assert (self.campaign.standing(name) == Standing.BANNED) is is_banned

    @rule()
    def pause(self) -> None:
        self.campaign.pause()

    @rule()
    def resume(self) -> None:
        self.campaign.resume()

    @rule(
        max_per_item=st.integers(1, 4),
        more_budget=st.integers(0, 20),
        batch_size=st.integers(1, 25),
        gold_rate=st.sampled_from([0, 0.3]),
    )
    def change(self, max_per_item: int, more_budget: int, batch_size: int, gold_rate: float) -> None:
        budget = self.campaign.config.budget
        self.campaign.change(
            budget=budget and budget + more_budget,
            batch_size=batch_size,
            sampler={"max_per_item": max_per_item},
            annotators={"gold_rate": gold_rate},
        )

    @rule()
    def crash_and_reopen(self) -> None:
        self.campaign.close()
        self.campaign = Campaign.open(self.path, FEATURES, gold=GOLD, clock=self.clock)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def tell_wrongly(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.batches))
        with pytest.raises(AnswerError):
            self.campaign.tell(batch.id, [Answer(batch.items[0], 0), Answer(int(PROTOTYPES.item[-1]), 0)])

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.campaign.release(data.draw(st.sampled_from(self.batches)).id)

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def refresh(self) -> None:
        self.campaign.refresh()

    @rule()
    def fail(self) -> None:
        def interrupt() -> None:
            assert self.campaign.estimate
            with self.campaign.transaction():
                self.campaign.ask(NAMES)
                self.campaign.join(["dan"])
                self.campaign.ban("dan")
                self.campaign.change(max_risk=0.3)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupt()

    @precondition(lambda self: len(self.batches) > 5)
    @rule()
    def stop(self) -> None:
        self.campaign.stop(StopReason.NO_ANNOTATOR)

    @property
    def ledger(self) -> Any:
        with self.campaign._journal.reading() as ledger:
            return ledger

    @invariant()
    def the_ledger_is_what_the_log_says(self) -> None:
        if hasattr(self, "campaign"):
            assert_same(self.ledger, fold(read(self.campaign)))

    @invariant()
    def every_promise_is_kept(self) -> None:
        if hasattr(self, "campaign"):
            promised = self.ledger.promised_items().tolist()
            others = [item for item in promised if item not in GOLD]
            assert len(others) == len(set(others))
            assert len(promised) == self.ledger.n_promised
            for j in range(len(self.ledger.names)):
                assert not self.ledger.held(j) & set(self.ledger.said[j])
                assert not (j in self.ledger.banned and self.ledger.held(j))
            budget = self.campaign.config.budget
            extra = self.ledger.n_late + self.n_undone_skips
            assert budget is None or self.ledger.n_given + self.ledger.n_promised <= budget + extra

    @invariant()
    def counts_agree(self) -> None:
        if hasattr(self, "campaign"):
            annotations = self.campaign.annotations()
            counting = {
                (item, j, said)
                for j, of_one in enumerate(self.ledger.said)
                for item, said in of_one.items()
                if j not in self.ledger.banned and not isinstance(said, SkipReason)
            }
            columns = zip(
                annotations.item.tolist(), annotations.annotator.tolist(), annotations.label.tolist(), strict=True
            )
            assert set(columns) == counting
            assert len(annotations) == len(counting) == self.ledger.n_annotations
            assert np.bincount(annotations.item, minlength=N).tolist() == self.ledger.n_labels.tolist()


TestAnyCampaign = AnyCampaign.TestCase
TestAnyCampaign.settings = settings(max_examples=40, stateful_step_count=30)


END = 150


def live(path: Path) -> None:
    """Goes on from wherever the log ends; what happens next depends on nothing but that place."""
    clock = Clock()
    settings = {"annotators": {"gold_rate": 0.2, "n_qualification": 2}, "sampler": {"max_per_item": 2}}
    if path.exists():
        campaign = Campaign.open(path, FEATURES, gold=GOLD, clock=clock)
    else:
        campaign = create(path, clock, prototypes=PROTOTYPES, learner=QUICK_LEARNER, gold=GOLD, **settings)
    try:
        while (position := position_of(campaign)) < END:
            clock.now = 1000.0 + 10 * position
            take_a_step(campaign, generator(0, "life", position), position)
            if position_of(campaign) == position:
                campaign.invite("ann", "annotator")
    finally:
        campaign.close()


def position_of(campaign: Campaign) -> int:
    with campaign._journal.reading() as ledger:
        return ledger.position


def take_a_step(campaign: Campaign, rng: np.random.Generator, position: int) -> None:
    """One transaction at most, so that a kill at its end is a kill between two steps."""
    with campaign._journal.reading() as ledger:
        kept = [
            (ledger.names[annotator], key)
            for key, (annotator, *_) in ledger.answer_ids.items()
            if key not in ledger.undone and campaign.standing(ledger.names[annotator]) != Standing.UNQUALIFIED
        ]
    name, leased = NAMES[rng.integers(3)], campaign.leased()
    match rng.choice(["ask", "tell", "undo", "ban", "pause", "change", "invite", "refresh"], p=SHARES):
        case "tell" if leased:
            batch = leased[rng.integers(len(leased))]
            said = [int(TRUTH[item]) if rng.random() < 0.8 else None for item in batch.items]
            ids = [rng.bytes(16) for _ in said]
            told = [Answer(*one) for one in zip(batch.items, said, [5] * len(said), ids, strict=True)]
            campaign.tell(batch.id, told)
        case "undo" if kept:
            campaign.undo(*kept[rng.integers(len(kept))])
        case "ban" if name in campaign.annotators:
            (campaign.unban if campaign.standing(name) == Standing.BANNED else campaign.ban)(name)
        case "pause":
            (campaign.resume if campaign.is_paused else campaign.pause)()
        case "change":
            campaign.change(batch_size=position % 7 + 1, lease_seconds=200 + position)
        case "refresh":
            campaign.refresh()
        case "ask" if not campaign.is_paused and campaign.n_refreshes:
            campaign.ask(NAMES, 2)
        case _:
            campaign.invite(name, "annotator")


SHARES = [0.25, 0.3, 0.15, 0.06, 0.05, 0.05, 0.06, 0.08]


@pytest.mark.slow
@pytest.mark.parametrize(("n", "is_committed"), [(1, True), (2, False), (3, True)])
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, n: int, is_committed: bool) -> None:
    live(tmp_path / "whole.db")
    entries = read_file(tmp_path / "whole.db")
    assert {entry.kind for entry in entries} > {Kind.UNDONE, Kind.BANNED, Kind.UNBANNED, Kind.PAUSED, Kind.CHANGED}
    path = tmp_path / "cut.db"

    def after_death() -> None:
        assert read_file(path) == entries[: len(read_file(path))]

    assert until_it_lives(lambda: live(path), n, is_committed=is_committed, after_death=after_death) >= 10
    assert read_file(path) == entries
    whole, cut = (Campaign.open(one, FEATURES, gold=GOLD) for one in (tmp_path / "whole.db", path))
    assert_same(cut._journal.ledger, whole._journal.ledger)
    assert_same_estimate(cut.estimate, whole.estimate)
    np.testing.assert_array_equal(cut.result().status, whole.result().status)
    whole.close()
    cut.close()
