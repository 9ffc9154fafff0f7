"""Pictures from files that anybody may have made: upright, RGB, without metadata, or refused with a reason."""

import io
import stat
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from askless.errors import DataError

MAX_PIXELS = 40_000_000
MAX_PIXELS_AT_ONCE = 16_000_000
"""Of formats in `AT_ONCE`. Within these limits an image that may come small costs about 300 MB, 420 MB at worst."""
MAX_BYTES = 200_000_000
STRIP_PIXELS = 1_000_000

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Pillow's names. Formats that run a program (EPS) or exist on few machines are left out."""

AT_ONCE = ("WEBP", "AVIF", "JPEG2000")
"""Their decoders hold an image several times over: up to 20 bytes a pixel, the others 4 to 8."""

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
        at_least: pixels; the image may come smaller if both of its sides stay as long as this, which takes less time
            and memory.

    Raises:
        DataError: what is no image, is damaged, or has more pixels than `MAX_PIXELS` or `MAX_PIXELS_AT_ONCE` (known
            before it is decoded).
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
            raise DataError(_too_large(MAX_PIXELS)) from error
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
    form = opened.format or ""
    max_pixels = MAX_PIXELS_AT_ONCE if form in AT_ONCE else MAX_PIXELS
    if width * height > max_pixels:
        raise DataError(_too_large(max_pixels))
    is_deep = any(";16" in str(tile) for tile in getattr(opened, "tile", ()))
    if at_least is not None:
        opened.draft(None, (at_least, at_least))
    opened.load()

    remarks = []
    turn = UPRIGHT.get(_orientation(opened))
    if turn is not None:
        remarks.append("EXIF-rotated")
        if turn in SIDEWAYS:
            width, height = height, width
    if opened.mode == "CMYK":
        remarks.append("CMYK converted")
    if is_deep or opened.mode[0] in "IF":
        remarks.append("more than 8 bits a channel")
    if opened.has_transparency_data:
        remarks.append("alpha on white")
    if form != "MPO" and _has_more_frames(opened):
        remarks.append("first of several frames")
    image = _to_rgb(opened, at_least)
    opened.close()
    return Picture(image if turn is None else image.transpose(turn), (width, height), form, tuple(remarks))


def _to_rgb(image: Image.Image, at_least: int | None) -> Image.Image:
    """Converted strip by strip, as several wide copies of a large image would not fit into memory.

    Much larger than `at_least` it is shrunk as well, by a whole number, to at least twice that: what is shrunk further
    from there looks the same as from the full size.
    """
    shrink = 1 if at_least is None else max(1, min(image.size) // (2 * at_least))
    result = Image.new("RGB", (-(-image.width // shrink), -(-image.height // shrink)))
    height = max(1, STRIP_PIXELS // (image.width * shrink)) * shrink
    boxes = [(0, top, image.width, min(top + height, image.height)) for top in range(0, image.height, height)]
    extremes = _extremes(image.crop(box) for box in boxes) if image.mode[0] in "IF" else None
    for box in boxes:
        strip = image.crop(box)
        rgb = _on_white(strip) if extremes is None else _stretch(strip, *extremes)
        result.paste(rgb.reduce(shrink), (0, box[1] // shrink))
    return result


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def _extremes(strips: Iterable[Image.Image]) -> tuple[float, float]:
    """The darkest and the brightest finite value."""
    lowest, highest = np.inf, -np.inf
    for strip in strips:
        values = np.asarray(strip, dtype=np.float32)
        finite = values[np.isfinite(values)]
        lowest, highest = finite.min(initial=lowest), finite.max(initial=highest)
    return float(lowest), float(highest)


def _stretch(image: Image.Image, low: float, high: float) -> Image.Image:
    """Deep grey as 8 bits, from the darkest value to the brightest; what is no number is black."""
    if not low < high:
        return Image.new("RGB", image.size)
    scaled = np.interp(np.asarray(image, dtype=np.float32), (low, high), (0, 255))
    return Image.fromarray(np.nan_to_num(scaled).astype(np.uint8)).convert("RGB")


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


def _too_large(max_pixels: int) -> str:
    return f"larger than {max_pixels // 1_000_000} megapixels"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "truncated"
    return f"unreadable: {text[:120]}"
