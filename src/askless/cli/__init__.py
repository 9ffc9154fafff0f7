"""The command line: the library with words. Bad input is one sentence and exit code 2."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from askless import __version__
from askless.cli.terminal import new_app, out
from askless.errors import AsklessError

COMMANDS = {
    "quickstart": "From a folder of images to a page where people answer, in one command.",
    "init": "Make a campaign from a folder of images and the names of the classes.",
    "add": "Bring new images, classes and known labels into a campaign.",
    "embed": "Make the features of a campaign: what the machine sees of each image.",
    "models": "List the models that can make features, and what they cost to run here.",
    "demo": "Label 1,697 digits with 30 simulated annotators in three ways and compare what each needs.",
    "plan": "Simulate campaigns on your features, to see what an accuracy will cost.",
    "simulate": "Let simulated annotators label a set whose truth is known, and report what it cost.",
    "serve": "Let people answer in their browsers.",
    "invite": "Make personal links for people, list them, or take one back.",
    "status": "Say how far a campaign is.",
    "annotators": "List who answers, how much, how fast and how well; ban somebody.",
    "pause": "Hand out nothing for now.",
    "resume": "Hand out again after a pause.",
    "rebuild": "Make everything derived anew from the log, and say whether it is what was kept.",
    "backup": "Copy the log and the small files of a campaign, also while it is served.",
    "doctor": "Say whether askless and a campaign are in order.",
    "report": "Write one self-contained HTML page about one run, or several side by side.",
    "aggregate": "Find the labels of a table of annotations that is there already, or of a campaign.",
    "import": "Record answers that people gave elsewhere.",
    "export": "Write the labels of a campaign in a format that other tools read.",
    "data": "Fetch public data that askless works with and may not ship.",
    "settings": "List every setting with its default and what it means.",
}
"""Each command is the `app` of the module of its name; the text is what `askless --help` says of it."""


class _Commands(TyperGroup):
    """Imports the module of a command only when that command is used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            module = "import_" if name == "import" else name  # a keyword is no name for a module
            command = get_command(import_module(f"askless.cli.{module}").app)
        return name, command, rest


app = new_app()


@app.callback(cls=_Commands, invoke_without_command=True)
def _root(is_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Label large image sets with as few human answers as possible."""
    if is_version:
        out.print(f"askless {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the `askless` command."""
    try:
        app()
    except AsklessError as error:
        print(f"askless: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(
            f"askless: {error.filename or 'The output'}: {error.strerror}; fix that, or write elsewhere.",
            file=sys.stderr,
        )
        sys.exit(2)
