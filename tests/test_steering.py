"""Undo, bans, pauses, invitations, changes and gold: decisions and corrections while a campaign is under way."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.campaign import Campaign
from askless.core.gold import Standing
from askless.core.risk import ItemStatus, StopReason
from askless.errors import AnswerError, ConfigError, DataError
from askless.results import Receipt, Refresh
from askless.store.entries import Kind
from askless.types import Answer, Batch, Invitation, Prototypes, SkipReason
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
from stores import Store


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
    assert_same(made._journal.ledger, fold(read(made)))
    made.close()


def ask_one(campaign: Campaign, name: str = "ann") -> Batch:
    (batch,) = campaign.ask([name])
    return batch


def uuid(number: int) -> bytes:
    return number.to_bytes(16, "big")


def told(batch: Batch, start: int = 0) -> list[Answer]:
    return [Answer(item, int(TRUTH[item]), id=uuid(start + n)) for n, item in enumerate(batch.items)]


class TestUndo:
    def test_the_answer_counts_no_longer_and_another_may_follow(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        assert campaign.leased() == []
        assert campaign.undo("ann", uuid(1)) is True
        a = batch.items[1]
        entry = read(campaign)[-1]
        assert (entry.kind, entry.annotator, entry.batch, entry.item) == (Kind.UNDONE, 0, batch.id, a)
        assert entry.answer_id == uuid(1)
        assert [lease.items for lease in campaign.leased()] == [(a,)]
        assert campaign.annotations().item.tolist() == [i for i in batch.items if i != a]
        assert (campaign.status().n_annotations, campaign.status().n_promised) == (3, 1)
        assert a not in {item for name in ("ann", "bob") for b in campaign.ask([name]) for item in b.items}
        assert campaign.tell(batch.id, [Answer(a, 2, id=uuid(9))]) == Receipt(1, 0, ())
        assert campaign.annotations().label[-1] == 2
        assert [answer.id for _, answer in campaign.answers()] == [uuid(0), uuid(2), uuid(3), uuid(9)]

    def test_again_it_is_no_news_and_its_late_copy_is_no_answer(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.undo("ann", uuid(0))
        before = read(campaign)
        assert campaign.undo("ann", uuid(0)) is False
        assert campaign.tell(batch.id, told(batch)) == Receipt(0, 4, ())
        assert read(campaign) == before

    def test_a_skip_can_be_undone(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, [Answer(batch.items[0], None, id=uuid(0), reason=SkipReason.BROKEN)])
        assert campaign.undo("ann", uuid(0))
        assert campaign._journal.ledger.n_broken.sum() == 0
        assert campaign.tell(batch.id, [Answer(batch.items[0], 1)]).n_accepted == 1

    def test_what_is_not_theirs_is_refused(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.tell(batch.id, [Answer(batch.items[0], (int(TRUTH[batch.items[0]]) + 1) % K, id=uuid(7))])
        before = read(campaign)
        for name, answer_id in (("bob", uuid(0)), ("ann", uuid(5)), ("ann", uuid(7))):
            with pytest.raises(AnswerError, match=rf"'{name}' has no answer .* to undo; give the id of an answer"):
                campaign.undo(name, answer_id)
        assert read(campaign) == before

    @pytest.mark.parametrize("end", ["expired", "released", "over before it is looked at"])
    def test_behind_the_end_of_the_lease_the_item_is_free(self, campaign: Campaign, clock: Clock, end: str) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch) if end.startswith("over") else told(batch)[:2])
        if end == "released":
            campaign.release(batch.id)
        else:
            clock.now += 101
        campaign.ask([])
        campaign.undo("ann", uuid(0))
        assert campaign.leased() == []
        assert campaign.tell(batch.id, [Answer(batch.items[0], 0, id=uuid(8))]).n_accepted == 1

    def test_an_item_that_somebody_else_holds_by_now_stays_with_them(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.record("bob", [Answer(item, 0) for item in range(N) if item != batch.items[2]])
        assert ask_one(campaign, "bob").items == (batch.items[2],)
        campaign.undo("ann", uuid(2))
        assert [lease.annotator for lease in campaign.leased()] == ["bob"]

    def test_of_an_answer_given_elsewhere(self, campaign: Campaign) -> None:
        campaign.record("ann", [Answer(3, 1, id=uuid(0))])
        assert campaign.undo("ann", uuid(0))
        assert campaign.record("ann", [Answer(3, 2, id=uuid(1))]).n_accepted == 1
        assert campaign.annotations().label.tolist() == [2]

    def test_the_budget_is_free_again(self) -> None:
        campaign = create(budget=4)
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        assert campaign.ask(["bob"]) == []
        campaign.release(batch.id)
        campaign.undo("ann", uuid(0))
        campaign.release(batch.id)
        assert len(ask_one(campaign, "bob").items) == 1
        campaign.close()

    def test_the_label_and_an_undo_since_the_refresh_are_both_news(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.refresh()
        campaign.undo("ann", uuid(0))
        campaign.tell(batch.id, [Answer(batch.items[0], 0, id=uuid(8))])
        assert (campaign.status().n_annotations, campaign.status().n_new) == (4, 2)
        assert campaign.refresh()
        assert campaign.status().n_new == 0


def test_past_estimates_are_computed_from_what_counted_then(place: str | Path, clock: Clock) -> None:
    campaign = create(place, clock, prototypes=PROTOTYPES, learner=QUICK_LEARNER)
    estimates = [campaign.refresh()]
    for batch in campaign.ask(["ann", "bob"]):
        campaign.tell(batch.id, told(batch, 10 * batch.id))
        campaign.undo(batch.annotator, uuid(10 * batch.id + 1))
        estimates.append(campaign.refresh())
    for step in (lambda: campaign.ban("bob"), lambda: campaign.join(["cy"]), lambda: campaign.unban("bob")):
        step()
        estimates.append(campaign.refresh())
    for again, made in zip(campaign.replay(), estimates, strict=True):
        assert_same_estimate(again, made)
    campaign.close()


class TestReasons:
    def test_in_the_log_and_out_again(self, campaign: Campaign) -> None:
        batch = ask_one(campaign)
        given = [Answer(item, None, reason=reason) for item, reason in zip(batch.items, SkipReason, strict=True)]
        campaign.tell(batch.id, given)
        assert [entry.payload for entry in read(campaign)[-4:]] == [
            None,
            {"reason": "unsure"},
            {"reason": "none_of_these"},
            {"reason": "broken"},
        ]
        assert [answer.reason for _, answer in campaign.answers()] == list(SkipReason)
        assert campaign.tell(batch.id, given) == Receipt(0, 4, ())
        assert campaign.tell(batch.id, [Answer(batch.items[0], None, reason="unsure")]).refused == batch.items[:1]
        assert read(campaign)[-1].payload == {"reason": "unsure"}

    @pytest.mark.parametrize(
        ("label", "reason", "sentence"),
        [
            (None, "tired", r"reason='tired' is not known; allowed: skip, unsure, none_of_these, broken"),
            (1, SkipReason.BROKEN, r"An answer has a label or a reason, not label 1 and"),
        ],
    )
    def test_what_is_no_reason(self, label: int | None, reason: Any, sentence: str) -> None:
        with pytest.raises(AnswerError, match=sentence):
            Answer(3, label, reason=reason)

    def test_an_item_that_two_call_broken_is_asked_no_more(self, campaign: Campaign) -> None:
        item = 7
        broken = [Answer(item, None, reason=SkipReason.BROKEN)]
        campaign.record("ann", broken)
        assert campaign.result().status[item] == ItemStatus.OPEN
        campaign.record("bob", broken)
        assert campaign.result().status[item] == ItemStatus.BROKEN
        status = campaign.status()
        assert (status.n_broken, status.n_open, status.n_items) == (1, N - 1, N)
        campaign.ban("bob")
        assert campaign.status().n_broken == 0
        campaign.record("cy", broken)
        assert campaign.status().n_broken == 1
        campaign.record("dan", [Answer(i, 0) for i in range(N) if i != item])
        assert campaign.ask(["dan"]) == []
        campaign.unban("bob")
        campaign.ban("ann")
        assert campaign.ask(["dan"]) == []

    def test_with_all_others_done_the_campaign_is_finished(self) -> None:
        campaign = create(sampler={"max_per_item": 1})
        campaign.record("ann", [Answer(i, 0) for i in range(1, N)])
        for name in ("ann", "bob"):
            campaign.record(name, [Answer(0, None, reason=SkipReason.BROKEN)])
        campaign.refresh()
        assert campaign.status().stopped == StopReason.FINISHED
        assert read(campaign)[-2].payload["open"] == 0  # type: ignore[index]
        campaign.close()


class TestWhatIsNews:
    """Whatever may end a campaign asks for a refresh, which alone says that it has ended."""

    def test_a_call_of_broken(self) -> None:
        campaign = create(sampler={"max_per_item": 1})
        campaign.record("ann", [Answer(i, 0) for i in range(1, N)])
        campaign.refresh()
        broken = [Answer(0, None, reason=SkipReason.BROKEN)]
        campaign.record("ann", broken)
        campaign.record("bob", broken)
        assert (campaign.status().n_open, campaign.stopped, campaign.n_new) == (0, None, 2)
        campaign.refresh()
        assert (campaign.stopped, campaign.n_new) == (StopReason.FINISHED, 0)
        campaign.close()

    def test_other_settings(self) -> None:
        campaign = create(budget=30)
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.refresh()
        campaign.change(budget=4)
        assert (campaign.ask(["ann"]), campaign.stopped, campaign.n_new) == ([], None, 1)
        campaign.refresh()
        assert (campaign.stopped, campaign.n_new) == (StopReason.BUDGET, 0)
        campaign.close()

    def test_a_ban_of_somebody_who_has_given_no_label(self) -> None:
        campaign = create(budget=4)
        campaign.record("eve", [Answer(50, None)])
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.refresh()
        assert campaign.stopped == StopReason.BUDGET
        for act in (campaign.ban, campaign.unban):
            act("eve")
            assert (campaign.stopped, campaign.n_new) == (None, 1)
            campaign.refresh()
            assert (campaign.stopped, campaign.n_new) == (StopReason.BUDGET, 0)
        campaign.close()


class TestBan:
    def test_nothing_they_say_counts_until_they_are_back(self, campaign: Campaign) -> None:
        batch, other = campaign.ask(["ann", "bob"])
        campaign.tell(batch.id, told(batch))
        campaign.tell(other.id, told(other, 10))
        again = ask_one(campaign, batch.annotator)
        campaign.ban(batch.annotator)
        before = read(campaign)
        assert [entry.kind for entry in before[-2:]] == [Kind.BANNED, Kind.RELEASED]
        campaign.ban(batch.annotator)
        assert read(campaign) == before
        assert campaign.standing(batch.annotator) == Standing.BANNED
        assert campaign.ask([batch.annotator]) == []
        assert campaign.annotations().item.tolist() == list(other.items)
        assert campaign.tell(again.id, told(again, 20)).n_accepted == 4
        assert campaign.undo(batch.annotator, uuid(0))
        assert campaign.leased() == []
        assert campaign.status().n_annotations == 4
        assert {name for name, _ in campaign.answers()} == {other.annotator}
        campaign.unban(batch.annotator)
        assert campaign.status().n_annotations == 4 + 3 + 4
        before = read(campaign)
        campaign.unban(batch.annotator)
        assert read(campaign) == before
        assert campaign.standing(batch.annotator) == Standing.WORKING
        assert len(campaign.ask([batch.annotator])) == 1

    def test_the_posterior_is_as_if_they_had_said_nothing(self, campaign: Campaign) -> None:
        campaign.record("ann", [Answer(i, int(TRUTH[i])) for i in range(N)])
        before = campaign.refresh()
        campaign.record("bot", [Answer(i, 0) for i in range(N)])
        assert not np.allclose(campaign.refresh().posterior, before.posterior)
        campaign.ban("bot")
        assert campaign.status().n_new == N + 1  # their answers, and the ban itself
        np.testing.assert_allclose(campaign.refresh().posterior, before.posterior)

    def test_what_they_have_said_leaves_room_for_others_but_the_budget_is_spent(self) -> None:
        campaign = create(budget=N + 4, sampler={"max_per_item": 1}, batch_size=10)
        campaign.record("bot", [Answer(i, 0) for i in range(N)])
        campaign.refresh()
        assert campaign.status().stopped == StopReason.FINISHED
        campaign.ban("bot")
        assert campaign.status().stopped is None
        assert len(ask_one(campaign).items) == 4
        campaign.refresh()
        assert campaign.status().stopped is None
        campaign.close()

    @pytest.mark.parametrize("act", ["ban", "unban"])
    def test_somebody_unknown(self, campaign: Campaign, act: str) -> None:
        with pytest.raises(DataError, match=r"There is no annotator 'eve'; `annotators` lists those who have joined"):
            getattr(campaign, act)("eve")
        assert read(campaign) == []


def test_while_it_is_paused_nothing_is_handed_out(campaign: Campaign) -> None:
    batch = ask_one(campaign)
    campaign.pause()
    campaign.pause()
    assert campaign.is_paused
    assert campaign.status().is_paused
    assert campaign.ask(["ann", "bob"]) == []
    assert campaign.tell(batch.id, told(batch)).n_accepted == 4
    campaign.resume()
    campaign.resume()
    assert not campaign.is_paused
    assert campaign.ask(["ann"])
    kinds = [entry.kind for entry in read(campaign)]
    assert (kinds.count(Kind.PAUSED), kinds.count(Kind.RESUMED)) == (1, 1)


class TestInvitations:
    def test_made_and_taken_back(self, place: str | Path) -> None:
        campaign = create(place)
        ann, eve = campaign.invite("Ann", "annotator", ends=5000.0), campaign.invite("Eve", "admin")
        assert (ann, eve) == (1, 2)
        campaign.revoke(ann)
        campaign.revoke(ann)
        expected = [Invitation(1, "Ann", "annotator", 5000.0, is_revoked=True), Invitation(2, "Eve", "admin")]
        assert campaign.invitations() == expected
        campaign.close()
        again = reopen(place)
        assert again.invitations() == expected
        assert (again.invitation(2), again.invitation(3)) == (expected[1], None)
        assert len(read_file(place)) == 3
        again.close()

    @pytest.mark.parametrize(
        ("name", "role", "sentence"),
        [
            ("Ann", "boss", r"role='boss' is not known; allowed: annotator, viewer, admin"),
            ("", "viewer", r"'' is no name; give one of letters that can be printed"),
            ("a\nb", "viewer", r"'a\\nb' is no name"),
        ],
    )
    def test_what_is_none(self, campaign: Campaign, name: str, role: Any, sentence: str) -> None:
        with pytest.raises(ConfigError, match=sentence):
            campaign.invite(name, role)
        with pytest.raises(DataError, match=r"There is no invitation 7; `invitations` lists those that there are"):
            campaign.revoke(7)
        assert read(campaign) == []


class TestChange:
    def test_from_now_on_and_for_everyone(self, place: str | Path) -> None:
        campaign, elsewhere = create(place), reopen(place)
        campaign.refresh()
        campaign.change(budget=7, batch_size=3, sampler={"max_per_item": 2}, **{"annotators.gold_rate": 0.5})
        for one in (campaign, elsewhere):
            config = one.config
            assert (config.budget, config.batch_size, config.sampler.max_per_item) == (7, 3, 2)
            assert (config.annotators.gold_rate, config.lease_seconds) == (0.5, 100)
        assert [len(batch.items) for batch in elsewhere.ask(["ann", "bob", "cy"])] == [3, 3, 1]
        before = read(campaign)
        campaign.change(budget=7)
        assert read(campaign) == before
        campaign.close()
        elsewhere.close()
        again = reopen(place)
        assert again.config == config
        again.close()

    def test_a_campaign_that_had_stopped_goes_on(self) -> None:
        campaign = create(budget=4)
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.refresh()
        assert campaign.status().stopped == StopReason.BUDGET
        campaign.change(budget=8)
        assert campaign.status().stopped is None
        assert campaign.ask(["ann"])
        assert campaign._journal.ledger.confident_history == []
        campaign.close()

    def test_it_stays_stopped_by_what_its_stop_does_not_look_at(self) -> None:
        campaign = create(budget=4)
        batch = ask_one(campaign)
        campaign.tell(batch.id, told(batch))
        campaign.refresh()
        history = campaign._journal.ledger.confident_history
        campaign.change(max_risk=0.2, batch_size=2)
        assert campaign.stopped == StopReason.BUDGET
        assert campaign._journal.ledger.confident_history == history
        campaign.change(budget=None)
        assert campaign.stopped is None
        campaign.stop(StopReason.FINISHED)
        campaign.change(budget=9)
        assert campaign.stopped == StopReason.FINISHED
        campaign.change(max_risk=0.1)
        assert campaign.stopped is None
        campaign.close()

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            (
                {"learner": {"algo": "mlp"}},
                r"learner\.algo cannot change while a campaign is under way; .*allowed: max_ri",
            ),
            ({"buget": 7}, r"buget cannot change .*; did you mean 'budget'\? Allowed: max_risk"),
            ({"budget": 0}, r"budget=0 does not fit: allowed is greater than or equal to 1"),
            ({"annotators": {"gold_rate": 1}}, r"annotators\.gold_rate=1 does not fit"),
        ],
    )
    def test_what_cannot_change(self, campaign: Campaign, settings: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ConfigError, match=sentence):
            campaign.change(**settings)
        assert read(campaign) == []

    def test_an_extension_keeps_it_or_replaces_it(self, place: str | Path) -> None:
        campaign = create(place)
        old = campaign.config
        campaign.change(max_risk=0.2)
        campaign.close()
        extended = Campaign.extend(place, DATASET, FEATURES, prototypes=PROTOTYPES)
        assert extended.config.max_risk == 0.2
        extended.close()
        replaced = Campaign.extend(place, DATASET, FEATURES, config=old)
        assert replaced.config == old
        replaced.close()
        again = reopen(place)
        assert again.config == old
        again.close()

    def test_what_was_taken_back_by_a_failure_was_never_there(self, campaign: Campaign) -> None:
        def fail() -> None:
            with campaign.transaction():
                campaign.change(budget=5)
                assert campaign.config.budget == 5
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert campaign.config.budget is None


GOLD = np.arange(6)


def with_gold(**settings: Any) -> Campaign:
    return create(prototypes=PROTOTYPES, gold=GOLD, annotators=settings, batch_size=5)


class TestGold:
    def test_each_at_most_once_per_annotator_and_to_several_at_once(self) -> None:
        campaign = with_gold(gold_rate=0.4)
        seen: dict[str, list[int]] = {"ann": [], "bob": []}
        for _ in range(5):
            for batch in campaign.ask(["ann", "bob"]):
                assert len(batch.items) == 5
                seen[batch.annotator] += batch.items
        for items in seen.values():
            assert len(items) == len(set(items)) == 25
            assert set(GOLD) <= set(items)
        assert set(seen["ann"]) & set(seen["bob"]) == set(GOLD)
        campaign.close()

    def test_without_gold_nothing_is_drawn_or_asked(self) -> None:
        with_rate, without = create(annotators={"gold_rate": 0.9}), create(annotators={"gold_rate": 0})
        for _ in range(3):
            for one in (with_rate, without):
                for batch in one.ask(["ann", "bob"]):
                    one.tell(batch.id, answers(batch))
        assert [e.payload for e in read(with_rate)] == [e.payload for e in read(without)]
        with_rate.close()
        without.close()

    def test_qualification_first(self) -> None:
        campaign = with_gold(n_qualification=4, gold_rate=0)
        assert campaign.standing("ann") == Standing.NEW
        good, bad = campaign.ask(["ann", "bob"])
        assert len(good.items) == len(bad.items) == 4
        assert set(good.items) | set(bad.items) <= set(GOLD.tolist())
        assert campaign.ask(["ann"]) == []
        campaign.tell(good.id, told(good)[:3])
        assert campaign.standing(good.annotator) == Standing.QUALIFYING
        campaign.tell(good.id, told(good))
        campaign.tell(bad.id, [Answer(item, (int(TRUTH[item]) + (n < 2)) % K) for n, item in enumerate(bad.items)])
        assert campaign.standing(good.annotator) == Standing.WORKING
        assert campaign.standing(bad.annotator) == Standing.UNQUALIFIED
        assert [batch.annotator for batch in campaign.ask(["ann", "bob"])] == [good.annotator]
        campaign.change(annotators={"qualification_share": 0.5})
        assert campaign.standing(bad.annotator) == Standing.WORKING
        campaign.close()

    def test_who_did_not_qualify_takes_nothing_back(self) -> None:
        campaign = with_gold(n_qualification=2)
        batch = ask_one(campaign)
        ids = [bytes([n]) * 16 for n in range(3)]
        wrong = [Answer(item, (int(TRUTH[item]) + 1) % K, id=ids[n]) for n, item in enumerate(batch.items)]
        campaign.tell(batch.id, wrong[:1])
        assert campaign.undo("ann", ids[0])  # nothing is decided yet
        campaign.tell(batch.id, [replace(wrong[0], id=ids[2]), wrong[1]])
        assert campaign.standing("ann") == Standing.UNQUALIFIED
        n_entries = len(read(campaign))
        for id in (ids[2], ids[1]):
            with pytest.raises(AnswerError, match="'ann' takes nothing back: it is decided"):
                campaign.undo("ann", id)
        assert not campaign.undo("ann", ids[0])  # said again, because the first reply was lost
        assert len(read(campaign)) == n_entries
        campaign.close()

    def test_broken_gold_is_no_gold(self) -> None:
        campaign = with_gold(n_qualification=6)
        for name in ("cy", "dan"):
            campaign.record(name, [Answer(3, None, reason=SkipReason.BROKEN)])
        first = ask_one(campaign)
        assert sorted(first.items) == [0, 1, 2, 4, 5]
        campaign.tell(first.id, told(first))
        assert campaign.standing("ann") == Standing.WORKING
        campaign.close()

    def test_budget_and_batches_hold_for_qualification_too(self) -> None:
        campaign = create(prototypes=PROTOTYPES, gold=GOLD, annotators={"n_qualification": 4}, budget=6)
        assert [len(batch.items) for batch in campaign.ask(["ann", "bob", "cy"])] == [4, 2]
        campaign.close()
        campaign = with_gold(n_qualification=4)
        assert len(campaign.ask(["ann", "bob", "cy"], 2)) == 2
        assert len(campaign.ask(["cy"], askable={"cy": np.array([0, 30])})[0].items) == 1
        campaign.close()

    def test_it_must_be_known(self, place: str | Path) -> None:
        message = r"Item 6 is gold, but its label is not known; give it among the prototypes too"
        with pytest.raises(DataError, match=message):
            create(place, prototypes=PROTOTYPES, gold=np.array([5, 6]))
        create(place, prototypes=PROTOTYPES).close()
        with pytest.raises(DataError, match=message):
            Campaign.open(place, FEATURES, gold=np.array([5, 6]))
        more = Prototypes(np.arange(7), TRUTH[:7])
        with pytest.raises(DataError, match=r"Item 8 is gold"):
            Campaign.extend(place, DATASET, FEATURES, prototypes=more, gold=np.array([8]))
        assert read_file(place) == []
        extended = Campaign.extend(place, DATASET, FEATURES, prototypes=more, gold=np.array([6]))
        assert extended._planner.gold == {6: TRUTH[6]}
        extended.close()


class TestTwoHalves:
    def test_another_process_infers(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        web = create(path, keeps_estimates=True)
        child = Campaign.open(path, FEATURES, keeps_estimates=True, clock=Clock())
        monkeypatch.setattr(web._estimates, "infer", None)
        monkeypatch.setattr(web._estimates, "again", None)
        assert web.status().mean_risk == pytest.approx(1 - 1 / K)
        batch = ask_one(web)
        web.tell(batch.id, answers(batch))
        before = read(web)
        refresh = child.infer_now()
        assert read(web) == before
        sent = Refresh(**json.loads(json.dumps(asdict(refresh))))
        assert sent == refresh
        assert web.take(sent)
        assert read(web)[-1].payload == asdict(refresh)
        assert (refresh.n_annotations, refresh.open, refresh.previous) == (4, web.status().n_open, 0)
        assert refresh.risk == web.status().mean_risk
        assert web.status().n_new == 0
        assert_same_estimate(web.estimate, child.estimate)
        second = child.infer_now()
        assert web.take(second)
        assert [file.name for file in path.parent.glob("*.npz")] == [f"log.db.estimate-{second.upto}.npz"]
        web.close()
        child.close()

    def test_without_its_file_the_prior_is_used_and_a_refresh_not_taken(self, path: Path) -> None:
        web = create(path, keeps_estimates=True, prototypes=PROTOTYPES)
        child = Campaign.open(path, FEATURES, keeps_estimates=True, clock=Clock())
        refresh = child.infer_now()
        for file in path.parent.glob("*.npz"):
            file.unlink()
        assert not web.take(refresh)
        assert child.take(refresh)
        assert web.estimate.posterior[:6].argmax(axis=1).tolist() == TRUTH[:6].tolist()
        assert web.estimate.risk[6:].min() == pytest.approx(1 - 1 / K)
        assert web.ask(["ann", "bob"])
        web.close()
        child.close()

    @pytest.mark.parametrize("event", ["refresh", "change", "ban"])
    def test_overtaken(self, campaign: Campaign, event: str) -> None:
        campaign.join(["ann"])
        refresh = campaign.infer_now()
        match event:
            case "refresh":
                campaign.refresh()
            case "change":
                campaign.change(max_risk=0.2)
            case _:
                campaign.ban("ann")
        before = read(campaign)
        assert not campaign.take(refresh)
        assert read(campaign) == before

    def test_not_inside_a_transaction(self, campaign: Campaign) -> None:
        with campaign.transaction(), pytest.raises(RuntimeError, match=r"would lock the log"):
            campaign.infer_now()


def test_an_old_log_is_read_as_it_was(path: Path) -> None:
    """Its `refreshed` entries know less, and its settings do not know of annotators."""
    campaign = create(path)
    batch = ask_one(campaign)
    campaign.tell(batch.id, answers(batch))
    estimate = campaign.refresh()
    campaign.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        for position, payload in connection.execute("SELECT position, payload FROM entry WHERE kind = 'refreshed'"):
            old = {key: json.loads(payload)[key] for key in ("upto", "n_annotations", "confident", "digest")}
            connection.execute("UPDATE entry SET payload = ? WHERE position = ?", (json.dumps(old), position))
        (config,) = connection.execute("SELECT value FROM campaign WHERE key = 'config'").fetchone()
        old_config = {key: value for key, value in json.loads(config).items() if key != "annotators"}
        connection.execute("UPDATE campaign SET value = ? WHERE key = 'config'", (json.dumps(old_config).encode(),))
    again = reopen(path)
    assert (again.status().n_new, again.status().n_annotations) == (0, 4)
    assert_same_estimate(again.estimate, estimate)
    assert again.refresh().upto == read(again)[-1].payload["upto"]  # type: ignore[index]
    again.close()
