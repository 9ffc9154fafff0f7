"""What is particular to a log in PostgreSQL; what every store must do is in tests/conformance."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from askless.errors import StoreError
from askless.store.log import create_log, open_log
from askless.store.postgres import Address, address_of_folder, is_address
from askless.types import Dataset
from stores import HEADER, NONE_KNOWN, Store

DATASET = Dataset("abc", ("ant", "bee"))


def test_an_address_is_known_from_a_file() -> None:
    assert is_address("postgresql://h/d")
    assert not is_address("a/b.db")
    assert not is_address(Path("postgresql://h/d"))


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://",
        "postgresql://host",
        "postgresql://host/",
        "postgresql://me:secret@host:port/d",
        "mysql://me:secret@host/d",
        "postgres://me:secret@host/d",
        "postgresql+psycopg://me:secret@host/d",
        "://me:secret@host/d",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(StoreError, match=r"write postgresql://user@host/database\?schema=name\.$") as caught:
        open_log(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("schema", ["1a", "pg_mine", "a-b", "A", 'a"b', "é", "x" * 64, "a&schema=b"])
def test_what_is_no_schema(schema: str) -> None:
    with pytest.raises(StoreError, match=r"^The schema .* cannot be used; write up to 63 small letters, digits and _"):
        Address.read(f"postgresql://h/d?schema={schema}")


def test_an_address_as_text_hides_the_password_and_keeps_the_rest() -> None:
    address = Address.read("postgresql://me:se%40cret@h:1/d?sslmode=require&schema=birds")
    assert str(address) == "postgresql://me:***@h:1/d?schema=birds&sslmode=require"
    assert (address.schema, address.url.password, address.url.query) == ("birds", "se@cret", {"sslmode": "require"})
    assert Address.read("postgresql:///d").schema == "askless"


@pytest.mark.parametrize("name", ["birds", "Ünïcode & blanks", "x" * 200, "1", "---", "a_b"])
def test_a_folder_has_a_schema_of_its_own(tmp_path: Path, name: str) -> None:
    given = "postgresql://me:secret@h/d?sslmode=require"
    text = address_of_folder(given, tmp_path / name)
    assert text == address_of_folder(given, tmp_path / name)
    assert text != address_of_folder(given, tmp_path / "elsewhere" / name)
    assert Address.read(text).url == Address.read(given).url
    named = "postgresql://h/d?schema=mine"
    assert address_of_folder(named, tmp_path / name) == named


def test_without_the_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"^A log in PostgreSQL needs psycopg; install askless\[postgres\]\.$"):
        open_log("postgresql://h/d")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"password": "wrong"}, "password authentication failed"),
        ({"database": "not_there"}, "does not exist"),
        ({"port": 1}, "refused"),
    ],
)
def test_a_server_that_lets_nobody_in(postgres: str, change: dict[str, object], why: str) -> None:
    url = make_url(postgres).set(**change)
    address = url.render_as_string(hide_password=False)
    for use in (lambda: open_log(address), lambda: create_log(address, DATASET, NONE_KNOWN, HEADER)):
        with pytest.raises(StoreError, match=rf"^The log .* cannot be used \(.*{why}.*\); check that the s") as caught:
            use()
        assert "\n" not in str(caught.value)
        assert f":{url.password}@" not in str(caught.value)


def test_who_may_not_make_a_schema(postgres: str) -> None:
    store = Store(f"{postgres}?schema=test_forbidden")
    role = "test_askless_reader"
    store.execute(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN PASSWORD 'p'", "DROP SCHEMA test_forbidden")
    try:
        address = make_url(postgres).set(username=role, password="p").render_as_string(hide_password=False)
        with pytest.raises(StoreError, match=r"permission denied.*what this user may do there"):
            create_log(f"{address}?schema=test_forbidden", DATASET, NONE_KNOWN, HEADER)
    finally:
        store.execute("DROP SCHEMA test_forbidden", f"DROP ROLE {role}")


def test_commits_are_durable_also_where_the_database_would_not_care(postgres: str) -> None:
    store = Store(f"{postgres}?schema=test_durable")
    try:
        log = store.create()
        with log.transaction() as connection:
            names = ("synchronous_commit", "transaction_isolation", "transaction_read_only", "lock_timeout")
            found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
        assert found == ["on", "read committed", "off", "30s"]
        with log.reading() as connection:
            found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
        assert found == ["on", "repeatable read", "on", "30s"]
    finally:
        store.close()


def test_a_connection_that_was_cut_is_replaced(postgres: str) -> None:
    store = Store(f"{postgres}?schema=test_cut")
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = "
    try:
        log = store.create()
        with log.reading() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        assert store.execute(f"{cut}{pid}") == [[(1,)]]
        with log.reading() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()

        def cut_in_the_middle() -> None:
            with log.transaction() as connection:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                store.execute(f"{cut}{pid}")
                connection.exec_driver_sql("SELECT 1")

        with pytest.raises(StoreError, match=r"cannot be used \(.*\); check that the server runs"):
            cut_in_the_middle()
        with log.transaction() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    finally:
        store.close()
