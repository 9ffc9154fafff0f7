"""From a key to the next picture, in a real Chromium over a line of 100 ms and 5 Mbit/s, and from a key to what is
found among 1,000 classes. Takes two minutes.

    python benchmarks/page_latency.py [ANSWERS]

Needs Chromium and the developers' tools (`make setup`). Goals: the 95th percentile of 200 answers is 50 ms or less, and
so is that of 100 keys of a search.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from askless.server.live import LiveCampaign
from key_to_picture import measure, search_times, slow_down, thousand_classes, type_slowly, watch_search
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


@contextmanager
def annotating(root: Path, *, is_slow: bool) -> Iterator[Page]:
    """The page of an annotator of a campaign."""
    chromium = which("chromium") or which("google-chrome")
    assert chromium, "This needs Chromium."
    arguments = ["--no-sandbox", "--disable-gpu"]
    with (
        sync_playwright() as playwright,
        closing(LiveCampaign(root)) as live,
        serving(live) as url,
        playwright.chromium.launch(executable_path=chromium, args=arguments) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        if is_slow:
            slow_down(page)
        page.goto(live.link(live.campaign.invite("ann", "annotator"), url))
        yield page


def told(times: list[float]) -> str:
    p50, p95 = (times[int(share * (len(times) - 1))] for share in (0.5, 0.95))
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {times[-1]:.0f} ms; goal: p95 <= {GOAL_MS} ms"


def main(n_answers: int) -> None:
    with TemporaryDirectory() as place:
        root = make_campaign(Path(place) / "photographs", pictures=[photograph(i) for i in range(n_answers + 20)])
        sizes = [file.stat().st_size for file in (root / "thumbnails" / "1024").rglob("*.webp")]
        with annotating(root, is_slow=True) as page:
            times = measure(page, n_answers, PAUSE_MS)
        print(
            f"{n_answers} answers, pictures of {np.mean(sizes) / 1000:.0f} kB, 100 ms and 5 Mbit/s, "
            f"{PAUSE_MS} ms to think"
        )
        print(f"from key to next picture: {told(times)}")
        with annotating(make_campaign(Path(place) / "classes", classes=thousand_classes()), is_slow=False) as page:
            watch_search(page)
            for number in range(10):
                type_slowly(page, f"rose of {number}{number}")
            times = search_times(page)
        print(f"from key to what is found among 1,000 classes, {len(times)} keys: {told(times)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
