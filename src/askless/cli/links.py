"""Personal links as a terminal shows them."""

import io

import segno

from askless.cli.terminal import out


def print_link(name: str, link: str, *, has_code: bool = False) -> None:
    """One line; with the code that a phone's camera reads, if asked for."""
    out.print(f"{name:16} {link}", markup=False, soft_wrap=True)
    if has_code:
        code = io.StringIO()
        segno.make(link, error="l").terminal(code, compact=True)
        print(code.getvalue())
