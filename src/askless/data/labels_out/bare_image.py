"""Images without what they say beside their pixels: where and when a photo was taken, with what, by whom.

JPEG, PNG and WebP keep their pixels bit by bit: only the parts are copied that are needed to show them. All else is
made anew from what people saw.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image

from askless.data.image import look_at, read_orientation
from askless.errors import DataError

PNG_START = b"\x89PNG\r\n\x1a\n"

SHOWN_BY_PNG = {
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"cICP", b"acTL", b"fcTL",
    b"fdAT",
}  # fmt: skip
"""Chunks that are needed beside the critical ones, whose names begin with a capital."""

SHOWN_BY_WEBP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}

SHOWN_BY_JPEG = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""Application segments, and how those begin that are needed; all others, and comments, are left out."""

HAS_EXIF, HAS_XMP = 0x08, 0x04
"""Flags in the VP8X chunk of WebP."""

JPEG_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
"""In the coded pixels: what is no pixel."""


class _MalformedError(Exception):
    """The parts of a file are not where its format puts them."""


def without_metadata(content: bytes) -> bytes:
    """The same image with no EXIF but its orientation, no XMP, IPTC, comments, previews, and nothing after its end.

    Other formats than JPEG, PNG and WebP, and what is damaged but can be decoded, become RGB, upright, one frame.

    Raises:
        DataError: in a few words, why the image cannot be read.
    """
    try:
        if content.startswith(b"\xff\xd8"):
            return b"".join(_jpeg(content))
        if content.startswith(PNG_START):
            return b"".join(_png(content))
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return _webp(content)
    except (_MalformedError, struct.error):
        pass
    return _made_anew(content)


def _jpeg(content: bytes) -> Iterator[bytes]:
    yield content[:2]
    place = 2
    exif = _exif(content)
    if exif:
        yield b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    while True:
        found = JPEG_MARKER.match(content, place)
        if not found:
            raise _MalformedError
        marker = content[found.end() - 1]
        if marker == 0xD9:
            yield b"\xff\xd9"
            return
        body = found.end() + 2
        (length,) = struct.unpack_from(">H", content, found.end())
        end = found.end() + length
        if marker < 0xE0 or (marker in SHOWN_BY_JPEG and content.startswith(SHOWN_BY_JPEG[marker], body)):
            yield b"\xff" + content[found.end() - 1 : end]
        place = end
        if marker == 0xDA:
            pixels_end = JPEG_MARKER.search(content, end)
            if not pixels_end:
                raise _MalformedError
            place = pixels_end.start()
            yield content[end:place]


def _png(content: bytes) -> Iterator[bytes]:
    yield PNG_START
    place = len(PNG_START)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + length + 12
        if end > len(content):
            raise _MalformedError
        if kind[:1].isupper() or kind in SHOWN_BY_PNG:
            yield content[place:end]
        place = end
        exif = _exif(content) if kind == b"IHDR" else b""
        if exif:
            yield struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))


def _webp(content: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", content, 4)
    exif = _exif(content)
    chunks = []
    place, end = 12, 8 + size
    while place < end:
        kind, length = struct.unpack_from("<4sI", content, place)
        chunk = content[place : place + 8 + length + length % 2]
        if len(chunk) < 8 + length:
            raise _MalformedError
        if kind == b"VP8X":
            flags = chunk[8] & ~(HAS_EXIF | HAS_XMP) | (HAS_EXIF if exif else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind in SHOWN_BY_WEBP:
            chunks.append(chunk)
        place += len(chunk)
    if exif:
        chunks.append(b"EXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2))
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _exif(content: bytes) -> bytes:
    """EXIF that says nothing but how to turn the image; none if it is upright."""
    turn = read_orientation(content)
    if turn == 1:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _made_anew(content: bytes) -> bytes:
    picture = look_at(content)
    buffer = io.BytesIO()
    try:
        picture.image.save(buffer, "JPEG" if picture.format == "MPO" else picture.format, quality=95)
    except (OSError, ValueError) as error:
        raise DataError(f"unwritable: {error}") from error
    return buffer.getvalue()
