"""Names that anybody may have given become file names that any system can have."""

import time
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.data.labels_out.names import image_names, safe_names
from askless.types import Dataset

NAMES = st.lists(
    st.one_of(
        st.text(max_size=300),
        st.sampled_from(
            ["", ".", "..", "../x", "/x", "a\\b", "CON", "nul.txt", "x ", "x.", "X", "x", "x~2", "\0", "ß"]
        ),
    ),
    max_size=12,
)


@given(NAMES)
def test_every_name_is_a_plain_file_name_and_belongs_to_one_thing(texts: list[str]) -> None:
    names = safe_names(texts)
    assert len({name.casefold() for name in names}) == len(texts)
    for name in names:
        assert name == PurePosixPath(name).name
        assert len(name.encode()) <= 255
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert name.strip(" .") == name
        assert name.partition(".")[0].upper() not in {"CON", "NUL"}


@given(NAMES, st.text(max_size=5))
def test_names_stay_when_more_are_appended(texts: list[str], more: str) -> None:
    assert safe_names([*texts, more])[:-1] == safe_names(texts)


def test_readable_names_stay_as_they_are() -> None:
    assert safe_names(["Siberian husky", "n02110185", "a/b"]) == ["Siberian husky", "n02110185", "a_b"]


@pytest.mark.parametrize(
    ("item", "image", "name"),
    [
        ("a/x.JPG", "photos/a/x.JPG", "a_x.jpg"),
        ("42", "photos/x.png", "42.png"),
        ("x.jpg", "data:image/png;base64,AAAA", "x.jpg.png"),
        ("x", "shard.tar::deep/x.webp", "x.webp"),
        ("x", "photos/x.a-strange-ending", "x"),
        ("x", "photos/x", "x"),
        ("x", "data:image/x/../../../../PWNED;base64,AAAA", "x"),
        ("x", "data:image/svg+xml,AAAA", "x"),
        ("x", "data:text/x.y;base64,AAAA", "x"),
    ],
)
def test_images_are_called_by_their_item_and_end_as_they_did(item: str, image: str, name: str) -> None:
    assert image_names(Dataset((item,), ("cat", "dog"), (image,))) == [name]


def test_images_differ_before_their_ending() -> None:
    dataset = Dataset(("x.jpg", "x.png", "X.gif"), ("cat", "dog"), ("x.jpg", "x.png", "X.gif"))
    assert image_names(dataset) == ["x.jpg", "x~2.png", "X~3.gif"]


def test_files_of_the_export_itself_are_not_named_again() -> None:
    assert safe_names(["labels.csv", "Dataset_card.md", "folders.csv"]) == [
        "labels.csv~2", "Dataset_card.md~2", "folders.csv~2",
    ]  # fmt: skip


def test_many_names_that_begin_alike_take_no_square_of_time() -> None:
    start = time.process_time()
    names = safe_names(f"{'x' * 200}{number}" for number in range(30_000))
    assert names[-1] == f"{'x' * 200}~30000"
    assert time.process_time() - start < 10  # 0.1 s, or minutes
