"""What comes from elsewhere is what its README says, and nothing on the page points outside."""

import re
from hashlib import sha256
from importlib import resources

import pytest

STATIC = resources.files("askless") / "server" / "static"
UPLOT = STATIC / "vendor" / "uplot"


def test_uplot_is_as_it_was_published() -> None:
    sums = re.findall(r"\| `([^`]+)`.*\| ([0-9a-f]{64}) \|", (UPLOT / "README.md").read_text(encoding="utf-8"))
    assert {name for name, _ in sums} == {file.name for file in UPLOT.iterdir()} - {"README.md"}
    for name, digest in sums:
        assert sha256((UPLOT / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("file", [file.name for file in (STATIC / "manage").iterdir()])
def test_the_page_is_whole_in_itself_and_writes_no_markup(file: str) -> None:
    text = (STATIC / "manage" / file).read_text(encoding="utf-8")
    assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|document\.write|\beval\b|\son\w+=\"", text)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', text):
        assert STATIC.joinpath(*path.removeprefix("/static/").split("/")).is_file()
    for path in re.findall(r'from "([^"]+)"', text):
        assert (STATIC / "manage" / path).is_file()  # type: ignore[attr-defined]
