import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from askless.data.campaign_features import read_campaign_features
from askless.data.folder import CampaignFolder
from askless.embed import run
from askless.embed.basic import BasicEncoder
from askless.embed.feature_file import take_features
from askless.embed.preprocessing import Pixels
from askless.embed.run import embed
from askless.errors import DataError
from askless.types import Float32Array
from picture_folder import MeanColour, add_items, colour_of, coloured, make_folder


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHUNK_ROWS", 16)


def expected_colours(n: int, first: int = 0) -> np.ndarray:
    return np.array([colour_of(i) for i in range(first, first + n)], np.float16)


def colours_of(folder: CampaignFolder) -> np.ndarray:
    """The features but for their last column, in which a row depends on its whole batch."""
    return np.load(folder.features)[:, :3]


def made(folder: CampaignFolder) -> dict[str, bytes]:
    """What embedding leaves: both files, and nothing else that could be taken for something."""
    assert not list(folder.root.glob("features.[pjt][ao]*[tl]"))
    return {path.name: path.read_bytes() for path in (folder.features, folder.features_info)}


def info_of(folder: CampaignFolder) -> dict[str, Any]:
    info = json.loads(folder.features_info.read_text())
    assert isinstance(info, dict)
    return info


class CutOffError(Exception):
    """Stands for a kill."""


def cut(*arguments: object) -> None:
    raise CutOffError


def cut_after(n_done: int) -> Callable[[int, int], None]:
    def on_progress(now: int, n_items: int) -> None:
        if now >= n_done:
            raise CutOffError

    return on_progress


class Counting(MeanColour):
    def __init__(self, batch_size: int = 8) -> None:
        super().__init__(batch_size)
        self.n_encoded = 0

    def encode(self, pixels: Pixels) -> Float32Array:
        self.n_encoded += len(pixels)
        return super().encode(pixels)


def test_row_i_is_item_i(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(45))
    result = embed(folder, MeanColour())
    values = np.load(folder.features)
    assert values.dtype == np.float16
    np.testing.assert_array_equal(values[:, :3], expected_colours(45))
    assert (result.n_items, result.dimension, result.n_reused, result.missing) == (45, 4, 0, {})
    info = info_of(folder)
    assert (info["model"], info["n_rows"], info["dimension"], info["dtype"]) == ("mean-colour", 45, 4, "float16")
    assert info["items"] == folder.read_items().fingerprint()
    assert info["preprocessing"]["size"] == 8
    np.testing.assert_array_equal(read_campaign_features(folder).values, values)


@pytest.mark.parametrize("batch_size", [3, 8, 32])
def test_neither_threads_nor_chunks_matter(tmp_path: Path, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for name, n_threads, chunk in (("one", 1, 16), ("many", 5, 16), ("large", 2, 1000)):
        monkeypatch.setattr(run, "CHUNK_ROWS", chunk)
        folder = make_folder(tmp_path / name, coloured(45))
        embed(folder, MeanColour(batch_size), n_threads=n_threads)
        files.append(made(folder))
    assert files[0] == files[1] == files[2]


def test_progress_goes_up_to_all_items(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    embed(make_folder(tmp_path, coloured(20)), MeanColour(), on_progress=lambda *now: seen.append(now))
    assert seen == [(0, 20), (8, 20), (16, 20), (20, 20)]


@pytest.mark.parametrize("n_done", [0, 8, 16, 24, 40, 45])
def test_cut_off_and_resumed_gives_the_same_bytes(tmp_path: Path, n_done: int) -> None:
    whole = make_folder(tmp_path / "whole", coloured(45))
    embed(whole, MeanColour())
    folder = make_folder(tmp_path / "cut", coloured(45))
    with pytest.raises(CutOffError):
        embed(folder, MeanColour(), on_progress=cut_after(n_done))
    assert not folder.features.exists()
    encoder = Counting()
    result = embed(folder, encoder)
    assert result.n_reused == max(0, (n_done - 1) // 16 * 16)
    assert encoder.n_encoded == 45 - result.n_reused
    assert made(folder) == made(whole)


def test_cut_off_between_the_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path, coloured(20))
    with monkeypatch.context() as patched:
        patched.setattr(run, "write_info", cut)
        with pytest.raises(CutOffError):
            embed(folder, MeanColour())
    assert not folder.features_info.exists()
    encoder = Counting()
    assert embed(folder, encoder).n_reused == 20
    assert encoder.n_encoded == 0
    np.testing.assert_array_equal(colours_of(folder), expected_colours(20))


def test_done_is_not_done_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(20))
    embed(folder, MeanColour())
    before = made(folder)
    encoder = Counting()
    assert embed(folder, encoder).n_reused == 20
    assert encoder.n_encoded == 0
    assert made(folder) == before


def test_another_model_takes_the_place_of_the_first(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(40))
    with pytest.raises(CutOffError):
        embed(folder, MeanColour(4), on_progress=cut_after(30))
    embed(folder, MeanColour())
    embed(folder, BasicEncoder())
    assert info_of(folder)["model"] == "basic"
    values = np.load(folder.features)
    assert values.shape == (40, info_of(folder)["dimension"])
    assert values.astype(np.float32).var(axis=0).mean() == pytest.approx(1, rel=0.01)
    np.testing.assert_allclose(values.mean(axis=0, dtype=np.float32), 0, atol=1e-2)


def test_added_items_only_are_encoded(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "grown", coloured(45))
    embed(folder, MeanColour())
    add_items(folder, coloured(10, first=45))
    with pytest.raises(DataError, match=r"features\.npy was not made of the 55 items .*askless embed"):
        read_campaign_features(folder)
    encoder = Counting()
    assert embed(folder, encoder).n_reused == 40
    assert encoder.n_encoded == 15
    whole = make_folder(tmp_path / "whole", coloured(55))
    embed(whole, MeanColour())
    assert made(folder) == made(whole)


def test_items_in_another_order_are_encoded_anew(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(20))
    embed(folder, MeanColour())
    header, first, second, *rest = folder.items.read_text().splitlines()
    folder.items.write_text("\n".join([header, second, first, *rest]) + "\n")
    with pytest.raises(DataError, match="was not made of the 20 items"):
        read_campaign_features(folder)
    assert embed(folder, MeanColour()).n_reused == 0
    np.testing.assert_array_equal(colours_of(folder)[:2], expected_colours(2)[::-1])


def test_a_lost_image_gets_the_mean_and_its_name_is_kept(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(20))
    (folder.root / "images/00003.png").unlink()
    (folder.root / "images/00011.png").write_bytes(coloured(1)["00000.png"])
    result = embed(folder, MeanColour())
    assert list(result.missing) == ["00003.png", "00011.png"]
    assert "is gone" in result.missing["00003.png"]
    assert "was changed" in result.missing["00011.png"]
    assert info_of(folder)["missing"] == result.missing
    values = np.load(folder.features)
    present = np.setdiff1d(np.arange(20), [3, 11])
    np.testing.assert_array_equal(values[present, :3], expected_colours(20)[present])
    np.testing.assert_allclose(values[[3, 11]], [values[present].mean(axis=0, dtype=np.float64)] * 2, rtol=1e-3)

    for name in ("00003.png", "00011.png"):
        (folder.root / "images" / name).write_bytes(coloured(20)[name])
    assert embed(folder, MeanColour()).missing == {}
    np.testing.assert_array_equal(colours_of(folder), expected_colours(20))


def test_a_lost_image_does_not_bend_the_components(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "lost", coloured(20))
    (folder.root / "images/00019.png").unlink()
    embed(folder, BasicEncoder())
    values = np.load(folder.features)
    assert not values[19].any()
    whole = make_folder(tmp_path / "whole", coloured(19))
    embed(whole, BasicEncoder())
    np.testing.assert_array_equal(np.load(whole.features), values[:19])


def test_what_float16_cannot_hold_is_missing(tmp_path: Path) -> None:
    class Huge(MeanColour):
        def encode(self, pixels: Pixels) -> Float32Array:
            rows = super().encode(pixels)
            rows[(pixels[:, 0, 0] == colour_of(5)).all(axis=1), 2] = 1e6
            return rows

    result = embed(make_folder(tmp_path, coloured(20)), Huge())
    assert result.missing == {"00005.png": "The network made no finite numbers of it."}
    assert np.isfinite(np.load(tmp_path / "features.npy")).all()


def test_when_most_are_lost_it_stops_and_goes_on_later(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(45))
    (folder.root / "images").rename(folder.root / "elsewhere")
    encoder = Counting()
    with pytest.raises(DataError, match=r"16 of 16 images have no features.*00000\.png' is gone.*goes on from here"):
        embed(folder, encoder)
    assert encoder.n_encoded == 0
    (folder.root / "elsewhere").rename(folder.root / "images")
    embed(folder, MeanColour())
    np.testing.assert_array_equal(colours_of(folder), expected_colours(45))


def test_a_crash_of_the_network_is_not_hidden(tmp_path: Path) -> None:
    class Broken(MeanColour):
        def encode(self, pixels: Pixels) -> Float32Array:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        embed(make_folder(tmp_path, coloured(20)), Broken())


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(3))
    with FileLock(tmp_path / "features.lock"), pytest.raises(DataError, match="Another process is embedding"):
        embed(folder, MeanColour())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_features_from_elsewhere_are_taken(tmp_path: Path, dtype: type) -> None:
    folder = make_folder(tmp_path / "campaign", coloured(20))
    values = np.arange(60, dtype=dtype).reshape(20, 3)
    np.save(tmp_path / "own.npy", values)
    assert take_features(folder, tmp_path / "own.npy").dimension == 3
    taken = read_campaign_features(folder).values
    np.testing.assert_array_equal(taken, values)
    assert taken.dtype == (np.float32 if dtype is np.float64 else dtype)
    assert info_of(folder)["source"] == str(tmp_path / "own.npy")


