"""Pictures as small `data:` URIs that hold nothing but pixels."""

import base64
import binascii
import io
import urllib.parse
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

THUMBNAIL = 160
PIXEL_ART = 48


def make_thumbnail(image: str | None, folder: Path) -> tuple[str, bool] | None:
    """A `data:` URI without metadata, and whether the picture is tiny; none if there is nothing to show.

    A relative path is looked for in the run folder, then where the program runs.
    """
    if not image:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            content = _content(image, folder)
            if content is None:
                return None
            with Image.open(io.BytesIO(content)) as opened:
                picture = _eight_bit(ImageOps.exif_transpose(opened))
            is_pixel_art = max(picture.size) < PIXEL_ART
            picture.thumbnail((THUMBNAIL, THUMBNAIL))
            return _data_uri(picture, "PNG" if is_pixel_art or picture.mode == "RGBA" else "JPEG"), is_pixel_art
    except Exception:  # a decoder may raise anything when its input is broken
        return None


def _content(image: str, folder: Path) -> bytes | None:
    if image.startswith("data:"):
        header, _, body = image.partition(",")
        if header.endswith(";base64"):
            return binascii.a2b_base64(urllib.parse.unquote(body))
        return urllib.parse.unquote_to_bytes(body)
    for path in (folder / image, Path(image)):
        if path.is_file():
            return path.read_bytes()
    return None


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Grey, colour, or colour with transparency; deeper grey is stretched to what the picture holds."""
    if picture.mode[0] in "IF":
        values = np.asarray(picture, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _data_uri(picture: Image.Image, form: str) -> str:
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, form, quality=85)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
