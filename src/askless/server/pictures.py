"""The pictures of the pages: always WebP made by askless, found by number, never by a path that somebody gives."""

import io
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi import Path as InPath
from PIL import Image

from askless.data.image import decode
from askless.errors import DataError
from askless.server.access import person
from askless.server.item_names import PATTERN
from askless.server.live import LiveCampaign
from askless.server.refusals import REFUSALS
from askless.types import Invitation

EXAMPLE_SIZE = 512
HEADERS = {"Cache-Control": "private, max-age=3600", "Vary": "Authorization"}
RESPONSES = {**REFUSALS, 200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}}}


class Size(IntEnum):
    """Pixels of the longest side: those of `THUMBNAIL_SIZES`, and that of a closer look.

    A closer look is made on demand; while another one is being made, it is no larger than `LARGE`.
    """

    SMALL = 256
    LARGE = 1024
    FULL = 4096


class Picture(Response):
    media_type = "image/webp"


def router(live: LiveCampaign) -> APIRouter:
    """Routes of items, which annotators find by name and managers by number, and of the examples in the guide."""
    routes = APIRouter(prefix="/api", tags=["pictures"])
    items = live.place.read_items()
    one_at_a_time = Lock()  # a large picture takes 50 MB and more while it is made
    anybody = person(live, "annotator", "viewer", "admin")

    @routes.get("/image/{name}", response_class=Response, responses=RESPONSES)
    def image(
        name: Annotated[str, InPath(pattern=PATTERN)],
        who: Annotated[Invitation, Depends(person(live, "annotator"))],
        size: Annotated[Size, Query()] = Size.LARGE,
    ) -> Picture:
        """An item as WebP, for an annotator who holds it or has answered it."""
        item = live.item_names.item(name)
        if not live.campaign.is_known_to(who.name, item):
            raise HTTPException(404, "There is no such image for you.")
        return picture(item, size)

    @routes.get("/manage/image/{item}", response_class=Response, responses=RESPONSES)
    def any_image(
        item: Annotated[int, InPath(ge=0, lt=2**63)],
        _: Annotated[Invitation, Depends(person(live, "viewer", "admin"))],
        size: Annotated[Size, Query()] = Size.LARGE,
    ) -> Picture:
        """An item as WebP, for whoever looks on."""
        if item >= len(items):
            raise HTTPException(404, "There is no such image.")
        return picture(item, size)

    def picture(item: int, size: Size, headers: dict[str, str] = HEADERS) -> Picture:
        try:
            thumbnail = live.place.thumbnail(items.digest[item], size)
            if thumbnail.exists():
                return Picture(thumbnail.read_bytes(), headers=headers)
            if not one_at_a_time.acquire(blocking=size < Size.FULL):  # who waits keeps a thread from everybody else
                return picture(item, Size.LARGE, headers={})  # which no browser keeps as what it asked for
            try:
                return Picture(_shrink(items.open_image(item, at_least=size), size), headers=headers)
            finally:
                one_at_a_time.release()
        except (DataError, OSError):
            raise HTTPException(404, "The file of this image cannot be read.") from None

    @routes.get("/example/{label}/{number}", response_class=Response, responses=RESPONSES)
    def example(
        label: Annotated[int, InPath(ge=0, lt=2**63)],
        number: Annotated[int, InPath(ge=0, lt=2**63)],
        who: Annotated[Invitation, Depends(anybody)],
    ) -> Picture:
        """An example of a class, for the guide."""
        if label >= len(live.classes) or number >= len(live.classes[label].examples):
            raise HTTPException(404, "There is no such example.")
        try:
            return Picture(_example(live.place.root / live.classes[label].examples[number]), headers=HEADERS)
        except DataError:
            raise HTTPException(404, "The file of this example cannot be read.") from None

    return routes


@lru_cache(maxsize=256)
def _example(path: Path) -> bytes:
    return _shrink(decode(path, at_least=EXAMPLE_SIZE), EXAMPLE_SIZE)


def _shrink(image: Image.Image, size: int) -> bytes:
    image.thumbnail((size, size), Image.Resampling.HAMMING)
    content = io.BytesIO()
    image.save(content, "WEBP", quality=80, method=0)
    return content.getvalue()
