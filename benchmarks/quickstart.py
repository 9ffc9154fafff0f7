"""How long it takes from a folder of photographs to the first question on a screen.

    python benchmarks/quickstart.py [--images 1000]

Makes JPEG files of 1,024 x 768 pixels with more detail than most photographs have (waves and noise),
runs `askless quickstart` on them as a user would, and waits until an annotator's link brings a question and its
picture through HTTP. Then repeats the command, which goes on with what is there.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 1024, 768


def make_photographs(folder: Path, n: int) -> float:
    """Returns their mean size in kB."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / WIDTH
    waves = [40 * np.sin(x * a + y * b) for a, b in rng.uniform(-90, 90, (12, 2))]
    noise = rng.normal(128, 12, (HEIGHT, WIDTH)).astype(np.float32)
    for i in range(n):
        red, green, blue = (waves[k] + noise for k in rng.choice(len(waves), 3, replace=False))
        brightness, shift = divmod(i, HEIGHT)  # no two are alike
        pixels = np.roll(np.dstack([red, green, blue]) + brightness, shift, axis=0).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05}.jpg", quality=85)
    return sum(file.stat().st_size for file in folder.iterdir()) / n / 1000


def start(photos: Path, campaign: Path) -> tuple["subprocess.Popen[str]", dict[str, Any]]:
    command = ["quickstart", str(photos), "--classes", "cat,dog,owl", "--campaign", str(campaign)]
    server = subprocess.Popen(
        [sys.executable, "-m", "askless", *command, "--port", "0", "--no-browser", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        sys.exit("askless quickstart failed.")
    return server, json.loads(line)


def first_question(links: dict[str, Any]) -> int:
    """Asks until there is one; returns the bytes of its picture."""
    token = links["annotators"]["annotator-1"].partition("#")[2]
    with httpx.Client(base_url=links["url"], headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        while True:
            batches = client.post("/api/batches", json={}).raise_for_status().json()["batches"]
            if batches:
                item = batches[0]["items"][0]["item"]
                return len(client.get(f"/api/image/{item}").raise_for_status().content)
            time.sleep(0.1)


def end(server: "subprocess.Popen[str]") -> float:
    start = time.perf_counter()
    server.send_signal(signal.SIGINT)
    if server.wait(30):
        sys.exit(f"askless ended with {server.returncode}.")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    n = parser.parse_args().images
    with tempfile.TemporaryDirectory() as scratch:
        photos, campaign = Path(scratch) / "photos", Path(scratch) / "campaign"
        size = make_photographs(photos, n)
        print(f"{n} JPEG files of {WIDTH} x {HEIGHT}, {size:.0f} kB each; {os.cpu_count()} cores, {platform.machine()}")
        for what in ("first question after", "repeated, after"):
            begin = time.perf_counter()
            server, links = start(photos, campaign)
            n_bytes = first_question(links)
            seconds = time.perf_counter() - begin
            print(f"{what:22} {seconds:6.1f} s  (its picture: {n_bytes / 1000:.0f} kB; ended in {end(server):.1f} s)")


if __name__ == "__main__":
    main()
