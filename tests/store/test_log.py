"""What every store must do, and what is particular to a file of SQLite."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from askless.errors import StoreError
from askless.store import log as log_module
from askless.store import schema
from askless.store.entries import Entry, Kind
from askless.store.journal import Journal
from askless.store.log import Log, append_entries, create_log, open_log, read_entries, read_header, read_items
from askless.types import Dataset, Prototypes

DATASET = Dataset(("a, b", "ünï\ncödé \U0001f41d", '"', ""), ("ant", "bee"))
HEADER = {"classes": b'["ant", "bee"]', "seed": b"3", "odd": bytes(range(256)), "empty": b""}
NONE_KNOWN = Prototypes.none()

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
    Entry(11, Kind.SKIPPED, 2.0, annotator=0, batch=2, item=0, payload={"reason": "broken"}),
    Entry(12, Kind.UNDONE, 2.0, annotator=0, batch=2, item=3, answer_id=bytes(range(16))),
    Entry(13, Kind.BANNED, 2.0, annotator=0),
    Entry(14, Kind.UNBANNED, 2.0, annotator=0),
    Entry(15, Kind.PAUSED, 2.0),
    Entry(16, Kind.RESUMED, 2.0),
    Entry(17, Kind.INVITED, 2.0, payload={"name": "Zoë", "role": "viewer", "ends": None}),
    Entry(18, Kind.REVOKED, 2.0, payload={"invitation": 17}),
    Entry(19, Kind.CHANGED, 2.0, payload={"config": {"budget": 5}}),
]


def joined(position: int) -> Entry:
    return Entry(position, Kind.JOINED, 0.0, annotator=position - 1, payload={"name": f"name {position}"})


def read_all(log: Log, after: int = 0) -> list[Entry]:
    with log.transaction() as connection:
        return list(read_entries(connection, after))


class Store:
    """How the suite makes a log and opens it a second time; a new kind of store adds itself to the fixture."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.opened: list[Log] = []

    def create(self, dataset: Dataset = DATASET, prototypes: Prototypes = NONE_KNOWN) -> Log:
        self.opened.append(create_log(self.path, dataset, prototypes, HEADER))
        return self.opened[-1]

    def again(self) -> Log:
        """The same log by another connection; in memory there is only one."""
        if self.path is not None:
            self.opened.append(open_log(self.path))
        return self.opened[-1]


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "log.db" if request.param == "file" else None)
    yield made
    for log in made.opened:
        log.close()


class TestEveryStore:
    def test_an_entry_comes_back_with_every_field(self, store: Store) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, EVERY_FIELD)
        entries = read_all(store.again())
        assert entries == EVERY_FIELD
        assert {entry.kind for entry in entries} == set(Kind)
        assert [type(entry.kind) for entry in entries] == [Kind] * 19

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

    @pytest.mark.parametrize("after", range(11))
    def test_reading_after_a_position(self, store: Store, after: int) -> None:
        log = store.create()
        with log.transaction() as connection:
            append_entries(connection, EVERY_FIELD)
        assert read_all(log, after) == EVERY_FIELD[after:]

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

    def test_threads_lose_and_double_no_position(self, store: Store) -> None:
        store.create()
        journals = [Journal(store.again(), 1, 2, clock=lambda: 0.0) for _ in range(3 if store.path else 1)] * 2
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


numbers = st.none() | st.integers(0, 2**31)
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


@given(any_entry)
def test_any_entry_comes_back(entry: Entry) -> None:
    log = create_log(None, DATASET, NONE_KNOWN, HEADER)
    with log.transaction() as connection:
        append_entries(connection, [entry])
    (read,) = read_all(log)
    log.close()
    assert read == entry


def join_many(journal: Journal, who: str, n: int) -> None:
    for i in range(n):
        with journal.writing() as (ledger, append):
            append(Kind.JOINED, annotator=len(ledger.names), payload={"name": f"{who} {i}"})


