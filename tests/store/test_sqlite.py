"""What is particular to a log in a file of SQLite; what every store must do is in tests/conformance."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from askless.errors import StoreError
from askless.store import log as log_module
from askless.store import schema, sqlite
from askless.store.entries import Kind
from askless.store.journal import Journal
from askless.store.log import append_entries, create_log, open_log, read_entries, read_header, read_items
from askless.types import Dataset
from log_entries import joined, read_all
from stores import DATASET, HEADER, NONE_KNOWN


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
                patch.setattr(sqlite, "write_rows", fail)
            with pytest.raises(type(failure)):
                make(path)
        assert list(path.parent.iterdir()) == []
        make(path)

    def test_a_kill_leaves_nothing_under_the_name_and_is_no_obstacle(self, path: Path) -> None:
        code = (
            "import os, sys; from pathlib import Path; from askless.store import log; from askless.types import *\n"
            "os.link = lambda *_: os._exit(9)\n"
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


def read_everything(path: Path) -> None:
    log = open_log(path)
    try:
        with log.transaction() as connection:
            read_header(connection)
            read_items(connection, ("ant", "bee"))
            list(read_entries(connection))
    finally:
        log.close()


def test_a_full_disk_is_told_in_a_sentence(path: Path) -> None:
    make(path)
    log = open_log(path)
    with log.transaction() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    journal = Journal(log, 4, 2)

    def let_500_join() -> None:
        with journal.writing() as (_, append):
            for i in range(500):
                append(Kind.JOINED, annotator=i, payload={"name": str(i)})

    with pytest.raises(StoreError, match=r"disk is full.*that its disk has room"):
        let_500_join()
    with journal.reading() as ledger:
        assert ledger.names == []
    log.close()
