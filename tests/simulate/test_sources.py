import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.errors import DataError
from askless.settings import SimulationConfig
from askless.simulate.sources import Source, load

LABELS = [1, 0, 2, 1, 0, 2, 2, 0, 1, 0]


def write(folder: Path, labels: Any = LABELS, n_items: int = 10) -> Path:
    np.save(folder / "features.npy", np.arange(n_items * 4, dtype=np.float16).reshape(n_items, 4) % 7)
    if labels is not None:
        np.save(folder / "labels.npy", np.asarray(labels))
    return folder


def write_table(folder: Path, rows: list[tuple[Any, Any]], name: str = "labels.csv") -> Path:
    text = "\n".join(["item,label", *(f"{item},{label}" for item, label in rows)])
    (folder / name).write_text(text + "\n")
    return folder


def source(folder: Path | str, **settings: Any) -> Source:
    return load(SimulationConfig(dataset=str(folder), **{"n_prototypes_per_class": 0} | settings))


def test_digits_by_default_with_ten_prototypes_per_class() -> None:
    digits = load(SimulationConfig())
    assert digits.dataset.n_items == len(digits.truth) == len(digits.features) == 1797
    assert np.bincount(digits.prototypes.label).tolist() == [10] * 10
    np.testing.assert_array_equal(digits.truth[digits.prototypes.item], digits.prototypes.label)
    assert (np.diff(digits.prototypes.item) > 0).all()


def test_a_subset_per_class_keeps_order_and_prototypes() -> None:
    everything = load(SimulationConfig(n_prototypes_per_class=3))
    some = load(SimulationConfig(n_prototypes_per_class=3, n_data_per_class=20))
    assert np.bincount(some.truth).tolist() == [23] * 10
    rows = [everything.dataset.items.index(item) for item in some.dataset.items]
    assert rows == sorted(rows)
    assert some.dataset.images is not None
    assert everything.dataset.images is not None
    assert some.dataset.images[5] == everything.dataset.images[rows[5]]
    np.testing.assert_array_equal(some.truth, everything.truth[rows])
    np.testing.assert_array_equal(some.features.values, everything.features.values[rows])
    names = [[s.dataset.items[i] for i in s.prototypes.item] for s in (some, everything)]
    assert names[0] == names[1]
    np.testing.assert_array_equal(some.truth[some.prototypes.item], some.prototypes.label)


def test_seeds_draw_their_own_prototypes() -> None:
    first, again, other = (load(SimulationConfig(seed=seed)).prototypes.item for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


def test_a_small_class_gives_what_it_has(tmp_path: Path) -> None:
    some = source(write(tmp_path), n_prototypes_per_class=2, n_data_per_class=2)
    assert np.bincount(some.truth).tolist() == [4, 3, 3]


def test_components() -> None:
    reduced = load(SimulationConfig(n_components=7, n_data_per_class=15)).features.values
    assert reduced.shape == (250, 7)
    assert reduced.var(axis=0).mean() == pytest.approx(1, abs=1e-4)


def test_whitened_components() -> None:
    whitened = load(SimulationConfig(n_components=7, whiten=True, n_data_per_class=15)).features.values
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(7), atol=1e-3)


def test_a_folder_is_memory_mapped(tmp_path: Path) -> None:
    folder = source(write(tmp_path), n_prototypes_per_class=1)
    assert isinstance(folder.features.values, np.memmap)
    assert folder.features.values.dtype == np.float16
    assert folder.dataset.items[:2] == ("item-00000", "item-00001")
    assert folder.dataset.classes == ("0", "1", "2")
    assert folder.dataset.images is None
    assert folder.truth.tolist() == LABELS
    assert folder.truth.dtype == np.int64
    assert len(folder.prototypes) == 3


def test_class_names_and_images(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "class_names.json").write_text(json.dumps(["cat", "dog", "owl", "never seen"]))
    (tmp_path / "images.txt").write_text("".join(f"pictures/{row}.jpg\n" for row in range(10)))
    folder = source(tmp_path)
    assert folder.dataset.classes == ("cat", "dog", "owl", "never seen")
    assert folder.dataset.items[3] == "pictures/3.jpg"
    assert folder.dataset.images is not None
    assert folder.dataset.images[3] == str(tmp_path / "pictures/3.jpg")


@pytest.mark.parametrize("name", ["labels.csv", "truth.csv"])
def test_a_table_of_labels_in_any_order(tmp_path: Path, name: str) -> None:
    write(tmp_path, labels=None)
    rows: list[tuple[Any, Any]] = [(f"item-{row:05}", label) for row, label in enumerate(LABELS)]
    rows[4] = (4, 0)
    assert source(write_table(tmp_path, rows[::-1], name)).truth.tolist() == LABELS


def test_a_table_of_class_names(tmp_path: Path) -> None:
    write(tmp_path, labels=None)
    names = ["2", "owl", "cat"]
    (tmp_path / "class_names.json").write_text(json.dumps(names))
    write_table(tmp_path, [(row, names[label]) for row, label in enumerate(LABELS)])
    assert source(tmp_path).truth.tolist() == LABELS


