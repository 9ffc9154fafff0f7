"""Instructions: Markdown becomes HTML that does nothing."""

from pathlib import Path

import pytest

from askless.errors import DataError
from askless.server.instructions import read_instructions

HARMFUL = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://example.org/x.png)",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "<a href=//example.org onclick=alert(1)>x</a>",
    "<iframe src=https://example.org></iframe>",
    "<form action=/api/events><button>x</button></form>",
    "<p style=position:fixed>x</p>",
    "<svg><style>*{}</style></svg>",
    "<meta http-equiv=refresh content=0>",
)


def test_there_need_not_be_any(tmp_path: Path) -> None:
    assert read_instructions(tmp_path / "instructions.md") is None


def test_markdown_is_html(tmp_path: Path) -> None:
    file = tmp_path / "instructions.md"
    file.write_text("# Birds\n\n- [guide](https://example.org)\n\n| a | b |\n| - | - |\n| 1 | 2 |\n", encoding="utf-8")
    html = read_instructions(file)
    assert html is not None
    assert "<h2>Birds</h2>" in html
    assert "<td>1</td>" in html
    assert 'href="https://example.org"' in html
    assert 'rel="noopener noreferrer"' in html


@pytest.mark.parametrize("text", HARMFUL)
def test_nothing_in_it_runs_or_fetches(tmp_path: Path, text: str) -> None:
    file = tmp_path / "instructions.md"
    file.write_text(text, encoding="utf-8")
    html = (read_instructions(file) or "").replace("&lt;", "")
    for word in (
        "<script",
        "<img",
        "<iframe",
        "<form",
        "<svg",
        "<style",
        "<meta",
        "style=",
        "onclick",
        'href="javascript',
        'href="data',
    ):
        assert word not in html


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "instructions.md"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"instructions\.md cannot be read .* write them as UTF-8"):
        read_instructions(file)
