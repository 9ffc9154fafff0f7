"""The ledger stays what the log says: after failures, and when others write to the same log."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from askless.store import journal as journal_module
from askless.store.entries import Entry, Kind
from askless.store.journal import Journal
from log_entries import read_all
from small_campaign import DATASET, K, N, assert_same, fold
from stores import Store


@pytest.fixture
def journal(kept_store: Store) -> Journal:
    return Journal(kept_store.create(DATASET), N, K, clock=lambda: 5.0)


def join(journal: Journal, *names: str) -> None:
    with journal.writing() as (ledger, append):
        for name in names:
            append(Kind.JOINED, annotator=len(ledger.names), payload={"name": name})


def names(journal: Journal) -> list[str]:
    with journal.reading() as ledger:
        return ledger.names


def test_append_sees_position_clock_and_its_own_effect(journal: Journal, kept_store: Store) -> None:
    with journal.writing() as (ledger, append):
        entry = append(Kind.JOINED, annotator=0, payload={"name": "ann"})
        assert entry == Entry(1, Kind.JOINED, 5.0, annotator=0, payload={"name": "ann"})
        assert ledger.names == ["ann"]
        append(Kind.LEASED, annotator=0, batch=2, payload={"items": [1], "end": 6.0})
    assert read_all(kept_store.again()) == [entry, Entry(2, Kind.LEASED, 5.0, 0, 2, payload={"items": [1], "end": 6.0})]


def test_two_journals_catch_up_with_each_other(journal: Journal, kept_store: Store) -> None:
    other = Journal(kept_store.again(), N, K)
    join(journal, "a", "b")
    join(other, "c")
    join(journal, "d")
    assert names(other) == names(journal) == ["a", "b", "c", "d"]
    assert_same(journal.ledger, other.ledger)
    assert_same(journal.ledger, fold(read_all(kept_store.again())))


def fail_in_the_block(journal: Journal, failure: BaseException) -> None:
    with journal.writing() as (_, append):
        append(Kind.JOINED, annotator=1, payload={"name": "b"})
        raise failure


def fail_in_apply(journal: Journal, failure: BaseException) -> None:
    with journal.writing() as (_, append):
        append(Kind.RELEASED, batch=99)


def fail_before_commit(journal: Journal, failure: BaseException) -> None:
    def fail(*_: Any) -> None:
        raise failure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "append_entries", fail)
        join(journal, "b")


@pytest.mark.parametrize("fail", [fail_in_the_block, fail_in_apply, fail_before_commit])
@pytest.mark.parametrize("failure", [ValueError(), KeyboardInterrupt()])
def test_a_failed_transaction_leaves_the_ledger_as_the_log_says(
    journal: Journal, kept_store: Store, fail: Any, failure: BaseException
) -> None:
    join(journal, "a")
    with pytest.raises((ValueError, KeyboardInterrupt, KeyError)):
        fail(journal, failure)
    assert names(journal) == ["a"]
    assert_same(journal.ledger, fold(read_all(kept_store.again())))
    join(journal, "c")
    assert [entry.position for entry in read_all(kept_store.again())] == [1, 2]
    assert names(journal) == ["a", "c"]


def test_an_interruption_while_catching_up(
    journal: Journal, kept_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Journal(kept_store.again(), N, K)
    join(other, "a", "b", "c")

    class Interrupting(list[Any]):
        def append(self, _: Any) -> None:
            raise KeyboardInterrupt

    journal.ledger.said = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        names(journal)
    assert names(journal) == ["a", "b", "c"]
    assert_same(journal.ledger, fold(read_all(kept_store.again())))


def test_a_failure_before_anything_happened_keeps_the_ledger(journal: Journal) -> None:
    join(journal, "a")
    before = journal.ledger
    with pytest.raises(ValueError, match=r"refused"), journal.writing():
        raise ValueError("refused")
    assert journal.ledger is before


def test_inner_transactions_are_part_of_the_outer_one(journal: Journal, kept_store: Store) -> None:
    with journal.writing():
        join(journal, "a")
        assert names(journal) == ["a"]
        join(journal, "b")
        assert names(journal) == ["a", "b"]
    assert [entry.position for entry in read_all(kept_store.again())] == [1, 2]

    def fail_outside() -> None:
        with journal.writing():
            join(journal, "c")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail_outside()
    assert names(journal) == ["a", "b"]
    join(journal, "d")
    assert_same(journal.ledger, fold(read_all(kept_store.again())))


def test_who_writes_alone_does_not_look_at_the_disk_but_never_overwrites(journal: Journal, kept_store: Store) -> None:
    join(journal, "ann")
    journal.is_alone = True
    other = Journal(kept_store.again(), N, K)
    join(other, "bob")
    assert names(journal) == ["ann"]
    join(journal, "eve")
    assert names(journal) == names(other) == ["ann", "bob", "eve"]
    with pytest.raises(TypeError), journal.writing() as (_, append):
        append(Kind.PAUSED, nonsense=1)
    assert names(journal) == ["ann", "bob", "eve"]


def test_a_glance_waits_for_no_commit_but_for_a_whole_ledger(journal: Journal, kept_store: Store) -> None:
    def glance() -> list[str]:
        with journal.glancing() as ledger:
            return list(ledger.names)

    journal.is_alone = True
    assert glance() == []
    join(journal, "ann")
    with ThreadPoolExecutor() as elsewhere, journal.writing() as (_, append):
        append(Kind.JOINED, annotator=1, payload={"name": "b"})
        assert elsewhere.submit(glance).result(timeout=30)[0] == "ann"
    with pytest.raises(ValueError, match="no"):
        fail_in_the_block(journal, ValueError("no"))
    assert not journal.ledger.position
    assert glance() == ["ann", "b"]
    journal.is_alone = False
    join(Journal(kept_store.again(), N, K), "eve")
    assert glance() == ["ann", "b", "eve"]