def run_together(tasks: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, started at once; what one raises is raised here."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], None]) -> None:
        start.wait()
        try:
            task()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def make(path: Path, n_entries: int = 0, n_items: int = 4) -> None:
    log = create_log(path, Dataset(tuple(map(str, range(n_items))), ("ant", "bee")), NONE_KNOWN, HEADER)
    with log.transaction() as connection:
        append_entries(connection, [joined(i + 1) for i in range(n_entries)])
    log.close()


def execute(path: Path, *statements: str) -> list[Any]:
    connection = sqlite3.connect(path)
    with connection:
        rows = [connection.execute(statement).fetchall() for statement in statements]
    connection.close()
    return rows


class TestFile:
    def test_durability_is_in_force_on_every_connection(self, path: Path) -> None:
        for log in (create_log(path, DATASET, NONE_KNOWN, HEADER), open_log(path)):
            with log.transaction() as connection:
                pragmas = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
                ]
            assert pragmas == ["wal", 2]
            log.close()

    def test_writers_wait_for_each_other(self, path: Path) -> None:
        make(path)
        first, second = open_log(path), open_log(path)
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
            events.append("first ends")
        thread.join()
        assert events == ["first ends", "second begins"]
        assert read_all(first) == [joined(1), joined(2)]
        first.close()
        second.close()

    def test_processes_lose_and_double_no_position(self, path: Path) -> None:
        make(path)
        code = (
            "import sys; from pathlib import Path; from askless.store.entries import Kind\n"
            "from askless.store.journal import Journal; from askless.store.log import open_log\n"
            "journal = Journal(open_log(Path(sys.argv[1])), 1, 2)\n"
            "for i in range(40):\n"
            "    with journal.writing() as (ledger, append):\n"
            "        append(Kind.JOINED, annotator=len(ledger.names), payload={'name': f'{sys.argv[2]} {i}'})\n"
        )
        processes = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "ab"]
        assert [process.wait(60) for process in processes] == [0, 0]
        entries = read_all(open_log(path))
        assert [entry.position for entry in entries] == list(range(1, 81))
        for who in "ab":  # the entries of each process are in its own order
            assert [e.payload["name"] for e in entries if e.payload and e.payload["name"][0] == who] == [
                f"{who} {i}" for i in range(40)
            ]

    def test_tables_made_by_migrations_are_those_of_the_schema(self, path: Path, tmp_path: Path) -> None:
        make(path)
        direct = create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
        schema.metadata.create_all(direct)
        direct.dispose()
        for table in schema.metadata.tables:
            question = f"PRAGMA table_info({table})"
            assert execute(path, question) == execute(tmp_path / "direct.db", question)

    @pytest.mark.parametrize("name", ["a b.db", "100%41.db", "a?mode=memory&x=1.db", "a#b.db", "ü🐝.db", "%s{x}:1@.db"])
    def test_any_file_name_will_do(self, tmp_path: Path, name: str) -> None:
        make(tmp_path / name, 2)
        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert read_all(open_log(tmp_path / name)) == [joined(1), joined(2)]


class TestCreation:
    @pytest.mark.parametrize("moment", ["_migrate", "append", "link"])
    @pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
    def test_a_failure_leaves_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, failure: BaseException
    ) -> None:
        def fail(*_: object) -> None:
            raise failure

        with monkeypatch.context() as patch:
            if moment == "link":
                patch.setattr(os, "link", fail)
            elif moment == "_migrate":
                patch.setattr(log_module, "_migrate", fail)
            else:
                patch.setattr(log_module, "insert", fail)
            with pytest.raises(type(failure)):
                make(path)
        assert list(path.parent.iterdir()) == []
        make(path)

    def test_a_kill_leaves_nothing_under_the_name_and_is_no_obstacle(self, path: Path) -> None:
        code = (
            "import os, sys; from pathlib import Path; from askless.store import log; from askless.types import *\n"
            "log.os.link = lambda *_: os._exit(9)\n"
            "log.Log.close = lambda _: None\n"
            "log.create_log(Path(sys.argv[1]), Dataset('xyz', 'ab'), Prototypes.none(), {'old': b'1'})\n"
        )
        assert subprocess.run([sys.executable, "-c", code, str(path)], timeout=60).returncode == 9
        left = {file.name for file in path.parent.iterdir()}
        assert left
        assert "log.db" not in left
        make(path)
        assert {file.name for file in path.parent.iterdir()} == left | {"log.db"}
        with open_log(path).transaction() as connection:
            assert read_header(connection) == HEADER

    def test_entries_of_a_deleted_log_do_not_come_back(self, path: Path) -> None:
        make(path, 3)
        log = open_log(path)
        with log.transaction() as connection:
            append_entries(connection, [joined(4)])
        remains = path.with_name("log.db-wal").read_bytes()
        log.close()
        path.unlink()
        path.with_name("log.db-wal").write_bytes(remains)
        make(path)
        assert read_all(open_log(path)) == []

    def test_an_existing_file_is_not_touched(self, path: Path) -> None:
        path.write_text("mine")
        with pytest.raises(StoreError, match=r"log\.db exists already; open it, or choose another name"):
            make(path)
        assert path.read_text() == "mine"

    def test_a_missing_folder(self, path: Path) -> None:
        with pytest.raises(StoreError, match=r"folder .* for the log does not exist; make it first"):
            make(path / "log.db")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_folder_or_file(self, path: Path) -> None:
        make(path)
        path.chmod(0o400)
        path.parent.chmod(0o500)
        try:
            with pytest.raises(StoreError, match=r"cannot be used"):
                open_log(path)
            with pytest.raises(StoreError, match=r"cannot be used"):
                make(path.with_name("other.db"))
        finally:
            path.parent.chmod(0o700)


