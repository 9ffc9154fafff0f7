"""From a folder of pictures to labels, as a user goes: quickstart, two people at their browsers, export."""

import csv
import json
import signal
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from typer.testing import CliRunner

from askless.cli import app
from askless.store.entries import Kind
from browser_place import DESKTOP, shown, wait_until_sent
from server_process import started
from small_campaign import read_file
from waiting import wait_for

pytestmark = pytest.mark.slow

COLOURS = {"cherry": (200, 30, 40), "lime": (40, 190, 60), "plum": (60, 40, 170)}
N_ITEMS = 60

COLOUR_IN_THE_MIDDLE = """img => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.drawImage(img, img.naturalWidth / 2, img.naturalHeight / 2, 1, 1, 0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def test_two_people_label_a_folder_by_keyboard_until_it_is_done(chromium: Browser, tmp_path: Path) -> None:
    truth = draw_fruit(tmp_path / "fruit")
    campaign = tmp_path / "fruit-campaign"
    arguments = ("quickstart", tmp_path / "fruit", "--classes", ",".join(COLOURS), "--campaign", campaign)
    with started(*arguments, "--annotators", 2) as (process, first):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with (campaign / "askless.toml").open("a") as settings:
        settings.write("\n[page]\nrefresh_seconds = 0.5\n")

    with started(*arguments, "--annotators", 2) as (process, said):
        assert [one.partition("#")[2] for one in said["annotators"].values()] == [
            one.partition("#")[2] for one in first["annotators"].values()
        ]
        pages = [chromium.new_context(viewport=DESKTOP, reduced_motion="reduce").new_page() for _ in range(2)]
        for page, link in zip(pages, said["annotators"].values(), strict=True):
            page.goto(link)
            shown(page)
        wait_for(lambda: [is_done_after_answer(page) for page in pages] == [True, True])
        for page in pages:
            wait_until_sent(page)
            page.context.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()

    entries = read_file(campaign / "log.db")
    answered = [entry for entry in entries if entry.kind == Kind.ANSWERED]
    assert {entry.annotator for entry in answered} == {0, 1}
    assert len({(entry.item, entry.annotator) for entry in answered}) == len(answered) < 2 * N_ITEMS
    assert [entry.payload for entry in entries if entry.kind == Kind.STOPPED] == [{"reason": "finished"}]

    result = CliRunner().invoke(app, ["export", str(campaign), "--json"], catch_exceptions=False)
    with (Path(json.loads(result.stdout)["folder"]) / "labels.csv").open(newline="") as file:
        assert {row["item"]: row["label"] for row in csv.DictReader(file)} == truth


def draw_fruit(folder: Path) -> dict[str, str]:
    """Pictures of one colour each, no two alike; returns the name of the colour of each file."""
    folder.mkdir()
    truth = {}
    for i in range(N_ITEMS):
        name = list(COLOURS)[i % len(COLOURS)]
        Image.new("RGB", (120 + i, 90), tuple(value + i % 20 for value in COLOURS[name])).save(folder / f"{i:02}.jpg")
        truth[f"{i:02}.jpg"] = name
    return truth


def is_done_after_answer(page: Page) -> bool:
    """Presses the key of the class whose colour the picture has, if there is one, and says whether that was all."""
    picture = page.query_selector("#stage img")
    if picture is not None and page.locator("#work").is_visible():
        seen = picture.evaluate(COLOUR_IN_THE_MIDDLE)
        name = min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], seen, strict=True)))
        page.keyboard.press(page.locator("#choice button", has_text=name).locator("kbd").inner_text())
        page.wait_for_function("img => !img.isConnected || document.querySelector('#work').hidden", arg=picture)
    return page.locator("#notice[data-kind=finished]").is_visible()
