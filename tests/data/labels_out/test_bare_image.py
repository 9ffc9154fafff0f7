"""What leaves in an export shows the same pixels and says nothing else."""

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from askless.data.image import decode
from askless.data.labels_out.bare_image import without_metadata
from askless.errors import DataError

SECRET = "at home"
XMP = b"<x:xmpmeta>at home</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(size: tuple[int, int] = (24, 16)) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def exif(turn: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Orientation] = turn
    made[ExifTags.Base.Artist] = SECRET
    made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (47.0, 22.0, 1.0)
    return made


def saved(form: str, turn: int = 1, **more: object) -> bytes:
    buffer = io.BytesIO()
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        for add in (text.add_text, text.add_itxt):
            add("Author", SECRET)
        text.add_text("Comment", SECRET, zip=True)
        more["pnginfo"] = text
    elif form != "TIFF":
        more["xmp"] = XMP
    if form == "JPEG":
        more["comment"] = SECRET
    picture().save(buffer, form, exif=exif(turn), icc_profile=PROFILE, **more)
    return buffer.getvalue()


def check_is_bare(content: bytes) -> None:
    assert SECRET.encode() not in content
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert ExifTags.Base.Artist not in image.getexif()
        assert image.format == "TIFF" or set(image.getexif()) <= {ExifTags.Base.Orientation}
        assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        assert not {"xmp", "Author", "Comment", "photoshop"} & set(image.info)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    ("form", "more"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})],
)
def test_pixels_profile_and_turn_stay_and_nothing_else(form: str, turn: int, more: dict[str, bool]) -> None:
    content = saved(form, turn, **more)
    bare = without_metadata(content + b"at home, after the end")
    check_is_bare(bare)
    with Image.open(io.BytesIO(bare)) as after, Image.open(io.BytesIO(content)) as before:
        assert after.info["icc_profile"] == PROFILE
        assert np.array_equal(after, before)
    assert np.array_equal(decode(bare), decode(content))
    assert without_metadata(bare) == bare


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_an_image_without_metadata_stays_as_it_is(form: str) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, form)
    assert without_metadata(buffer.getvalue()) == buffer.getvalue()


def test_segments_of_other_tools_go() -> None:
    content = saved("JPEG")
    iptc = b"Photoshop 3.0\x00at home"
    added = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    bare = without_metadata(content[:2] + added + content[2:])
    assert bare == without_metadata(content)


@pytest.mark.parametrize("form", ["TIFF", "GIF", "AVIF", "JPEG2000", "PPM", "BMP", "MPO"])
def test_other_formats_are_made_anew(form: str) -> None:
    if form == "AVIF":
        pytest.importorskip("PIL._avif")
    buffer = io.BytesIO()
    more = {"exif": exif()} if form in ("TIFF", "AVIF", "MPO") else {}
    more |= {"comment": SECRET} if form in ("GIF", "JPEG2000") else {}
    more |= {"save_all": True, "append_images": [picture()]} if form == "MPO" else {}
    picture().save(buffer, form, **more)
    bare = without_metadata(buffer.getvalue())
    check_is_bare(bare)
    if form in ("TIFF", "PPM", "BMP", "JPEG2000", "MPO"):
        assert np.array_equal(decode(bare), decode(buffer.getvalue()))
    assert decode(bare).size == (24, 16)


@settings(max_examples=60)
@given(
    form=st.sampled_from(["JPEG", "PNG", "WEBP"]), where=st.floats(0, 1), put=st.binary(max_size=4), cut=st.booleans()
)
def test_whatever_is_broken_only_declared_errors(form: str, where: float, put: bytes, cut: bool) -> None:
    content = saved(form)
    place = int(where * len(content))
    with suppress(DataError):
        without_metadata(content[:place] + put + (b"" if cut else content[place + len(put) :]))
