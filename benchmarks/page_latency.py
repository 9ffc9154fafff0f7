"""From a key to the next picture, in a real Chromium over a line of 100 ms and 5 Mbit/s. Takes two minutes.

    python benchmarks/page_latency.py [ANSWERS]

Needs Chromium and the developers' tools (`make setup`). Goal: the 95th percentile of 200 answers is 50 ms or less.
"""

import sys
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from askless.server.live import LiveCampaign
from key_to_picture import measure, slow_down
from served_campaign import make_campaign, serving

PAUSE_MS = 400
GOAL_MS = 50


def photograph(i: int) -> Image.Image:
    """Something as large and as hard to compress as a photograph of 800 x 600 pixels."""
    rng = np.random.default_rng(i)
    coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize(
        (800, 600), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 4, (600, 800, 1))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))


def main(n_answers: int) -> None:
    chromium = which("chromium") or which("google-chrome")
    assert chromium, "This needs Chromium."
    with TemporaryDirectory() as place, sync_playwright() as playwright:
        root = make_campaign(Path(place) / "photographs", pictures=[photograph(i) for i in range(n_answers + 20)])
        sizes = [file.stat().st_size for file in (root / "thumbnails" / "1024").rglob("*.webp")]
        live = LiveCampaign(root)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with serving(live) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            slow_down(page)
            page.goto(live.link(live.campaign.invite("ann", "annotator"), url))
            times = measure(page, n_answers, PAUSE_MS)
        browser.close()
        live.close()
    p50, p95 = (times[int(share * (len(times) - 1))] for share in (0.5, 0.95))
    print(
        f"{n_answers} answers, pictures of {np.mean(sizes) / 1000:.0f} kB, 100 ms and 5 Mbit/s, {PAUSE_MS} ms to think"
    )
    found = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {times[-1]:.0f} ms"
    print(f"from key to next picture: {found}; goal: p95 <= {GOAL_MS} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