def test_features_of_other_items_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "campaign", coloured(20))
    other = make_folder(tmp_path / "other", coloured(20, first=1))
    embed(other, MeanColour())
    with pytest.raises(DataError, match=r"was made of other items or in another order, says features\.json"):
        take_features(folder, other.features)
    np.save(tmp_path / "own.npy", np.zeros((19, 3)))
    with pytest.raises(DataError, match="has 19 rows for the 20 items"):
        take_features(folder, tmp_path / "own.npy")
    assert not folder.features.exists()
    take_features(other, other.features)
    np.testing.assert_array_equal(colours_of(other), expected_colours(20, first=1))


def test_a_json_that_says_nothing_is_passed_over(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(20))
    for text in ("[]", "{", "{}"):
        folder.features_info.write_text(text)
        shutil.copy(folder.items, folder.features)
        embed(folder, MeanColour())
        assert info_of(folder)["n_rows"] == 20


def test_features_of_another_shape_than_their_json_are_made_anew(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(20))
    embed(folder, MeanColour())
    before = made(folder)
    np.save(folder.features, np.zeros((19, 4), np.float16))
    assert embed(folder, MeanColour()).n_reused == 0
    assert made(folder) == before


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_killed_and_repeated_gives_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = (make_folder(tmp_path / name, coloured(120)) for name in ("whole", "killed"))
    embed(whole, BasicEncoder())
    code = (
        "import sys, time; from pathlib import Path; from askless.data.folder import CampaignFolder;"
        "from askless.embed import run; from askless.embed.basic import BasicEncoder; run.CHUNK_ROWS = 32;"
        "run.embed(CampaignFolder(Path(sys.argv[1])), BasicEncoder(), on_progress=lambda *now: time.sleep(0.1))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(killed.root)])
    journal = killed.root / "features.journal"
    deadline = time.monotonic() + 60
    while not (journal.exists() and '"n_rows": 64' in journal.read_text().partition("\n")[2]):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not killed.features.exists()
    assert embed(killed, BasicEncoder()).n_reused >= 64
    assert made(killed) == made(whole)
