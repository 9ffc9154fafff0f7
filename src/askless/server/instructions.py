"""What a manager tells the annotators, in Markdown: as HTML in which nothing runs and nothing is fetched."""

from pathlib import Path

import nh3
from markdown_it import MarkdownIt

from askless.errors import DataError

TAGS = frozenset(
    "a b blockquote br code em h2 h3 h4 hr i li ol p pre strong table tbody td th thead tr ul".split()  # noqa: SIM905
)


def read_instructions(file: Path) -> str | None:
    """The text of an instructions.md as HTML; none without such a file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The instructions {file} cannot be read ({error}); write them as UTF-8.") from error
    html = MarkdownIt().enable("table").render(text).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