def test_array_before_table(tmp_path: Path) -> None:
    write_table(write(tmp_path), [(row, 0) for row in range(10)])
    assert source(tmp_path).truth.tolist() == LABELS


@pytest.mark.parametrize("name", ["nowhere", "digit"])
def test_an_unknown_dataset_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"dataset='{name}' is neither 'digits' nor a folder; name a folder"):
        source(name)


def test_a_folder_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no features\.npy"):
        source(tmp_path)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no labels; add labels\.npy, or labels\.csv"):
        source(write(tmp_path, labels=None))


def test_lengths_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="10 labels for 9 rows of features"):
        source(write(tmp_path, n_items=9))
    (tmp_path / "images.txt").write_text("a.jpg\nb.jpg\n")
    with pytest.raises(DataError, match="9 rows of features but 2 images"):
        source(tmp_path)


@pytest.mark.parametrize("labels", [np.zeros(10), np.zeros((10, 1), int), np.array(["a"] * 10)])
def test_labels_that_are_no_indices_are_refused(tmp_path: Path, labels: Any) -> None:
    with pytest.raises(DataError, match="must hold one whole number per item"):
        source(write(tmp_path, labels))


def test_a_broken_array_of_labels_is_refused(tmp_path: Path) -> None:
    write(tmp_path, labels=None)
    (tmp_path / "labels.npy").write_text("0\n1\n")
    with pytest.raises(DataError, match=r"labels\.npy is not a plain \.npy array"):
        source(tmp_path)


def test_labels_outside_the_classes_are_refused(tmp_path: Path) -> None:
    (write(tmp_path) / "class_names.json").write_text('["cat", "dog"]')
    with pytest.raises(DataError, match=r"Row 2 of the labels in .* is 2; allowed is 0 to 1"):
        source(tmp_path)


def test_negative_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Row 1 of the labels in .* is -1; allowed is 0 to 2"):
        source(write(tmp_path, [0, -1, *LABELS[2:]]))


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"All labels in .* are '0'; a simulation needs two classes"):
        source(write(tmp_path, [0] * 10))


@pytest.mark.parametrize(("n_prototypes", "name", "n_items"), [(3, "1", 3), (4, "0", 4), (9, "0", 4)])
def test_too_many_prototypes_are_refused(tmp_path: Path, n_prototypes: int, name: str, n_items: int) -> None:
    with pytest.raises(
        DataError,
        match=rf"Class '{name}' has {n_items} items, too few for {n_prototypes} prototypes .* below {n_items} ",
    ):
        source(write(tmp_path), n_prototypes_per_class=n_prototypes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat, dog", "is not valid JSON"),
        ('{"cat": 0}', "must be a JSON list of two or more class names"),
        ("[1, 2, 3]", "must be a JSON list of two or more class names"),
        ("[]", "must be a JSON list of two or more class names"),
        ('["cat", "cat", "dog"]', "Every class must be different, but 'cat' occurs more than once"),
    ],
)
def test_bad_class_names_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (write(tmp_path) / "class_names.json").write_text(text)
    with pytest.raises(DataError, match=message):
        source(tmp_path)


def test_images_in_another_encoding_are_refused(tmp_path: Path) -> None:
    (write(tmp_path) / "images.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"images\.txt cannot be read .*UTF-8"):
        source(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(row, 0) for row in range(9)], "has 9 labels for 10 rows of features"),
        ([(row % 9, 0) for row in range(10)], "Line 11 of .* labels item '0' a second time"),
        ([("lion", 0)], "Line 2 of .* names item 'lion', which is not there"),
        ([(0, "cat")], r"Line 2 of .* has label 'cat', which is neither a class .* class_names\.json"),
        ([(0, "-1")], "has label '-1', which is neither a class nor the index of one"),
        ([(0, "")], "has label '', which is neither"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, rows: list[tuple[Any, Any]], message: str) -> None:
    write(tmp_path, labels=None)
    with pytest.raises(DataError, match=message):
        source(write_table(tmp_path, rows))


@pytest.mark.parametrize("text", ["", "id,label\n0,1\n"])
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str) -> None:
    (write(tmp_path, labels=None) / "labels.csv").write_text(text)
    with pytest.raises(DataError, match="must have the columns item and label"):
        source(tmp_path)


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (write(tmp_path, labels=None) / "truth.csv").write_bytes(b"item,label\n0,\xff\n")
    with pytest.raises(DataError, match=r"truth\.csv cannot be read .*UTF-8"):
        source(tmp_path)


def test_cifar_with_people(shared: Path) -> None:
    cifar = load(SimulationConfig(dataset=str(shared / "cifar10h")))
    assert cifar.dataset.n_items == 10_000
    assert cifar.dataset.classes[0] == "airplane"
    assert isinstance(cifar.features.values, np.memmap)
    assert np.bincount(cifar.truth).tolist() == [1000] * 10
