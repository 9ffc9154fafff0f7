"""`askless demo`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from askless.cli.rounds import display_rounds, print_summaries
from askless.cli.terminal import new_app, out
from askless.config import compose
from askless.errors import ConfigError
from askless.report import write_report
from askless.simulate.run import simulate

app = new_app()

DEMO_METHODS = {
    "majority_vote": ["sampler.max_per_item=7"],
    "ds_model": ["sampler.max_per_item=7"],
    "efficient_annotation": [],
}
DEMO_MARKER = ".askless-demo"
DEMO_SETTINGS = ["dataset=digits", "crowd.n_annotators=30", "crowd.skill=0.7", "seed=0"]


@app.command()
def demo(folder: Annotated[Path, typer.Option("--out", help="Folder of the demo's runs.")] = Path("runs/demo")) -> None:
    """Label 1,697 digits with 30 simulated annotators in three ways and compare what each needs."""
    marker = folder / DEMO_MARKER
    if folder.exists() and not marker.exists():
        raise ConfigError(f"{folder} exists and is no folder of the demo; choose another by --out.")
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()
    summaries = []
    for method, own in DEMO_METHODS.items():
        shutil.rmtree(folder / method, ignore_errors=True)
        with display_rounds(method) as on_round:
            config = compose([f"learner_method={method}", *DEMO_SETTINGS, *own])
            summaries.append(simulate(config, folder / method, on_round=on_round))
        write_report([folder / method], folder / method / "report.html")
    page = write_report([folder / method for method in DEMO_METHODS], folder / "report.html")
    first = summaries[0]
    out.print(
        f"\n{first['n_items']} images of handwritten digits, {first['n_annotators']} simulated annotators who are "
        f"right about 70 % of the time.\n{first['n_prototypes']} more images are labelled in advance "
        f"({first['n_prototypes'] / first['n_items']:.2f} per item, not counted below);\n"
        "only efficient_annotation makes use of them.\n"
    )
    print_summaries(summaries)
    print(f"\nReport: {page}")
