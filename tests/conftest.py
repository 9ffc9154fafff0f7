"""What all tests share: where the real data sets are, and hypothesis without a clock."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("askless", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=10_000)
settings.load_profile("askless")


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
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
