"""How fast the manager's page is told what is new, in a large campaign with random answers.

python benchmarks/manager.py [--items 100000] [--answers 1000000] [--annotators 500] [--classes 10]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from askless.data.item_table import ItemRow, to_csv
from askless.server.app import create_app
from askless.server.live import LiveCampaign
from askless.types import Answer

N_REPEATS = 10
PATHS = ("summary", "curves", "annotators", "confusion", "items?sort=risk", "items?sort=disputed", "invitations")


def make_folder(root: Path, n_items: int, n_classes: int) -> None:
    rows = [ItemRow(f"{i}", f"{i}.jpg", 8, 8, 8, f"{i:032x}", "", "") for i in range(n_items)]
    (root / "items.csv").write_text(to_csv([ItemRow._fields, *rows]))
    (root / "classes.json").write_text(json.dumps([f"class {y}" for y in range(n_classes)]))
    (root / "askless.toml").write_text('format = 1\n[campaign]\nlearner_method = "ds_model"\n')


def answer(live: LiveCampaign, n_answers: int, n_annotators: int) -> None:
    """Everybody answers about an equal share of the images, right in 8 of 10 cases."""
    rng = np.random.default_rng(0)
    N, K = live.campaign.dataset.n_items, live.campaign.dataset.n_classes
    truth = rng.integers(0, K, N)
    for j in range(n_annotators):
        items = rng.choice(N, n_answers // n_annotators, replace=False)
        labels = np.where(rng.random(len(items)) < 0.8, truth[items], rng.integers(0, K, len(items)))
        answers = [Answer(i, y, 900) for i, y in zip(items.tolist(), labels.tolist(), strict=True)]
        live.campaign.record(f"annotator {j}", answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("items", 100_000), ("answers", 1_000_000), ("annotators", 500), ("classes", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    size = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        make_folder(root, size.items, size.classes)
        live = LiveCampaign(root)
        answer(live, size.answers, size.annotators)
        live.campaign.refresh()
        client = TestClient(create_app(live))
        headers = {"Authorization": f"Bearer {live.links.token(live.admin())}"}
        print(f"{size.items:,} images, {size.answers:,} answers, {size.annotators} annotators, {size.classes} classes")
        print(f"{'ms':24}{'first':>10}{'with news':>12}{'no news':>10}{'kB':>8}")
        for path in PATHS:
            tell(live, client, headers, path)
        live.close()


def tell(live: LiveCampaign, client: TestClient, headers: dict[str, str], path: str) -> None:
    """Prints how long a path takes: for the first time, after one more answer, and with nothing new (median)."""

    def timed(address: str) -> tuple[float, bytes, str]:
        start = time.perf_counter()
        response = client.get(f"/api/manage/{address}", headers=headers)
        seconds = time.perf_counter() - start
        return 1000 * seconds, response.content, response.json()["version"] if response.content else ""

    first, content, version = timed(path)
    news, same = [], []
    for n in range(N_REPEATS):
        live.campaign.record("one more", [Answer(hash((path, n)) % live.campaign.dataset.n_items, 0, 900)])
        took, _, version = timed(path)
        news.append(took)
        took, _, _ = timed(f"{path}{'&' if '?' in path else '?'}since={version}")
        same.append(took)
    print(f"{path:24}{first:10.1f}{np.median(news):12.1f}{np.median(same):10.1f}{len(content) / 1000:8.1f}", flush=True)


if __name__ == "__main__":
    main()
