"""What all commands print with."""

import sys

import typer
from rich.console import Console

WIDTH_OF_PLAIN_OUTPUT = 120

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_PLAIN_OUTPUT)
progress = Console(stderr=True, highlight=False)


def new_app() -> typer.Typer:
    """The Typer application of one command, or of a group of them."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"max_content_width": 110},
    )


def note(text: str) -> None:
    progress.print(text, soft_wrap=True, markup=False)


def counted(n: int, one: str, several: str) -> str:
    """For example 1 item, 2 items."""
    return f"{n} {one if n == 1 else several}"


def decimals(value: float | None, n: int = 2) -> str:
    return "-" if value is None else f"{value:.{n}f}"


def whole_percent(share: float) -> str:
    """Rounded down, so that 100 % means all."""
    return f"{int(100 * share + 1e-9)}%"
