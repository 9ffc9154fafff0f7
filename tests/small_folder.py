"""A campaign folder small enough to be looked at whole: 24 pictures of 3 classes, two of the same base name."""

import csv
import json
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image

from askless.types import Answer
from askless.workspace import open_campaign

CLASSES = ("cat", "dog/wolf", "other")
N_ITEMS = 24
TRUTH = np.arange(N_ITEMS) % len(CLASSES)
ITEMS = ("a/same.png", "b/same.png", *(f"{i:02}.png" for i in range(2, N_ITEMS)))


def make_folder(
    root: Path, *, has_features: bool = True, n_prototypes: int = 6, settings: str = "", n_known: int = 0
) -> Path:
    """As `askless init` and `askless embed` leave it.

    Args:
        n_prototypes: so many items from the first on.
        n_known: so many items from the first on have a known label, those after the prototypes as gold.
    """
    root.mkdir(parents=True)
    photos = root.parent / f"{root.name}-photos"
    rows = []
    for i, item in enumerate(ITEMS):
        path = photos / item
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (i * 10, 80 * int(TRUTH[i]), 0)).save(path)
        content = path.read_bytes()
        known = CLASSES[TRUTH[i]] if i < max(n_prototypes, n_known) else ""
        use = "prototype" if i < n_prototypes else "gold" if known else ""
        digest = blake2b(content, digest_size=16).hexdigest()
        rows.append([item, str(path), 8, 8, len(content), digest, known, use])
    with (root / "items.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["item", "path", "width", "height", "bytes", "digest", "label", "use"])
        writer.writerows(rows)
    classes = [{"name": name, "aliases": [f"{name} alias"]} for name in CLASSES]
    (root / "classes.json").write_text(json.dumps(classes), encoding="utf-8")
    (root / "askless.toml").write_text(f"format = 1\n[campaign]\nseed = 3\n{settings}", encoding="utf-8")
    if has_features:
        values = np.random.default_rng(5).normal(size=(N_ITEMS, 4)) + 3 * np.eye(3, 4)[TRUTH]
        np.save(root / "features.npy", values.astype(np.float32))
        made = {"model": "pixels", "source": "https://example.org/pixels", "licence": "MIT"}
        (root / "features.json").write_text(json.dumps(made), encoding="utf-8")
    return root


def answer_some(folder: Path) -> None:
    """Three people answer the items after the first six; one skips, one is wrong about one item."""
    campaign = open_campaign(folder)
    for number, name in enumerate(("ann", "bob, jr", "eve")):
        answers = [Answer(i, int(TRUTH[i]), 500 + i) for i in range(6, 18)]
        answers[number] = Answer(6 + number, None if number else (int(TRUTH[6]) + 1) % 3)
        campaign.record(name, answers)
    campaign.refresh()
    campaign.close()
