"""Draws docs/pictures/annotator*.webp: the annotator's page over two photographs, in the Chromium of this machine.

    python docs/pictures/annotator.py [FOLDER]

The photographs are scikit-learn's: flower.jpg by dany13, china.jpg by Robert Lowe, both CC BY 2.0.
"""

import io
import sys
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from sklearn.datasets import load_sample_images

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from askless.server.live import LiveCampaign
from served_campaign import make_campaign, serving

PLANTS = ("dahlia", "aster", "daisy", "sunflower", "zinnia", "other")
FAMILIES = {
    "Daisy family": "aster blanketflower chamomile chrysanthemum cornflower dahlia daisy marigold sunflower zinnia",
    "Lily family": "fritillary lily tulip trout-lily snake's-head",
    "Rose family": "apple blackthorn cherry hawthorn quince rose rowan strawberry",
    "Orchids": "cattleya lady's-slipper moth-orchid vanda vanilla",
    "Buttercup family": "anemone buttercup clematis columbine hellebore larkspur",
}
COLOURS = ("white", "red", "yellow", "pink", "blue", "orange")
MANY = [
    {"name": f"{colour} {plant}", "aliases": [f"{plant}, {colour}"], "parent": family}
    for family, plants in FAMILIES.items()
    for plant in plants.split()
    for colour in COLOURS
]


def main(folder: Path) -> None:
    chromium = which("chromium") or which("google-chrome")
    assert chromium, "This needs Chromium."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        draw(browser, folder / "annotator.webp", PLANTS, 1280, 800, answer)
        draw(browser, folder / "annotator-search.webp", MANY, 1280, 800, search, color_scheme="dark")
        phone = {"is_mobile": True, "has_touch": True, "device_scale_factor": 2}
        draw(browser, folder / "annotator-phone.webp", PLANTS, 360, 740, answer, **phone)
        browser.close()


def draw(browser: Browser, file: Path, classes: Any, width: int, height: int, act: Any, **options: Any) -> None:
    china, flower = (Image.fromarray(pixels) for pixels in load_sample_images().images)
    pictures = [flower, china, flower.crop((120, 40, 520, 400)), flower.crop((60, 0, 560, 427))]
    with TemporaryDirectory() as place:
        page_settings = 'title = "Flowers of the botanical garden"\nshuffle_classes = false'
        live = LiveCampaign(
            make_campaign(Path(place) / "flowers", classes=classes, pictures=pictures, page=page_settings)
        )
        with serving(live) as url:
            page = browser.new_page(viewport={"width": width, "height": height}, **options)
            page.goto(live.link(live.campaign.invite("Ada", "annotator"), url))
            page.wait_for_selector("#stage img")
            act(page)
            page.wait_for_timeout(500)
            picture = Image.open(io.BytesIO(page.screenshot()))
            page.close()
        live.close()
    picture.convert("RGB").save(file, "WEBP", quality=80, method=6)
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


def answer(page: Page) -> None:
    page.keyboard.press("1")


def search(page: Page) -> None:
    page.keyboard.type("red dahlia")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    page.keyboard.type("or dal")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
