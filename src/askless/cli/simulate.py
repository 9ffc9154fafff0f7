"""`askless simulate`."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.rounds import display_rounds, summary_table
from askless.cli.terminal import new_app, out
from askless.config import SimulationConfig, compose
from askless.report import write_report
from askless.simulate.run import read_config, simulate

app = new_app()


@app.command()
def simulate_command(
    settings: Annotated[list[str] | None, typer.Argument(metavar="[CAMPAIGN] [KEY=VALUE]...")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; KEY=VALUE wins over it.")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Run folder; must not exist yet.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Let simulated annotators label a set whose truth is known, and report what it cost.

    For example: askless simulate dataset=digits learner_method=efficient_annotation
    simulation=structured_noise sampler.algo=greedy_task_assignment seed=3.
    `askless settings` lists every key. The names of the paper's code are understood too.
    """
    settings = [_as_setting(text) for text in settings or ()]
    is_bare = not settings and config is None
    composed = read_config(folder) if resume and folder and is_bare else compose(settings, config)
    folder = folder or Path("runs") / _run_name(composed)
    try:
        with display_rounds(composed.learner_method) as on_round:
            summary = simulate(composed, folder, resume=resume, on_round=on_round)
    except KeyboardInterrupt:
        command = shlex.join(["askless", "simulate", "--out", str(folder), "--resume"])
        print(f"Interrupted. Nothing is lost: go on with {command}", file=sys.stderr)
        raise typer.Exit(130) from None
    page = write_report([folder], folder / "report.html")
    if as_json:
        print(json.dumps(summary))
    else:
        out.print(summary_table([summary]))
        print(f"Report: {page}")


def _as_setting(text: str) -> str:
    """A folder of labelled data stands for dataset=FOLDER, also one called digits."""
    return f"dataset={os.path.join('.', text)}" if "=" not in text and Path(text).is_dir() else text


def _run_name(config: SimulationConfig) -> str:
    return f"{config.learner_method}-{config.data_name}-{config.simulation}-seed{config.seed}"
