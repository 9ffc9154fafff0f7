"""Pictures: whatever the file, the same upright RGB comes out, without metadata, or one reason why not."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from pictures import encode, jpeg, picture, png, png_bomb
from PIL import Image, ImageOps

from askless.data import image as image_module
from askless.data.image import decode, look_at, read_content
from askless.errors import DataError

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to look at memory")
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_decoded(form: str) -> None:
    original = picture()
    found = look_at(encode(original, form, **({"lossless": True} if form == "WEBP" else {})))
    assert (found.format, found.size, found.image.mode, found.remarks) == (form, (40, 30), "RGB", ())
    error = np.abs(np.asarray(found.image, float) - np.asarray(original, float)).mean()
    assert error < (1 if form in ("PNG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000") else 12)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(picture(), "PNG", exif=exif)
    found = look_at(content)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(np.asarray(found.image), np.asarray(expected))
    assert found.size == found.image.size == expected.size
    assert found.remarks == (("EXIF-rotated",) if orientation > 1 else ())


def test_no_metadata_is_left() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    exif.get_ifd(0x8825)[1] = "N"
    content = encode(picture(), exif=exif, comment=b"a secret comment", icc_profile=b"a secret profile")
    assert content.count(b"secret") == 3
    found = decode(content)
    assert found.info == {}
    assert not found.getexif()
    for form in ("JPEG", "WEBP", "PNG"):
        assert b"secret" not in encode(found, form)
        assert b"Exif" not in encode(found, form)


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\xff\xff\0\0\xff\xff"],
    ids=["garbage", "orientation is text"],
)
def test_a_broken_exif_block_does_not_matter(exif: bytes) -> None:
    found = look_at(encode(picture(), exif=exif))
    assert (found.image.size, found.remarks) == ((40, 30), ())


def test_transparent_parts_become_white() -> None:
    clear = picture().convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((0, 0), 0)
    for content in (encode(clear, "PNG"), encode(clear.convert("LA"), "PNG"), encode(palette, "PNG", transparency=0)):
        found = look_at(content)
        assert found.image.getpixel((0, 0)) == (255, 255, 255)
        assert found.image.getpixel((3, 3)) != (255, 255, 255)
        assert found.remarks == ("alpha on white",)


def test_cmyk_is_converted() -> None:
    found = look_at(encode(picture().convert("CMYK")))
    assert found.remarks == ("CMYK converted",)
    assert np.abs(np.asarray(found.image, float) - np.asarray(picture(), float)).mean() < 12


def test_deep_grey_is_stretched_to_what_it_holds() -> None:
    ramp = (np.arange(1200).reshape(30, 40) + 500).astype(np.uint16)
    expected = (ramp - 500.0) * 255 / 1199
    for image in (
        Image.fromarray(ramp),
        Image.fromarray(ramp.astype(np.int32)),
        Image.fromarray(ramp.astype(np.float32)),
    ):
        found = look_at(encode(image, "TIFF"))
        assert np.abs(np.asarray(found.image.convert("L"), float) - expected).max() <= 1
        assert found.remarks == ("more than 8 bits a channel",)
    assert look_at(encode(Image.fromarray(ramp), "PNG")).remarks == ("more than 8 bits a channel",)


def test_what_is_no_number_is_black_and_does_not_stretch() -> None:
    values = np.linspace(-1, 1, 1200, dtype=np.float32).reshape(30, 40)
    values[0, :3] = np.nan, np.inf, -np.inf
    found = np.asarray(look_at(encode(Image.fromarray(values), "TIFF")).image)[..., 0]
    assert found[0, 0] == 0
    assert found[29, 39] == 255
    assert abs(int(found[15, 20]) - 132) < 4
    flat = Image.fromarray(np.full((3, 3), np.nan, np.float32))
    assert look_at(encode(flat, "TIFF")).image.getextrema() == ((0, 0),) * 3


def test_sixteen_bits_of_colour_are_remarked() -> None:
    rows = b"".join(b"\0" + b"\x12\x34\x56\x78\x9a\xbc" * 2 for _ in range(2))
    found = look_at(png(struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0), zlib.compress(rows)))
    assert found.image.getpixel((0, 0)) == (0x12, 0x56, 0x9A)
    assert found.remarks == ("more than 8 bits a channel",)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_used(form: str) -> None:
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    found = look_at(encode(red, form, save_all=True, append_images=[blue]))
    assert found.remarks == ("first of several frames",)
    assert found.image.getpixel((4, 4))[0] > 200


def test_broken_later_frames_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> bool:
        raise OSError("the second frame is broken")

    monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile.is_animated", property(broken))
    assert look_at(encode(picture(), "GIF")).remarks == ("first of several frames",)


def test_an_image_comes_smaller_if_that_is_enough() -> None:
    content = jpeg(width=800, height=640)
    assert decode(content).size == (800, 640)
    assert decode(content, at_least=300).size == (400, 320)
    assert decode(content, at_least=700).size == (800, 640)
    found = look_at(content, at_least=20)
    assert (found.size, found.image.size) == ((800, 640), (50, 40))
    lossless = encode(picture(90, 61), "PNG")
    assert decode(lossless, at_least=30).size == (90, 61)
    assert decode(lossless, at_least=10) == picture(90, 61).reduce(3)


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    clear = picture(90, 61).convert("RGBA")
    clear.putalpha(picture(90, 61).convert("L"))
    deep = Image.fromarray((np.arange(90 * 61).reshape(61, 90) * 7).astype(np.uint16))
    for content in (encode(clear, "PNG"), encode(deep, "PNG"), encode(picture(90, 61).quantize(), "GIF")):
        for at_least in (None, 10):
            with monkeypatch.context() as patch:
                whole = decode(content, at_least=at_least)
                patch.setattr(image_module, "STRIP_PIXELS", 800)
                assert decode(content, at_least=at_least) == whole


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "JPEG2000"])
def test_what_is_decoded_at_once_must_be_smaller(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "MAX_PIXELS_AT_ONCE", 1000)
    with pytest.raises(DataError, match="larger than 0 megapixels"):
        look_at(encode(picture(), form))
    assert look_at(encode(picture(), "PNG")).size == (40, 30)


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"not an image", "unreadable: no image in a format that is read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "unreadable: no image in a format"),
        (SVG, "svg"),
        (png_bomb(), "larger than 40 megapixels"),
        (png_bomb(60_000, 60_000), "larger than 40 megapixels"),
        *[(encode(picture(300, 200), form)[:1500], "truncated") for form in ("JPEG", "PNG", "BMP", "GIF")],
    ],
)
def test_what_cannot_be_used_has_one_reason(content: bytes, reason: str) -> None:
    with pytest.raises(DataError) as refused:
        look_at(content)
    assert str(refused.value).startswith(reason)
    with pytest.raises(DataError, match=r"^The image cannot be used .*; replace it, or leave it out"):
        decode(content)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "unreadable: decoding it needs too much memory"),
        (ZeroDivisionError(), "unreadable: ZeroDivisionError"),
        (ValueError("two\nlines " + "x" * 200), "unreadable: two lines xxx"),
        (EOFError(), "truncated"),
    ],
)
def test_whatever_a_decoder_raises_is_a_reason(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(image_module, "_to_rgb", fail)
    with pytest.raises(DataError) as refused:
        look_at(jpeg())
    assert str(refused.value).startswith(reason)
    assert len(str(refused.value)) < 150


def peak_megabytes(path: Path, at_least: int | None) -> tuple[str, float]:
    """What a process that decodes a file says of it, and what it takes at its peak, imports included."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom askless.data.image import decode\n"
        "from askless.errors import DataError\n"
        f"try: print(decode(Path(sys.argv[1]), at_least={at_least}).size)\nexcept DataError as error: print(error)\n"
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    )
    shown = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout
    said, kilobytes = shown.splitlines()
    return said, int(kilobytes) / 1000


