"""`askless simulate`."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.promise import Confidence, TargetAccuracy, promise_settings
from askless.cli.rounds import display_rounds, going_on, print_promise, print_prototypes, print_summaries
from askless.cli.sweep import run_sweep
from askless.cli.terminal import new_app
from askless.errors import ConfigError
from askless.report import write_report
from askless.settings import SimulationConfig
from askless.simulate.run import read_config, simulate
from askless.simulate.sweep import SWEEP_FILE, read_sweep
from askless.simulate.variants import Variant, expand, name_all

app = new_app()


@app.command()
def simulate_command(
    settings: Annotated[list[str] | None, typer.Argument(metavar="[CAMPAIGN] [KEY=VALUE[,VALUE]...]...")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; KEY=VALUE wins over it.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run or sweep; must not exist yet.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was cut off.")] = False,
    target_accuracy: TargetAccuracy = None,
    confidence: Confidence = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary, or all of them, as one JSON object.")
    ] = False,
    n_jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Runs of a sweep at a time; if not said, one for each core.")
    ] = None,
) -> None:
    """Let simulated annotators label a set whose truth is known, and report what it cost.

    For example: askless simulate dataset=digits learner_method=efficient_annotation
    simulation=structured_noise sampler.algo=greedy_task_assignment seed=3.
    Comma lists make a sweep, a run for every combination: learner_method=lean,ds_model seed=0,1,2.
    `askless settings` lists every key. The names of the paper's code are understood too.
    """
    settings = [_as_setting(text) for text in settings or ()] + promise_settings(target_accuracy, confidence)
    variants = _read_variants(folder) if resume and folder and not (settings or config) else expand(settings, config)
    is_sweep = bool(variants[0].varied)
    folder = folder or Path("runs") / (_sweep_name(variants) if is_sweep else _run_name(variants[0].config))
    try:
        if is_sweep:
            run_sweep(variants, folder, resume=resume, n_jobs=n_jobs, as_json=as_json)
        else:
            _run_one(variants[0].config, folder, resume=resume, as_json=as_json)
    except KeyboardInterrupt:
        print(f"Interrupted. Nothing is lost: go on with {going_on(folder)}", file=sys.stderr)
        raise typer.Exit(130) from None


def _run_one(config: SimulationConfig, folder: Path, *, resume: bool, as_json: bool) -> None:
    with display_rounds(config.learner_method) as on_round:
        summary = simulate(config, folder, resume=resume, on_round=on_round)
    page = write_report([folder], folder / "report.html")
    if as_json:
        print(json.dumps(summary))
    else:
        print_summaries([summary])
        print_prototypes(summary)
        if (promise := config.campaign.promise).target_accuracy is not None:
            print_promise(promise.target_accuracy, promise.confidence, summary)
        print(f"Report: {page}")


def _as_setting(text: str) -> str:
    """A folder of labelled data stands for dataset=FOLDER, also one called digits, or with a comma in its name."""
    if "=" in text:
        return text
    if not Path(text).is_dir():
        raise ConfigError(
            f"{text!r} is neither a folder nor a setting; name a campaign folder, or write it as key=value, for "
            "example seed=3."
        )
    return f"dataset={json.dumps(os.path.join('.', text), ensure_ascii=False)}"


def _read_variants(folder: Path) -> list[Variant]:
    if (folder / SWEEP_FILE).exists():
        return read_sweep(folder)
    return [Variant("", {}, read_config(folder))]


def _run_name(config: SimulationConfig) -> str:
    return f"{config.learner_method}-{config.data_name}-{config.simulation}-seed{config.seed}"


def _sweep_name(variants: Sequence[Variant]) -> str:
    return f"sweep-{name_all(variants)}"
