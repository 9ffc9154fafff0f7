"""Pictures from files that anybody may have made: upright, RGB, without metadata, or refused with a reason."""

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from askless.errors import DataError

MAX_PIXELS = 40_000_000
MAX_BYTES = 200_000_000

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Pillow's names. Formats that run a program (EPS) or exist on few machines are left out."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""

SIDEWAYS = {UPRIGHT[5], UPRIGHT[6], UPRIGHT[7], UPRIGHT[8]}


@dataclass(frozen=True)
class Picture:
    """An image and what was noticed while it was decoded.

    Args:
        image: RGB, upright, nothing but pixels; smaller than the file's if that was enough.
        size: width and height of the file's image in pixels, upright.
        format: one of `FORMATS`.
        remarks: what was changed for display, in words.
    """

    image: Image.Image
    size: tuple[int, int]
    format: str
    remarks: tuple[str, ...]


def decode(source: Path | bytes, *, at_least: int | None = None) -> Image.Image:
    """The first frame of an image as RGB, turned upright, transparent parts white, metadata gone.

    Args:
        source: a file, or its bytes.
        at_least: pixels; a JPEG may come smaller if both of its sides stay as long as this, which is faster.

    Raises:
        DataError: what is no image, is damaged, or has more than `MAX_PIXELS` (known before it is decoded).
    """
    try:
        return look_at(source if isinstance(source, bytes) else read_content(source), at_least=at_least).image
    except DataError as error:
        name = "The image" if isinstance(source, bytes) else f"The image {source}"
        raise DataError(f"{name} cannot be used ({error}); replace it, or leave it out.") from error


def read_content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        DataError: in a few words, what is wrong with the file.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError("not a file")
        if found.st_size > MAX_BYTES:
            raise DataError(f"larger than {MAX_BYTES // 1_000_000} MB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have its name"
        raise DataError(f"unreadable: {reason[0].lower()}{reason[1:]}") from error


def look_at(content: bytes, *, at_least: int | None = None) -> Picture:
    """Decodes an image and says what is remarkable about it.

    In several threads at once a warning of Pillow may reach the screen; nothing else is shared.

    Args:
        content: the bytes of the file.
        at_least: see `decode`.

    Raises:
        DataError: in a few words, why it cannot be used.
    """
    if not content:
        raise DataError("empty file")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            with Image.open(io.BytesIO(content), formats=_formats()) as opened:
                return _take(opened, at_least)
        except DataError:
            raise
        except UnidentifiedImageError as error:
            reason = "svg" if _is_svg(content) else "unreadable: no image in a format that is read"
            raise DataError(reason) from error
        except Image.DecompressionBombError as error:
            raise DataError(_too_large()) from error
        except MemoryError as error:
            raise DataError("unreadable: decoding it needs too much memory") from error
        except Exception as error:  # a decoder may raise anything when its input is broken
            raise DataError(_reason(error)) from error


def read_orientation(content: bytes) -> int:
    """How EXIF says that an image is to be turned, a key of `UPRIGHT`; 1 if it is not, or cannot be read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            with Image.open(io.BytesIO(content), formats=_formats()) as opened:
                found = _orientation(opened)
        except Exception:  # a decoder may raise anything when its input is broken
            return 1
    return found if found in UPRIGHT else 1


def _take(opened: Image.Image, at_least: int | None) -> Picture:
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise DataError(_too_large())
    form = opened.format or ""
    is_deep = any(";16" in str(tile) for tile in getattr(opened, "tile", ()))
    if at_least is not None:
        opened.draft(None, (at_least, at_least))
    opened.load()

    remarks = []
    image: Image.Image = opened
    turn = UPRIGHT.get(_orientation(opened))
    if turn is not None:
        remarks.append("EXIF-rotated")
        image = image.transpose(turn)
        if turn in SIDEWAYS:
            width, height = height, width
    if image.mode == "CMYK":
        remarks.append("CMYK converted")
    if is_deep or image.mode[0] in "IF":
        remarks.append("more than 8 bits a channel")
    if image.has_transparency_data:
        remarks.append("alpha on white")
    if form != "MPO" and _has_more_frames(opened):
        remarks.append("first of several frames")
    image = _to_rgb(image)
    image.info = {}
    return Picture(image, (width, height), form, tuple(remarks))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode[0] in "IF":
        return _stretch(image).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        return white.convert("RGB")
    return image.convert("RGB")


def _stretch(image: Image.Image) -> Image.Image:
    """Deep grey as 8 bits, from the darkest finite value that the picture holds to the brightest."""
    values = np.asarray(image, dtype=np.float32)
    is_finite = np.isfinite(values)
    low = values.min(where=is_finite, initial=np.inf)
    high = values.max(where=is_finite, initial=-np.inf)
    if not low < high:
        return Image.new("L", image.size)
    scaled = np.interp(values, (low, high), (0, 255))
    return Image.fromarray(np.nan_to_num(scaled).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken EXIF says nothing, and the pixels may be fine
        return 1
    return value if isinstance(value, int) else 1


def _has_more_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the frames after the first are broken, but there are some
        return True


def _formats() -> list[str]:
    """Of `FORMATS` those that this Pillow can read."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _is_svg(content: bytes) -> bool:
    return b"<svg" in content[:4096].lower()


def _too_large() -> str:
    return f"larger than {MAX_PIXELS // 1_000_000} megapixels"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "truncated"
    return f"unreadable: {text[:120]}"
