"""What all tests share: where the real data sets are, and hypothesis without a clock."""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from uuid import uuid4

import pytest
from hypothesis import settings

from stores import Store

settings.register_profile("askless", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=10_000)
settings.load_profile("askless")

MARKERS = {"shared": "shared", "browser_arguments": "browser", "postgres": "postgres"}
"""What a test is marked by if it uses a fixture."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the real data sets; tests that use it are marked `shared` and skipped without it."""
    root = os.environ.get("ASKLESS_SHARED")
    folder = (Path(root) if root else Path(__file__).parents[2] / "shared") / "data"
    if not folder.is_dir():
        pytest.skip("needs the data sets named by ASKLESS_SHARED")
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, marker in MARKERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def browser_arguments() -> dict[str, object]:
    """What Playwright starts the machine's Chromium with; tests that use it are marked `browser`."""
    chromium = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := which(name))), None
    )
    if chromium is None:
        pytest.skip("needs Chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    return {"executable_path": chromium, "args": arguments, "headless": True}


@pytest.fixture(scope="session")
def postgres() -> str:
    """The URL of a PostgreSQL database that tests may fill and empty; tests that use it are marked `postgres`."""
    url = os.environ.get("ASKLESS_TEST_POSTGRES")
    if not url:
        pytest.skip("needs the PostgreSQL database named by ASKLESS_TEST_POSTGRES")
    return url


IN_POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.fixture(params=["memory", "file", IN_POSTGRES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Every kind of store that a log may lie in."""
    made = Store(None if request.param == "memory" else _place(request, tmp_path))
    yield made
    made.close()


@pytest.fixture(params=["file", IN_POSTGRES])
def kept_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The stores that outlive a process."""
    made = Store(_place(request, tmp_path))
    yield made
    made.close()


@pytest.fixture
def place(kept_store: Store) -> str | Path:
    """Where a log may be made that outlives a process."""
    assert kept_store.place is not None
    return kept_store.place


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    if request.param == "file":
        return tmp_path / "log.db"
    return f"{request.getfixturevalue('postgres')}?schema=test_{uuid4().hex}"
