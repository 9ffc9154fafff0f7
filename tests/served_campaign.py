"""Campaign folders with drawn pictures, served on a free port of this machine."""

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image, ImageDraw

from askless.data.check import make_thumbnails
from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemRow, to_csv
from askless.data.serving import Server, announce
from askless.server.app import create_app
from askless.server.live import LiveCampaign

CLASSES: tuple[Any, ...] = ("circle", "square", "triangle")


def draw(i: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A shape of class i % 3 on a ground of a colour of its own."""
    picture = Image.new("RGB", size, (40 + 37 * i % 190, 60 + 71 * i % 170, 80 + 53 * i % 150))
    pen = ImageDraw.Draw(picture)
    width, height = size
    box = [width // 4, height // 4, 3 * width // 4, 3 * height // 4]
    match i % 3:
        case 0:
            pen.ellipse(box, fill="white")
        case 1:
            pen.rectangle(box, fill="white")
        case _:
            pen.polygon([(width // 2, box[1]), (box[0], box[3]), (box[2], box[3])], fill="white")
    return picture


def make_campaign(
    root: Path,
    n_items: int = 24,
    classes: Sequence[Any] = (*CLASSES, "other"),
    *,
    n_gold: int = 0,
    settings: str = "",
    page: str = "",
    instructions: str = "",
    pictures: Sequence[Image.Image] | None = None,
) -> Path:
    """As `askless init` leaves it.

    Args:
        n_items: as many, if `pictures` are not given.
        classes: names, or tables as in a classes.json.
        n_gold: so many of the last items are gold, truly labelled.
        settings, page: lines of the tables [campaign] and [page].
    """
    folder = CampaignFolder(root)
    (root / "images").mkdir(parents=True)
    folder.unfinished.mkdir()
    names = [one if isinstance(one, str) else one["name"] for one in classes]
    pictures = pictures or [draw(i) for i in range(n_items)]
    rows: list[ItemRow] = []
    for i, picture in enumerate(pictures):
        file = BytesIO()
        picture.save(file, "PNG")
        content = file.getvalue()
        (root / "images" / f"{i}.png").write_bytes(content)
        digest = blake2b(content, digest_size=16).hexdigest()
        make_thumbnails(folder, digest, picture)
        is_gold = i >= len(pictures) - n_gold
        label, use = (names[i % 3], "gold") if is_gold else ("", "")
        rows.append(ItemRow(str(i), f"images/{i}.png", *picture.size, len(content), digest, label, use))
    folder.unfinished.rmdir()
    folder.items.write_text(to_csv([ItemRow._fields, *rows]), encoding="utf-8")
    folder.classes.write_text(json.dumps([{"name": one} if isinstance(one, str) else one for one in classes]))
    folder.settings.write_text(f"format = 1\n[campaign]\nseed = 3\n{settings}\n[page]\n{page}\n", encoding="utf-8")
    if instructions:
        folder.instructions.write_text(instructions, encoding="utf-8")
    return root


@contextmanager
def serving(live: LiveCampaign) -> Iterator[str]:
    """The address at which the application answers meanwhile."""
    server = uvicorn.Server(uvicorn.Config(create_app(live), port=0, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def announced(live: LiveCampaign, pid: int = 0, public_url: str = "https://label.example/") -> Iterator[Server]:
    """Served and announced meanwhile, as if by a process of its own."""
    with serving(live) as url:
        server = Server(url, public_url, pid or os.getpid(), live.own_token)
        with announce(live.place, server):
            yield server
