"""Draws docs/pictures/manager*.webp: the manager's page of a campaign of digits, in the Chromium of this machine.

python docs/pictures/manager.py [FOLDER]
"""

import io
import json
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from shutil import which

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from askless.data.item_table import ItemRow, to_csv
from askless.server.live import LiveCampaign
from askless.types import Answer, SkipReason
from askless.workspace import open_campaign
from served_campaign import serving

N_ITEMS = 1200
N_GOLD = 40
DAY = 6 * 3600.0
ROUND = 700.0
PEOPLE = {
    "Ada": 0.97,
    "Grace": 0.95,
    "Katherine": 0.93,
    "Alan": 0.9,
    "Edsger": 0.88,
    "Barbara": 0.86,
    "Donald": 0.8,
    "In a hurry": 0.12,
}
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SETTINGS = """format = 1
[campaign]
seed = 1
learner_method = "ds_model"
[campaign.annotators]
gold_rate = 0.1
[page]
title = "Digits"
price_per_answer = 0.04
"""


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_folder(root: Path) -> np.ndarray:
    """A campaign folder of digits; returns the truth."""
    digits = load_digits()
    truth = digits.target[:N_ITEMS]
    (root / "images").mkdir(parents=True)
    rows = [ItemRow._fields]
    for i in range(N_ITEMS):
        picture = Image.fromarray((255 - digits.images[i] * 15.9).astype(np.uint8)).resize((128, 128), Image.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        content = buffer.getvalue()
        name = f"{i:04}.png"
        (root / "images" / name).write_bytes(content)
        digest = blake2b(content, digest_size=16).hexdigest()
        known = (NAMES[truth[i]], "gold") if i < N_GOLD else ("", "")
        rows.append(ItemRow(name, f"images/{name}", 128, 128, len(content), digest, *known))
    (root / "items.csv").write_text(to_csv(rows))
    (root / "classes.json").write_text(json.dumps([{"name": name} for name in NAMES]))
    (root / "askless.toml").write_text(SETTINGS)
    np.save(root / "features.npy", (digits.data[:N_ITEMS] / 16).astype(np.float32))
    return truth


def answer(root: Path, truth: np.ndarray, n_rounds: int = 20) -> None:
    """Six hours of eight people, one of whom does not look."""
    rng = np.random.default_rng(7)
    clock = Clock(time.time() - DAY)
    campaign = open_campaign(root, keeps_estimates=True, clock=clock)
    campaign.refresh()
    for past in range(n_rounds):
        clock.now = time.time() - ROUND - (DAY - ROUND) * (1 - past / (n_rounds - 1))
        busy = [name for name in PEOPLE if rng.random() < 0.7]
        for name in busy:
            for batch in campaign.ask([name], 1):
                answers = []
                for i in batch.items:
                    clock.now += rng.exponential(4)
                    is_right = rng.random() < PEOPLE[name]
                    label = int(truth[i]) if is_right else int((truth[i] + rng.choice([5, 2, 3])) % 10)
                    ms = int(rng.gamma(4, 300) if name != "In a hurry" else rng.gamma(4, 40))
                    if i % 97 == 0:
                        answers.append(Answer(i, None, ms, reason=SkipReason.BROKEN))
                    else:
                        answers.append(Answer(i, label, ms))
                campaign.tell(batch.id, answers)
                campaign.release(batch.id)
        campaign.refresh()
    for name, role in [(name, "annotator") for name in PEOPLE] + [("Head of data", "viewer")]:
        campaign.invite(name, role, time.time() + 30 * 86400)  # type: ignore[arg-type]
    campaign.close()


def shoot(browser: Browser, link: str, path: Path, *, first: str = "header", is_dark: bool = False) -> None:
    """The page from the element `first` on."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="dark" if is_dark else "light")
    page.goto(link)
    page.wait_for_selector("#board:not([hidden])")
    page.locator(first).evaluate("element => scrollTo(0, element.offsetTop - 12)")
    page.wait_for_timeout(1500)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(path, "WEBP", quality=80, method=6)
    page.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        root = Path(made) / "digits"
        answer(root, make_folder(root))
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        with LiveCampaign(root) as live, serving(live) as url:
            link = live.link(live.admin(), url)
            shoot(browser, link, folder / "manager.webp")
            shoot(browser, link, folder / "manager-dark.webp", first="section:has(#annotators)", is_dark=True)
        browser.close()


if __name__ == "__main__":
    main()
