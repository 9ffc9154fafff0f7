"""A campaign that promises the accuracy of its set: who is asked what, what stays as it is, and how it ends."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import askless.auditing
from askless.campaign import Campaign
from askless.core.bets import Draws
from askless.core.promise import Terms, bound_accuracy
from askless.core.risk import ItemStatus
from askless.store.entries import Kind
from askless.types import Answer, Batch, SkipReason
from small_campaign import PROTOTYPES, TRUTH, K, N, answers, create, read

CROWD = ["ann", "bob", "cid"]
EVERYBODY = [*CROWD, "auditor"]
PROMISE = {"target_accuracy": 0.8, "confidence": 0.9}
N_SET = N - len(PROTOTYPES)

Say = Callable[[Batch], list[Answer]]


def make(**given: Any) -> Campaign:
    promise = PROMISE | given.pop("promise", {})
    return create(prototypes=PROTOTYPES, promise=promise, **given)


def wrong(batch: Batch) -> list[Answer]:
    """The crowd is always wrong, and of one mind."""
    return [Answer(i, int(TRUTH[i] + 1) % K) for i in batch.items]


def misled(batch: Batch) -> list[Answer]:
    """The crowd is wrong about some items, and of one mind; auditors are right."""
    if batch.annotator == "auditor":
        return answers(batch)
    return [Answer(i, int(TRUTH[i] + (i % 3 == 0)) % K) for i in batch.items]


def drive(campaign: Campaign, say: Say, until: Callable[[Campaign], object] = lambda campaign: False) -> None:
    """Asks everybody until the campaign stops or has come to what is looked for."""
    campaign.refresh()
    while not campaign.status().stopped and not until(campaign):
        batches = campaign.ask(EVERYBODY)
        assert batches, "nobody may be asked, but the campaign goes on"
        for batch in batches:
            campaign.tell(batch.id, say(batch))
        campaign.refresh()


def is_auditing(campaign: Campaign) -> bool:
    promise = campaign.status().promise
    assert campaign.is_auditing == (promise is not None and promise.is_auditing)
    return campaign.is_auditing


def of_kind(campaign: Campaign, kind: Kind) -> list[dict[str, Any]]:
    return [entry.payload or {} for entry in read(campaign) if entry.kind == kind]


@pytest.fixture
def auditing() -> Iterator[Campaign]:
    """A campaign whose first audit has just begun."""
    campaign = make()
    drive(campaign, answers, is_auditing)
    yield campaign
    campaign.close()


def test_a_promise_is_kept_by_an_audit() -> None:
    campaign = make()
    drive(campaign, answers)
    status, result = campaign.status(), campaign.result()
    assert status.stopped == "promise_kept"
    assert status.promise
    assert status.promise.low >= 0.8
    assert status.promise.high == 1
    assert not status.promise.is_auditing
    asked = {entry.item for entry in read(campaign) if entry.kind == Kind.ANSWERED and entry.annotator == 3}
    assert len(asked) == status.promise.n_audited >= 10
    assert (result.label == TRUTH)[6:].mean() >= 0.8
    assert (result.label == TRUTH)[list(asked)].all()
    assert result.probability[list(asked)].tolist() == [1.0] * len(asked)
    (begun,), (ended,) = of_kind(campaign, Kind.AUDITING), of_kind(campaign, Kind.AUDITED)
    assert asked == set(begun["items"][: len(asked)])
    assert ended["verdict"] == "kept"
    assert ended["n_audited"] == len(asked)


def test_without_a_promise_an_auditor_is_like_everybody() -> None:
    campaign = create(prototypes=PROTOTYPES)
    campaign.refresh()
    assert [batch.annotator for batch in campaign.ask(["auditor"])] == ["auditor"]
    assert campaign.status().promise is None


def test_with_a_promise_finished_items_are_asked_about_until_it_is_kept() -> None:
    with_promise, without = (
        make(max_risk=0.5, promise={"target_accuracy": 0.9}),
        create(prototypes=PROTOTYPES, max_risk=0.5),
    )
    drive(with_promise, answers)
    drive(without, answers)
    assert without.status().stopped == "finished"
    assert with_promise.status().stopped == "promise_kept"
    audited = with_promise.status().promise
    assert audited
    assert with_promise.status().n_annotations - audited.n_audited > without.status().n_annotations


def test_while_an_audit_is_under_way_only_auditors_are_asked_and_nothing_moves(auditing: Campaign) -> None:
    before, position = auditing.estimate, auditing.n_refreshes
    assert auditing.ask(CROWD) == []
    (batch,) = auditing.ask(EVERYBODY)
    assert batch.annotator == "auditor"
    order = of_kind(auditing, Kind.AUDITING)[0]["items"]
    assert list(batch.items) == order[:4]
    assert auditing.ask(["auditor"])[0].items == tuple(order[4:8])
    said = [*wrong(batch)[:1], *answers(batch)[1:]]
    auditing.tell(batch.id, said)
    assert auditing.n_new == 0  # so that a server does not infer for nothing
    inferred = auditing.infer_now()
    assert not auditing.take(inferred)
    auditing.refresh()
    assert auditing.n_refreshes == position
    others = np.setdiff1d(np.arange(N), batch.items)
    np.testing.assert_array_equal(auditing.estimate.posterior[others], before.posterior[others])
    assert auditing.estimate.label[list(batch.items)].tolist() == [answer.label for answer in said]


def test_the_bound_of_an_audit_is_computed_once_for_each_answer(
    auditing: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counted(terms: Terms, draws: Draws, n_unsettled: int) -> tuple[float, float]:
        looked.append(len(draws))
        return bound_accuracy(terms, draws, n_unsettled)

    monkeypatch.setattr(askless.auditing, "bound_accuracy", counted)
    (batch,) = auditing.ask(["auditor"])
    for n, answer in enumerate(wrong(batch)):
        auditing.tell(batch.id, [replace(answer, id=bytes([n]) * 16)])
        assert auditing.status().promise == auditing.status().promise
    assert looked == [1, 2, 3, 4]
    assert auditing.undo("auditor", bytes([3]) * 16)
    auditing.tell(batch.id, [replace(answers(batch)[3], id=bytes([9]) * 16)])  # as many draws, another answer
    assert looked == [1, 2, 3, 4, 4]


def test_two_auditors_share_an_audit() -> None:
    campaign = make(promise={"auditors": ("auditor", "bob")})
    drive(campaign, answers, is_auditing)
    assert {name for name, answer in campaign.answers()} <= {"ann", "cid"}
    batches = campaign.ask(EVERYBODY)
    assert {batch.annotator for batch in batches} == {"auditor", "bob"}
    assert not set(batches[0].items) & set(batches[1].items)


def test_what_others_hold_is_audited_all_the_same() -> None:
    """Nobody else is asked while an audit is under way, so whoever held its items might never answer."""
    campaign = make()
    campaign.refresh()
    for batch in campaign.ask(CROWD):
        campaign.tell(batch.id, answers(batch)[1:])
    drive(campaign, answers, is_auditing)
    left = {item for batch in campaign.leased() for item in batch.items}
    (begun,) = of_kind(campaign, Kind.AUDITING)
    asked: list[int] = []
    while batches := campaign.ask(["auditor"]):
        for batch in batches:
            asked += batch.items
            campaign.tell(batch.id, answers(batch))
    assert left & set(begun["items"]) & set(asked)
    assert asked == begun["items"][: len(asked)]
    assert campaign.stopped == "promise_kept"


def test_only_what_is_answered_in_order_counts(auditing: Campaign) -> None:
    """Who answers the easy ones first would otherwise choose the sample."""
    first, second = auditing.ask(["auditor"])[0], auditing.ask(["auditor"])[0]
    auditing.tell(second.id, answers(second))
    nothing = auditing.status().promise
    assert nothing
    assert nothing.low < 0.1
    auditing.tell(first.id, answers(first)[1:])
    assert auditing.status().promise
    assert auditing.status().promise == nothing.__class__(**vars(nothing) | {"n_audited": 7})
    auditing.tell(first.id, answers(first)[:1])
    assert auditing.status().promise.low > nothing.low  # type: ignore[union-attr]


def test_what_an_auditor_cannot_label_counts_as_wrong() -> None:
    auditing, other = make(promise={"target_accuracy": 0.6}), make(promise={"target_accuracy": 0.6})
    drive(auditing, answers, is_auditing)
    drive(other, answers, is_auditing)
    skipped, said = auditing.ask(["auditor"])[0], other.ask(["auditor"])[0]
    unsure = Answer(skipped.items[0], None, reason=SkipReason.UNSURE)
    auditing.tell(skipped.id, [unsure, *answers(skipped)[1:]])
    other.tell(said.id, answers(said))
    assert auditing.status().promise.low < other.status().promise.low  # type: ignore[union-attr]
    (more,) = auditing.ask(["auditor"])
    assert not set(more.items) & set(skipped.items)


def test_an_audit_that_fails_lets_the_labels_move_on() -> None:
    """The crowd is wrong about a third of the items and sure of it; audits mend what they find."""
    campaign = make(sampler={"max_per_item": 2}, promise={"max_audit_share": 0.6})
    drive(campaign, misled)
    begun, ended = of_kind(campaign, Kind.AUDITING), of_kind(campaign, Kind.AUDITED)
    verdicts = [payload["verdict"] for payload in ended]
    assert set(verdicts[:-1]) == {"failed"}
    assert [payload["alpha"] for payload in begun] == pytest.approx([0.1 * 0.8 * 0.2**k for k in range(len(begun))])
    assert sum(stratum["n_items"] for stratum in begun[1]["strata"]) == N_SET - ended[0]["n_audited"]
    assert not set(begun[0]["items"][: ended[0]["n_audited"]]) & set(begun[1]["items"])
    n_wrong = np.count_nonzero(campaign.result().label[6:] != TRUTH[6:])
    assert n_wrong <= 0.2 * N_SET


def test_a_target_that_cannot_be_reached_is_given_up() -> None:
    campaign = make(sampler={"max_per_item": 1}, promise={"max_audit_share": 0.3})
    drive(campaign, lambda batch: answers(batch) if batch.annotator == "auditor" else wrong(batch))
    assert campaign.status().stopped == "cannot_be_reached"
    promise = campaign.status().promise
    assert promise
    assert promise.n_audited <= 0.3 * N_SET
    assert promise.low < 0.8


def test_auditors_have_a_limit() -> None:
    campaign = make(sampler={"max_per_item": 1}, promise={"max_audit_share": 0.01})
    drive(campaign, answers)
    assert campaign.status().stopped == "cannot_be_reached"
    assert not of_kind(campaign, Kind.AUDITING)


def test_a_budget_ends_an_audit() -> None:
    rich = make()
    drive(rich, answers, is_auditing)
    budget = rich.status().n_annotations + 6
    poor = make(budget=budget)
    drive(poor, answers)
    assert poor.status().stopped == "budget"
    assert poor.status().n_annotations == budget
    assert poor.status().promise.n_audited == 6  # type: ignore[union-attr]
    (ended,) = of_kind(poor, Kind.AUDITED)
    assert ended["verdict"] == "open"


UNIMPORTANT = {
    "batch_size": 2,
    "lease_seconds": 50.0,
    "budget": 500,
    "annotators.prices": {"ann": 2.0},
    "annotators.gold_rate": 0.3,
    "sampler.max_per_annotator": 500,
}


@pytest.mark.parametrize(
    "settings", [{"sampler.max_per_item": 2}, {"max_risk": 0.05}, {"promise.target_accuracy": 0.85}, {"budget": 1}]
)
def test_settings_that_it_stands_on_end_an_audit(auditing: Campaign, settings: dict[str, Any]) -> None:
    auditing.change(**settings)
    assert not is_auditing(auditing)
    drive(auditing, answers, is_auditing)
    if "budget" in settings:
        assert auditing.stopped == "budget"
    else:
        assert len(of_kind(auditing, Kind.AUDITING)) == 2


@pytest.mark.parametrize("key", UNIMPORTANT)
def test_other_settings_leave_an_audit_and_a_kept_promise_alone(auditing: Campaign, key: str) -> None:
    """An audit that is thrown away takes four fifths of alpha with it."""
    auditing.change(**{key: UNIMPORTANT[key]})
    assert is_auditing(auditing)
    assert len(auditing.ask(["auditor"])[0].items) == auditing.config.batch_size
    for batch in auditing.leased():
        auditing.release(batch.id)
    drive(auditing, answers)
    assert len(of_kind(auditing, Kind.AUDITING)) == 1
    before = auditing.estimate
    auditing.change(**{key: None if key == "budget" else UNIMPORTANT[key], "annotators.prices": {"bob": 3.0}})
    auditing.refresh()
    assert auditing.stopped == "promise_kept"
    np.testing.assert_array_equal(auditing.estimate.posterior, before.posterior)
    auditing.change(promise={"target_accuracy": 0.9})
    assert auditing.stopped is None


def test_in_an_old_log_any_new_setting_ends_an_audit(auditing: Campaign) -> None:
    with auditing._journal.writing() as (_, append):
        append(Kind.CHANGED, payload={"config": auditing.config.model_dump(mode="json")})
    assert not is_auditing(auditing)


def test_a_ban_ends_an_audit_and_takes_the_labels_back(auditing: Campaign) -> None:
    (batch,) = auditing.ask(["auditor"])
    auditing.tell(batch.id, wrong(batch))
    auditing.ban("auditor")
    assert not is_auditing(auditing)
    auditing.refresh()
    assert auditing.estimate.label[list(batch.items)].tolist() == TRUTH[list(batch.items)].tolist()
    auditing.unban("auditor")
    assert auditing.estimate.label[list(batch.items)].tolist() == [answer.label for answer in wrong(batch)]


def test_labels_that_were_promised_stay() -> None:
    campaign = make()
    drive(campaign, answers)
    before = campaign.estimate
    campaign.record("dan", [Answer(i, int(TRUTH[i] + 1) % K) for i in range(6, N)])
    campaign.record("eve", [Answer(i, int(TRUTH[i] + 1) % K) for i in range(6, N)])
    campaign.refresh()
    np.testing.assert_array_equal(campaign.estimate.posterior, before.posterior)


def test_a_forecast_comes_with_the_third_refresh() -> None:
    campaign = make(promise={"target_accuracy": 0.85})
    assert campaign.forecast() is None
    drive(campaign, answers, lambda campaign: campaign.n_refreshes == 3)
    made = campaign.forecast()
    assert made
    assert campaign.status().n_annotations <= made.low <= made.n_answers <= made.high
    campaign.change(budget=made.n_answers - 1)
    assert campaign.forecast().n_answers == made.n_answers - 1  # type: ignore[union-attr]
    campaign.change(max_risk=0.2)
    assert campaign.forecast() is None  # other settings, other refreshes
    plain = create(prototypes=PROTOTYPES, budget=21)
    drive(plain, answers, lambda campaign: campaign.n_refreshes == 4)
    assert plain.forecast() is None or plain.forecast().high <= 21  # type: ignore[union-attr]


def test_items_audited_are_finished(auditing: Campaign) -> None:
    (batch,) = auditing.ask(["auditor"])
    auditing.tell(batch.id, answers(batch))
    assert set(auditing.result().status[list(batch.items)]) == {ItemStatus.CONFIDENT}


def test_an_audit_that_an_old_log_has_open_goes_on_as_one_stratum() -> None:
    campaign = make()
    drive(campaign, answers, lambda campaign: campaign.n_refreshes == 3)
    numbers = {"n_set": N_SET, "n_items": N_SET, "alpha": 0.05, "expected_share": 0.02, "max_audits": 27}
    old = {"items": list(range(6, 33)), "risk": 0.02, "can_improve": True, "auditor_error": 0.0}
    with campaign._journal.writing() as (_, append):
        append(Kind.AUDITING, payload=old | numbers)
    drive(campaign, answers, lambda campaign: not is_auditing(campaign))
    (ended,) = of_kind(campaign, Kind.AUDITED)
    assert ended["n_expected"] == pytest.approx(0.02 * ended["n_audited"])
    assert 0 < ended["low"] < ended["high"] == 1
    assert set(campaign.result().label[6:10] == TRUTH[6:10]) == {True}


def test_where_no_label_may_be_wrong_all_items_are_audited() -> None:
    campaign = make(promise={"target_accuracy": 0.99, "max_audit_share": 1.0})
    drive(campaign, answers)
    assert campaign.status().stopped == "promise_kept"
    assert campaign.status().promise.n_audited == N_SET  # type: ignore[union-attr]
    assert (campaign.result().label == TRUTH).all()
    assert campaign.forecast() is None
