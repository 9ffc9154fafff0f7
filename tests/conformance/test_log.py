"""What every store must do: the same tests for memory, for a file of SQLite and for PostgreSQL."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from askless.errors import StoreError
from askless.store import log as log_module
from askless.store import schema
from askless.store.entries import Entry, Kind
from askless.store.journal import Journal
from askless.store.log import Log, append_entries, has_log, open_log, read_entries, read_header, read_items
from askless.store.turn import hold_inference
from askless.types import Dataset, Prototypes
from log_entries import join_many, joined, read_all, run_together
from stores import DATASET, HEADER, Store

EVERY_FIELD = [
    Entry(1, Kind.JOINED, 0.0, annotator=0, payload={"name": "Zoë, 张 \U0001f41d"}),
    Entry(2, Kind.LEASED, 1.5, annotator=0, batch=2, payload={"items": [3, 0], "end": 0.1 + 0.2}),
    Entry(3, Kind.ANSWERED, 1e9 + 1e-6, 0, 2, 3, 0, 2**40, bytes(range(16))),
    Entry(4, Kind.SKIPPED, 2.0, annotator=0, batch=2, item=0),
    Entry(5, Kind.REFUSED, 2.0, annotator=0, batch=2, item=3, label=1),
    Entry(6, Kind.RELEASED, 2.0, batch=2),
    Entry(7, Kind.EXPIRED, 2.0, batch=2),
    Entry(8, Kind.REFRESHED, -1.0, payload={"upto": 7, "n_annotations": 1, "confident": 0, "digest": "ab"}),
    Entry(9, Kind.STOPPED, 2.0, payload={"reason": "budget"}),
    Entry(10, Kind.EXTENDED, 2.0, payload={"items": [["new", None]], "known": [], "classes": ["z"], "features": "cd"}),
    Entry(11, Kind.UNDONE, 2.0, annotator=0, item=3, answer_id=bytes(range(16))),
    Entry(12, Kind.BANNED, 2.0, annotator=0),
    Entry(13, Kind.UNBANNED, 2.0, annotator=0),
    Entry(14, Kind.PAUSED, 2.0),
    Entry(15, Kind.RESUMED, 2.0),
    Entry(16, Kind.INVITED, 2.0, payload={"name": "Zoë\0", "role": "viewer", "ends": 1e9 + 0.1}),
    Entry(17, Kind.REVOKED, 2.0, payload={"invitation": 16}),
    Entry(18, Kind.CHANGED, 2.0, payload={"config": {"budget": None}}),
    Entry(19, Kind.AUDITING, 2.0, payload={"items": [3, 0], "n_set": 4, "alpha": 0.025}),
    Entry(20, Kind.AUDITED, 2.0, payload={"verdict": "kept", "n_audited": 2, "low": 0.95}),
]


class TestEveryStore:
    def test_an_entry_comes_back_with_every_field(self, store: Store) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, EVERY_FIELD)
        entries = read_all(store.again())
        assert entries == EVERY_FIELD
        assert {entry.kind for entry in entries} == set(Kind)
        assert [type(entry.kind) for entry in entries] == [Kind] * len(EVERY_FIELD)

    def test_a_new_log_is_empty_and_appending_nothing_keeps_it_so(self, store: Store) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, [])
        assert read_all(store.again()) == []

    def test_entries_are_read_by_position_however_they_were_written(self, store: Store) -> None:
        log = store.create()
        for positions in ([3, 1], [5, 2, 4]):
            with log.transaction() as connection:
                append_entries(connection, map(joined, positions))
        assert [entry.position for entry in read_all(store.again())] == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("after", [0, 1, 9, 17, 18])
    def test_reading_after_a_position(self, store: Store, after: int) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, EVERY_FIELD)
        assert read_all(log, after) == EVERY_FIELD[after:]

    def test_entries_are_read_in_pieces(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(log_module, "N_READ", 3)
        log = store.create()
        for n in range(1, 8):
            with log.transaction() as connection:
                append_entries(connection, [joined(n)])
            assert read_all(log) == list(map(joined, range(1, n + 1)))

    @pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
    def test_a_transaction_that_fails_leaves_nothing(self, store: Store, failure: type[BaseException]) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, [joined(1)])

        def fail(connection: Connection) -> None:
            append_entries(connection, [joined(2), joined(3)])
            raise failure

        with pytest.raises(failure), log.transaction() as connection:
            fail(connection)
        assert read_all(store.again()) == [joined(1)]

    def test_a_position_is_written_once_and_the_rest_of_its_transaction_never(self, store: Store) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, [joined(1)])
        with pytest.raises(StoreError, match=r"cannot be used"), log.transaction() as connection:
            append_entries(connection, [joined(2), joined(1)])
        assert read_all(store.again()) == [joined(1)]

    def test_header_comes_back_byte_by_byte(self, store: Store) -> None:
        store.create()
        with store.again().transaction() as connection:
            assert read_header(connection) == HEADER

    @pytest.mark.parametrize("images", [None, ("a.png", "", "data:image/png;base64,AA==", "ü.jpg")])
    @pytest.mark.parametrize("known", [[], [2], [3, 0]])
    def test_items_come_back(self, store: Store, images: tuple[str, ...] | None, known: list[int]) -> None:
        dataset = Dataset(DATASET.items, DATASET.classes, images)
        store.create(dataset, Prototypes(np.array(known, np.int64), np.arange(len(known)) % 2))
        with store.again().transaction() as connection:
            read, prototypes = read_items(connection, DATASET.classes)
        assert read == dataset
        assert dict(zip(prototypes.item.tolist(), prototypes.label.tolist(), strict=True)) == {
            item: i % 2 for i, item in enumerate(known)
        }

    @pytest.mark.parametrize("odd", ["a\0b", "\ud800", "é\udfff"])
    def test_a_text_that_no_database_keeps_is_refused(self, store: Store, odd: str) -> None:
        for dataset in (Dataset(("a", odd), ("x", "y")), Dataset("ab", ("x", "y"), ("a.png", odd))):
            with pytest.raises(StoreError, match=r"holds a NUL character or half of a surrogate pair.*; rename it"):
                store.create(dataset)
        assert store.place is None or not has_log(store.place)

    def test_threads_lose_and_double_no_position(self, store: Store) -> None:
        store.create()
        journals = [Journal(store.again(), 1, 2, clock=lambda: 0.0) for _ in range(3 if store.place else 1)] * 2
        run_together([lambda j=j, t=t: join_many(j, f"t{t}", 15) for t, j in enumerate(journals)])
        entries = read_all(store.again())
        names = [f"t{t} {n}" for t in range(len(journals)) for n in range(15)]
        assert [entry.position for entry in entries] == list(range(1, len(names) + 1))
        assert sorted(entry.payload["name"] for entry in entries if entry.payload) == sorted(names)

    def test_migrations_lead_to_the_schema(self, store: Store) -> None:
        log = store.create()
        with log.transaction() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            assert compare_metadata(context, schema.metadata) == []


numbers = st.none() | st.integers(0, 2**31 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
any_entry = st.builds(
    Entry,
    position=st.just(1),
    kind=st.sampled_from(Kind),
    time=st.floats(allow_nan=False, allow_infinity=False),
    annotator=numbers,
    batch=numbers,
    item=numbers,
    label=numbers,
    response_ms=st.none() | st.integers(-(2**63), 2**63 - 1),
    answer_id=st.none() | st.binary(min_size=16, max_size=16),
    payload=st.none() | st.dictionaries(st.text(), json_values, max_size=3),
)


def test_any_entries_come_back(store: Store) -> None:
    log = store.create()
    n_written = 0

    @given(st.lists(any_entry, min_size=1, max_size=5))
    def come_back(drawn: list[Entry]) -> None:
        nonlocal n_written
        entries = [entry._replace(position=n_written + i) for i, entry in enumerate(drawn, start=1)]
        with log.transaction() as connection:
            append_entries(connection, entries)
        assert read_all(log, n_written) == entries
        n_written += len(entries)

    come_back()


class TestKept:
    def test_writers_wait_for_each_other_and_readers_for_nobody(self, kept_store: Store) -> None:
        first, second = kept_store.create(), kept_store.again()
        events: list[str] = []
        has_begun = threading.Event()

        def wait_for_turn() -> None:
            has_begun.set()
            with second.transaction() as connection:
                events.append("second begins")
                append_entries(connection, [joined(len(list(read_entries(connection))) + 1)])

        thread = threading.Thread(target=wait_for_turn)
        with first.transaction() as connection:
            thread.start()
            assert has_begun.wait(10)
            thread.join(0.2)  # time to go wrong in
            append_entries(connection, [joined(1)])
            with second.reading() as meanwhile:
                assert list(read_entries(meanwhile)) == []
            events.append("first ends")
        thread.join()
        assert events == ["first ends", "second begins"]
        assert read_all(first) == [joined(1), joined(2)]

    def test_a_look_sees_one_moment(self, kept_store: Store) -> None:
        first, second = kept_store.create(), kept_store.again()
        with first.reading() as connection:
            assert list(read_entries(connection)) == []
            with second.transaction() as other:
                append_entries(other, [joined(1)])
            assert list(read_entries(connection)) == []
        assert read_all(first) == [joined(1)]

    def test_a_look_cannot_write(self, kept_store: Store) -> None:
        kept_store.create()
        if isinstance(kept_store.place, str):  # SQLite would take it; askless has no code that does it
            with pytest.raises(StoreError, match=r"read-only"), kept_store.again().reading() as connection:
                append_entries(connection, [joined(1)])

    def test_processes_lose_and_double_no_position(self, kept_store: Store) -> None:
        kept_store.create()
        code = (
            "import sys; from askless.store.entries import Kind\n"
            "from askless.store.journal import Journal; from askless.store.log import open_log\n"
            "journal = Journal(open_log(sys.argv[1]), 1, 2)\n"
            "for i in range(40):\n"
            "    with journal.writing() as (ledger, append):\n"
            "        append(Kind.JOINED, annotator=len(ledger.names), payload={'name': f'{sys.argv[2]} {i}'})\n"
            "journal.log.close()\n"
        )
        processes = [subprocess.Popen([sys.executable, "-c", code, str(kept_store.place), who]) for who in "ab"]
        assert [process.wait(60) for process in processes] == [0, 0]
        entries = read_all(kept_store.again())
        assert [entry.position for entry in entries] == list(range(1, 81))
        for who in "ab":  # the entries of each process are in its own order
            assert [e.payload["name"] for e in entries if e.payload and e.payload["name"][0] == who] == [
                f"{who} {i}" for i in range(40)
            ]

    def test_an_existing_log_is_not_touched(self, kept_store: Store) -> None:
        assert kept_store.place is not None
        assert not has_log(kept_store.place)
        append(kept_store.create(), 3)
        with pytest.raises(StoreError, match=r"exists already; open it, or choose another"):
            kept_store.create()
        assert has_log(kept_store.place)
        assert len(read_all(kept_store.again())) == 3

    def test_of_two_that_begin_one_log_one_succeeds(self, kept_store: Store) -> None:
        came: list[str] = []

        def begin() -> None:
            try:
                kept_store.create()
                came.append("made")
            except StoreError as error:
                came.append("refused" if "exists already" in str(error) else str(error))

        run_together([begin] * 3)
        assert sorted(came) == ["made", "refused", "refused"]
        assert read_all(kept_store.again()) == []

    def test_a_creation_that_fails_leaves_nothing(self, kept_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        assert kept_store.place is not None
        with monkeypatch.context() as patch:
            patch.setattr(log_module, "_migrate", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                kept_store.create()
        assert not has_log(kept_store.place)
        with pytest.raises(StoreError, match=r"There is no log at .*; check the"):
            open_log(kept_store.place)
        kept_store.create()

    @pytest.mark.parametrize("table", ["bookmarks", "alembic_version"])
    def test_a_database_of_something_else_keeps_its_tables(self, kept_store: Store, table: str) -> None:
        assert kept_store.place is not None
        kept_store.execute(f"CREATE TABLE {table} (url TEXT)", f"INSERT INTO {table} VALUES ('x')")
        with pytest.raises(StoreError, match=r"is a database but no log of askless; check the"):
            open_log(kept_store.place)
        with pytest.raises(StoreError, match=r"exists already"):
            kept_store.create()
        assert kept_store.execute(f"SELECT * FROM {table}") == [[("x",)]]

    @pytest.mark.parametrize("change", ["kind = 'sung'", "kind = ''", "payload = '{\"name\":'"])
    def test_a_damaged_entry(self, kept_store: Store, change: str) -> None:
        append(kept_store.create(), 5)
        kept_store.execute(f"UPDATE entry SET {change} WHERE position = 3")
        with pytest.raises(StoreError, match=r"Entry 3 of the log is damaged .*; restore a backup"):
            read_all(kept_store.again())

    def test_a_log_made_by_a_newer_askless(self, kept_store: Store) -> None:
        kept_store.create()
        kept_store.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError, match=r"made by a newer askless .*9999.*update askless"):
            kept_store.again()

    def test_a_gap_in_the_positions(self, kept_store: Store) -> None:
        append(kept_store.create(), 5)
        kept_store.execute("DELETE FROM entry WHERE position = 3")
        journal = Journal(kept_store.again(), 4, 2)
        for _ in range(2):  # a second try must not take the failure of the first for success
            with (
                pytest.raises(StoreError, match=r"jumps from entry 2 to 4; entries were lost, restore a backup"),
                journal.reading(),
            ):
                pass

    def test_one_process_at_a_time_infers_and_another_takes_over(self, kept_store: Store) -> None:
        assert kept_store.place is not None
        kept_store.create()
        code = (
            "import sys, time; from askless.store.turn import hold_inference\n"
            "with hold_inference(sys.argv[1]) as is_mine:\n"
            "    print(is_mine(), flush=True); time.sleep(60)\n"
        )
        command = [sys.executable, "-c", code, str(kept_store.place)]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,
            hold_inference(kept_store.place) as is_mine,
        ):
            assert other.stdout is not None
            assert other.stdout.readline() == "True\n"
            assert [is_mine(), is_mine()] == [False, False]
            other.kill()
            other.wait()
            assert wait_until(is_mine)
            with hold_inference(kept_store.place) as is_theirs:
                assert [is_mine(), is_theirs(), is_mine()] == [True, False, True]
        with hold_inference(kept_store.place) as is_mine:
            assert is_mine()


def append(log: Log, n_entries: int) -> None:
    with log.transaction() as connection:
        append_entries(connection, [joined(i + 1) for i in range(n_entries)])


def wait_until(question: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer
