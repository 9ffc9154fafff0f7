import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from askless.embed.preprocessing import IMAGENET, Preprocessing, read_preprocessing
from askless.errors import DataError

PLAIN = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
DINOV2 = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 256},
}
SIGLIP = {
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "size": {"height": 224, "width": 224},
}


def read(tmp_path: Path, config: Any) -> Preprocessing:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    return read_preprocessing(tmp_path / "preprocessor_config.json")


def test_the_middle_is_cut_out() -> None:
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[10:30, 40:60] = (255, 100, 5)
    cut = Preprocessing(8, 0.5, *PLAIN, "BOX").cut(Image.fromarray(picture))
    assert (cut == (255, 100, 5)).all()
    wider = Preprocessing(8, 0.6, *PLAIN, "BOX").cut(Image.fromarray(picture))
    assert (wider[1:-1, 1:-1] == (255, 100, 5)).all()
    assert (wider[0] != (255, 100, 5)).all()


def test_without_a_crop_the_corners_stay() -> None:
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:5, :15], picture[5:, 15:] = (255, 0, 0), (0, 0, 255)
    cut = Preprocessing(2, None, *PLAIN, "BOX").cut(Image.fromarray(picture))
    assert cut.tolist() == [[[255, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 255]]]


@given(width=st.integers(1, 80), height=st.integers(1, 80), share=st.sampled_from([None, 0.1, 0.875, 1.0]))
def test_any_picture_gives_a_square(width: int, height: int, share: float | None) -> None:
    cut = Preprocessing(7, share, *PLAIN).cut(Image.new("RGB", (width, height), (9, 8, 7)))
    assert cut.shape == (7, 7, 3)
    assert (cut == (9, 8, 7)).all()


def test_channels_come_first_shifted_and_scaled() -> None:
    pixels = np.array([[[[10, 20, 30]]]], np.uint8)
    scaled = Preprocessing(1, None, (10, 10, 10), (5, 5, 5)).scale(pixels)
    assert scaled.dtype == np.float32
    assert scaled.flags.c_contiguous
    assert scaled.tolist() == [[[[0]], [[2]], [[4]]]]


def test_enough_pixels_are_asked_of_the_decoder() -> None:
    assert IMAGENET.at_least == 256
    assert Preprocessing(224, None, *PLAIN).at_least == 224


def test_the_file_of_dinov2_is_what_imagenet_networks_take(tmp_path: Path) -> None:
    found = read(tmp_path, DINOV2)
    assert (found.size, found.crop_share, found.resample) == (IMAGENET.size, IMAGENET.crop_share, IMAGENET.resample)
    np.testing.assert_allclose([found.mean, found.std], [IMAGENET.mean, IMAGENET.std], rtol=1e-6)


def test_the_file_of_siglip_takes_the_whole_picture(tmp_path: Path) -> None:
    assert read(tmp_path, SIGLIP) == Preprocessing(224, None, (127.5,) * 3, (127.5,) * 3, "BILINEAR")


@pytest.mark.parametrize(
    ("changed", "size", "crop_share", "mean"),
    [
        ({"size": 256, "crop_size": 224}, 224, 0.875, 127.5),
        ({"size": {"shortest_edge": 224}}, 224, 1.0, 127.5),
        ({"do_normalize": False}, 224, None, 0.0),
        ({"rescale_factor": 1 / 127.5}, 224, None, 63.75),
        ({"do_rescale": False, "image_mean": [100, 100, 100]}, 224, None, 100.0),
    ],
)
def test_older_and_other_files(
    tmp_path: Path, changed: dict[str, Any], size: int, crop_share: float | None, mean: float
) -> None:
    found = read(tmp_path, SIGLIP | changed)
    assert (found.size, found.crop_share) == (size, crop_share)
    assert found.mean == pytest.approx((mean,) * 3)


@pytest.mark.parametrize(
    "config",
    [
        [],
        {},
        SIGLIP | {"size": {"height": 224, "width": 448}},
        SIGLIP | {"image_mean": [0.5]},
        SIGLIP | {"image_std": None},
        SIGLIP | {"resample": 77},
    ],
)
def test_what_says_too_little_is_refused(tmp_path: Path, config: Any) -> None:
    with pytest.raises(DataError, match=r"preprocessor_config\.json says nothing that can be used .* a square picture"):
        read(tmp_path, config)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_preprocessing(tmp_path / "preprocessor_config.json")
