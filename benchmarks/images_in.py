"""Images into a campaign: 10,000 JPEG files of mixed sizes, 1 % of them bad, `askless init` killed once and repeated.

Prints images per second, and checks that all good ones are in, all bad ones are named, and that the killed and
repeated campaign equals one that ran through. `--n-images` makes it smaller; nothing is kept.
"""

import argparse
import csv
import io
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ((320, 240), (500, 375), (640, 480), (640, 480), (1024, 768), (1600, 1200), (3000, 2000))
BAD = ("truncated", "empty file", "unreadable", "larger than 40 megapixels")
TABLES = ("items.csv", "skipped.csv", "notes.csv", "classes.json", "askless.toml")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-images", type=int, default=10_000)
    n_images = parser.parse_args().n_images
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        bad = make_photos(place / "photos", n_images)
        n_bytes = sum(file.stat().st_size for file in (place / "photos").rglob("*.jpg"))
        print(f"{n_images} files, {n_bytes / 1e6:.0f} MB, {len(bad)} bad; {os.cpu_count()} cores, {platform.machine()}")

        start = time.perf_counter()
        summary = json.loads(
            subprocess.run(command(place / "whole"), check=True, capture_output=True, text=True).stdout
        )
        seconds = time.perf_counter() - start
        print(f"askless init: {seconds:.1f} s, {n_images / seconds:.0f} images/s, thumbnails included")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime
        print(
            f"{1000 * cpu / n_images:.1f} ms of CPU an image: {n_images / cpu:.0f} images/s for each core that is free"
        )

        n_kept = kill_in_the_middle(place / "killed", n_images)
        print(f"killed after {n_kept} images")
        start = time.perf_counter()
        subprocess.run(command(place / "killed"), check=True, capture_output=True)
        print(f"repeated: {time.perf_counter() - start:.1f} s")

        skipped = dict(list(csv.reader((place / "whole" / "skipped.csv").open()))[1:])
        found = {Path(path).name: reason.partition(":")[0] for path, reason in skipped.items()}
        checks = {
            "all good ones are in": summary["n_items"] == n_images - len(bad),
            "all bad ones are named, with the right reason": found == bad,
            "killed and repeated equals uninterrupted": contents(place / "whole") == contents(place / "killed"),
        }
    for what, is_so in checks.items():
        print(f"{'yes' if is_so else 'NO ':4}{what}")
    return 0 if all(checks.values()) else 1


def command(campaign: Path) -> list[str]:
    code = "from askless.cli import main; main()"
    photos = campaign.parent / "photos"
    return [sys.executable, "-c", code, "init", str(campaign), f"--images={photos}", "--classes=cat,dog", "--json"]


def kill_in_the_middle(campaign: Path, n_images: int) -> int:
    """Starts `askless init`, kills it when half of the images are done, and returns how many were."""
    process = subprocess.Popen(command(campaign), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = campaign / "unfinished" / "checked.jsonl"
    while (n_done := journal.read_bytes().count(b"\n") if journal.exists() else 0) < n_images // 2:
        if process.poll() is not None:
            raise SystemExit("askless init ended before it could be killed; make it work with more images")
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return n_done


def contents(campaign: Path) -> dict[str, bytes]:
    files = [campaign / name for name in TABLES] + sorted((campaign / "thumbnails").rglob("*.webp"))
    return {str(file.relative_to(campaign)): file.read_bytes() for file in files}


def make_photos(folder: Path, n_images: int) -> dict[str, str]:
    """JPEG files in ten folders; returns the bad ones by name, each with the reason that must be given."""
    rng = np.random.default_rng(0)
    scenes = [make_scene(rng, *size) for size in SIZES for _ in range(4)]
    bomb = io.BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    bad = {}
    for number in range(n_images):
        scene = scenes[number % len(scenes)]
        image = scene.copy()
        image.paste(tuple(rng.integers(0, 256, 3).tolist()), (0, 0, 16, 16))
        image.paste(tuple(rng.integers(0, 256, 3).tolist()), (16, 0, 32, 16))
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=85)
        content = stream.getvalue()
        file = folder / str(number % 10) / f"{number:06}.jpg"
        if number % 100 == 7:
            kind = BAD[number // 100 % len(BAD)]
            bad[file.name] = kind
            content = {
                "truncated": content[: len(content) // 2],
                "empty file": b"",
                "unreadable": rng.bytes(5000),
                "larger than 40 megapixels": bomb.getvalue(),
            }[kind]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return bad


def make_scene(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Soft shapes under some grain, so that a JPEG is about as large as that of a photograph."""
    shapes = rng.integers(0, 256, (height // 40, width // 40, 3), dtype=np.uint8)
    grain = rng.integers(0, 256, (height // 2, width // 2, 3), dtype=np.uint8)
    soft, rough = (Image.fromarray(values).resize((width, height)) for values in (shapes, grain))
    return Image.blend(soft, rough, 0.06)


if __name__ == "__main__":
    sys.exit(main())