class TestOpening:
    def test_no_file(self, path: Path) -> None:
        with pytest.raises(StoreError, match=r"There is no log at .*log.db; check the path"):
            open_log(path)
        with pytest.raises(StoreError, match=r"There is no log at"):
            open_log(path.parent)
        assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"x", b"just some text\n" * 100, bytes(8192)])
    def test_a_file_that_is_no_database(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"log\.db is no log of askless; check the path"):
            open_log(path)
        assert path.read_bytes() == content

    def test_a_file_that_may_not_be_read(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make(path)

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(StoreError, match=r"cannot be read \(Permission denied\); check its permissions"):
            open_log(path)

    @pytest.mark.parametrize("table", ["bookmarks", "entry", "alembic_version"])
    def test_a_database_of_something_else_keeps_its_tables(self, path: Path, table: str) -> None:
        execute(path, f"CREATE TABLE {table} (url TEXT)", f"INSERT INTO {table} VALUES ('x')")
        content = path.read_bytes()
        with pytest.raises(StoreError, match=r"log"):
            open_log(path)
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]

    def test_a_truncated_log(self, path: Path) -> None:
        make(path, n_entries=300, n_items=300)
        whole = path.read_bytes()
        lengths = {*range(0, len(whole), 4096), 1, 17, 100, 513, 4095, 4097, len(whole) // 2, len(whole) - 1}
        for length in sorted(lengths):
            path.write_bytes(whole[:length])
            with pytest.raises(StoreError, match=r"cannot be used|no log of askless|end of the log .* is missing"):
                read_everything(path)
        path.write_bytes(whole)
        read_everything(path)

    @pytest.mark.parametrize("change", ["kind = 'sung'", "kind = ''", "payload = '{\"name\":'"])
    def test_a_damaged_entry(self, path: Path, change: str) -> None:
        make(path, 5)
        execute(path, f"UPDATE entry SET {change} WHERE position = 3")
        with pytest.raises(StoreError, match=r"Entry 3 of the log is damaged .*; restore a backup"):
            read_everything(path)

    def test_a_page_cut_off_is_mended_by_what_waits_beside_it(self, path: Path) -> None:
        make(path)
        first = open_log(path)
        with first.transaction() as connection:
            append_entries(connection, map(joined, range(1, 200)))
        copy = path.with_name("copy.db")
        copy.with_name("copy.db-wal").write_bytes(path.with_name("log.db-wal").read_bytes())
        copy.write_bytes(path.read_bytes() + b"half a page")
        first.close()
        second = open_log(copy)
        assert len(read_all(second)) == 199
        second.close()

    def test_a_log_made_by_a_newer_askless(self, path: Path) -> None:
        make(path)
        execute(path, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError, match=r"made by a newer askless .*9999.*update askless"):
            open_log(path)

    def test_a_gap_in_the_positions(self, path: Path) -> None:
        make(path, 5)
        execute(path, "DELETE FROM entry WHERE position = 3")
        journal = Journal(open_log(path), 4, 2)
        for _ in range(2):  # a second try must not take the failure of the first for success
            with (
                pytest.raises(StoreError, match=r"jumps from entry 2 to 4; entries were lost, restore a backup"),
                journal.reading(),
            ):
                pass
        journal.log.close()


def read_everything(path: Path) -> None:
    log = open_log(path)
    try:
        with log.transaction() as connection:
            read_header(connection)
            read_items(connection, ("ant", "bee"))
            list(read_entries(connection))
    finally:
        log.close()
