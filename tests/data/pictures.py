"""Images for tests, as the bytes of their files, and places that hold them."""

import io
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(width: int = 40, height: int = 30, seed: int = 0) -> Image.Image:
    """Soft colours, different for each seed."""
    few = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(few).resize((width, height))


def encode(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def jpeg(seed: int = 0, width: int = 40, height: int = 30) -> bytes:
    return encode(picture(width, height, seed))


def png_bomb(width: int = 9000, height: int = 9000) -> bytes:
    """About 10 kB that decode to 81 million pixels."""
    rows = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    body = b"".join(rows.compress(row * 100) for _ in range(height // 100)) + rows.flush()
    return png(struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0), body)


def png(header: bytes, body: bytes) -> bytes:
    """A PNG file from its header and its compressed rows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def fill(folder: Path, *names: str) -> Path:
    """Makes images, a different one for each name."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(zlib.crc32(name.encode())))
    return folder


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