@needs_proc
def test_a_bomb_of_ten_kilobytes_costs_no_memory(tmp_path: Path) -> None:
    """81 million pixels: refused by name with less than 200 MB at the peak, imports included."""
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_bomb())
    assert bomb.stat().st_size < 11_000
    refused, megabytes = peak_megabytes(bomb, None)
    assert "bomb.png cannot be used (larger than 40 megapixels)" in refused
    assert megabytes < 200


@needs_proc
@pytest.mark.parametrize("kind", ["16 bits", "transparent and turned"])
def test_the_largest_images_cost_less_than_300_megabytes(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large.png"
    if kind == "16 bits":
        deep = np.full((6300, 6300), 700, np.uint16)
        deep[0, 0] = 3
        Image.fromarray(deep).save(path)
    else:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGBA", (6300, 6300), (1, 2, 3, 4)).save(path, exif=exif)
    assert path.stat().st_size < 200_000
    said, megabytes = peak_megabytes(path, 256)
    assert said == "(525, 525)"
    assert megabytes < 300


def test_files_that_cannot_be_read_have_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    loop = tmp_path / "loop.jpg"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    large = tmp_path / "large.jpg"
    large.write_bytes(jpeg())
    monkeypatch.setattr(image_module, "MAX_BYTES", 100)
    for path, reason in (
        (folder, "not a file"),
        (pipe, "not a file"),
        (loop, "unreadable: too many levels of symbolic links"),
        (tmp_path / "none.jpg", "unreadable: no such file or directory"),
        (tmp_path / ("x" * 300), "unreadable: file name too long"),
        (tmp_path / "zero\0byte", "unreadable: no file can have its name"),
        (tmp_path / "lone\udfff\ud800", "unreadable: no file can have its name"),
        (large, "larger than 0 MB"),
    ):
        with pytest.raises(DataError) as refused:
            read_content(path)
        assert str(refused.value) == reason
    with pytest.raises(DataError, match=r"none\.jpg cannot be used \(unreadable"):
        decode(tmp_path / "none.jpg")
