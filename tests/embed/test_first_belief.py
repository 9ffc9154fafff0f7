import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from askless.data.classes import ClassInfo
from askless.data.prior import read_prior
from askless.embed.encoder import TextEncoder
from askless.embed.prior import class_texts, take_prior, write_zero_shot_prior
from askless.embed.run import embed
from askless.errors import DataError
from askless.types import Float32Array
from picture_folder import MeanColour, coloured, make_folder


class Directions(TextEncoder):
    """Each text has a direction that depends on its length only."""

    scale = 5.0

    def encode(self, texts: Sequence[str]) -> Float32Array:
        return np.array([[len(text), 1, -len(text), 2] for text in texts], np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_texts_of_a_class() -> None:
    assert class_texts(ClassInfo("house_sparrow")) == ["a photo of a house sparrow."]
    assert class_texts(ClassInfo("cat", "a small animal.", ("kitten",))) == [
        "a photo of a cat, a small animal.",
        "a photo of a kitten, a small animal.",
    ]
    assert class_texts(ClassInfo("other", "none of these")) == ["a photo."]


def test_the_belief_is_the_softmax_of_scaled_cosines(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, coloured(20))
    folder.classes.write_text(json.dumps([{"name": "cat", "aliases": ["kitty"]}, "horse", "other"]))
    embed(folder, MeanColour())
    write_zero_shot_prior(folder, Directions(), {"model": "m"})
    images = np.load(folder.features).astype(np.float64)
    texts = [["a photo of a cat.", "a photo of a kitty."], ["a photo of a horse."], ["a photo."]]
    vectors = np.stack([unit(unit(Directions().encode(of_class)).mean(axis=0)) for of_class in texts])
    prior = read_prior(folder.prior, 20, 3)
    expected = softmax(
        5 * (images / np.maximum(np.linalg.norm(images, axis=1, keepdims=True), 1e-12)) @ vectors.T, axis=1
    )
    np.testing.assert_allclose(prior, expected, atol=1e-5)
    assert json.loads(folder.prior_info.read_text()) == {"model": "m", "texts": texts}
    assert not list(tmp_path.glob("*.tmp"))


def test_a_belief_from_elsewhere_is_taken(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "campaign", coloured(3))
    given = np.array([[0.25, 0.75], [1, 0], [0.5, 0.501]])
    np.save(tmp_path / "own.npy", given)
    take_prior(folder, tmp_path / "own.npy")
    prior = read_prior(folder.prior, 3, 2)
    np.testing.assert_allclose(prior, given / given.sum(axis=1, keepdims=True), rtol=1e-6)
    assert json.loads(folder.prior_info.read_text())["classes"] == ["cat", "dog"]
    take_prior(folder, folder.prior)
    np.testing.assert_array_equal(read_prior(folder.prior, 3, 2), prior)


@pytest.mark.parametrize("n_replaced", [0, 1])
def test_cut_off_anywhere_no_json_speaks_of_another_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_replaced: int
) -> None:
    folder = make_folder(tmp_path / "campaign", coloured(3))
    beliefs = [np.array([[0.25, 0.75]] * 3, np.float32), np.array([[0.75, 0.25]] * 3, np.float32)]
    for name, belief in zip(("old", "new"), beliefs, strict=True):
        np.save(tmp_path / f"{name}.npy", belief)
    take_prior(folder, tmp_path / "old.npy")
    replaced: list[Path] = []
    replace = os.replace

    def cut(source: Path, target: Path) -> None:
        if len(replaced) == n_replaced:
            raise KeyboardInterrupt
        replaced.append(target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            take_prior(folder, tmp_path / "new.npy")
    np.testing.assert_array_equal(np.load(folder.prior), beliefs[n_replaced])
    said = json.loads(folder.prior_info.read_text())["source"] if folder.prior_info.exists() else None
    assert said in (None, str(tmp_path / ("old.npy", "new.npy")[n_replaced]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 2), 0.5), r"is float64 of shape \(2, 2\), but a prior of 3 items and 2 classes"),
        (np.full((3, 3), 1 / 3), r"of shape \(3, 3\), but"),
        (np.array([["a", "b"]] * 3), "is str32 of shape"),
        (
            np.array([[0.5, 0.5], [0.2, 0.2], [1, 0]]),
            "Row 1 of .* no chances; each must be 0 or more, and a row must sum to 1",
        ),
        (np.array([[0.5, 0.5], [1.5, -0.5], [1, 0]]), "Row 1 of"),
        (np.array([[np.nan, 0.5], [1, 0], [1, 0]]), "Row 0 of"),
        (np.array([[np.inf, 0.5], [1, 0], [1, 0]]), "Row 0 of"),
    ],
)
def test_what_is_no_belief_is_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    folder = make_folder(tmp_path / "campaign", coloured(3))
    np.save(tmp_path / "own.npy", values)
    with pytest.raises(DataError, match=message):
        take_prior(folder, tmp_path / "own.npy")
    assert not folder.prior.exists()
