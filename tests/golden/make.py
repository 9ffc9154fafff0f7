"""Writes the golden trajectories anew: `python tests/golden/make.py`. Look at the difference before keeping it."""

import csv
from pathlib import Path

from askless.config import compose, preset_names
from askless.simulate.experiment import Row
from askless.simulate.run import simulate

FOLDER = Path(__file__).parent
COLUMNS = {
    "round": "round",
    "n_annotations": "n_annotations",
    "n_confident": "n_confident",
    "mean_risk": "mean_risk",
    "accuracy": "posterior_all_top1",
}


def trajectory(method: str) -> list[Row]:
    """One row a round: 300 digits and 100 prototypes, seed 7, all else by default."""
    rows: list[Row] = []
    simulate(compose([f"learner_method={method}", "seed=7", "n_data_per_class=30"]), on_round=rows.append)
    return [{name: row[key] for name, key in COLUMNS.items()} for row in rows]


def main() -> None:
    for method in preset_names("learner_method"):
        with (FOLDER / f"{method}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
            writer.writeheader()
            for row in trajectory(method):
                writer.writerow({**row, "mean_risk": f"{row['mean_risk']:.6f}", "accuracy": f"{row['accuracy']:.6f}"})


if __name__ == "__main__":
    main()
