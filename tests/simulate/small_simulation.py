"""A data set of 48 items in a folder, and settings by which a simulation of it takes a moment."""

from pathlib import Path

import numpy as np

from askless.config import compose
from askless.settings import SimulationConfig

QUICK = [
    "n_prototypes_per_class=3",
    "batch_size=6",
    "n_batches=3",
    "crowd.n_annotators=7",
    "crowd.skill=0.75",
    "simulation=uniform",
    "learner.max_epochs=20",
    "learner.hidden_size=8",
    "learner.minibatch_size=32",
]
PRESETS = ("majority_vote", "ds_model", "lean", "improved_lean", "efficient_annotation", "askless")


def write_folder(folder: Path, n_items: int = 48, n_classes: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    truth = np.arange(n_items) % n_classes
    rng = np.random.default_rng(11)
    np.save(folder / "features.npy", (rng.normal(size=(n_items, 5)) + 2 * np.eye(n_classes, 5)[truth]).astype("f4"))
    np.save(folder / "labels.npy", truth)
    return folder


def configure(folder: Path, *overrides: str) -> SimulationConfig:
    return compose([f"dataset={folder}", *QUICK, *overrides])
