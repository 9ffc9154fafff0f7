"""Answers of other tools, looked up and recorded: what cannot be is reported by row, and twice is once."""

from collections.abc import Iterator

import numpy as np
import pytest

from askless import importing
from askless.campaign import Campaign
from askless.config import CampaignConfig
from askless.data.answers_in.given import GivenAnswer, Unusable
from askless.errors import DataError
from askless.importing import ImportReport, import_answers
from askless.store.entries import Kind
from askless.types import Answer, Dataset, Features
from small_campaign import read

ITEMS = ("a/x.jpg", "b/x.jpg", "y.jpg", "cat")
CLASSES = {"cat": 0, "dog": 1, "hound": 1}


@pytest.fixture
def campaign() -> Iterator[Campaign]:
    images = tuple(f"photos/{item}" for item in ITEMS)
    dataset = Dataset(ITEMS, ("cat", "dog"), images)
    made = Campaign.create(None, dataset, Features(np.zeros((4, 1), np.float32)), CampaignConfig())
    yield made
    made.close()


def given(row: int, item: str, label: str | None = "cat", annotator: str = "ann") -> GivenAnswer:
    return GivenAnswer(row, annotator, (item,), None if label is None else (label,), 5)


def test_what_is_known_is_recorded_and_the_rest_reported_by_row(campaign: Campaign) -> None:
    answers = [
        given(1, "a/x.jpg"),
        given(2, "a/x.jpg", "hound", "bob"),
        given(3, "y.jpg", None),
        given(4, "z.jpg"),
        given(5, "y.jpg", "emu"),
        given(6, "y.jpg", annotator=""),
        given(7, "y.jpg", annotator="\ud800"),
        given(8, "a/x.jpg"),
        given(9, "a/x.jpg", "dog"),
        Unusable(10, "it has no label"),
        GivenAnswer(11, "eve", ("Cats", "photos/y.jpg", "y.jpg"), ("please hurry", "dog"), None, "rejected"),
        GivenAnswer(12, "eve", ("y.jpg", "a/x.jpg"), ("dog",)),
        GivenAnswer(13, "eve", ("b/x.jpg",), ("dog", "cat")),
        GivenAnswer(14, "eve", (), ("dog",)),
    ]
    assert import_answers(campaign, answers, CLASSES) == ImportReport(
        n_accepted=4,
        n_repeated=1,
        n_refused=1,
        n_unusable=8,
        new_annotators=["ann", "bob", "eve"],
        remarks={"rejected": 1},  # type: ignore[arg-type]
        problems=[
            (4, "there is no item 'z.jpg'"),
            (5, "there is no class 'emu'"),
            (6, "'' is no name of an annotator"),
            (7, "'\\ud800' is no name of an annotator"),
            (9, "'ann' said something else about 'a/x.jpg' before, which stands"),
            (10, "it has no label"),
            (12, "'y.jpg', 'a/x.jpg' are several items"),
            (13, "'dog', 'cat' are several classes"),
            (14, "there is no item nothing"),
        ],
    )
    assert list(campaign.answers()) == [
        ("ann", Answer(0, 0, 5)),
        ("bob", Answer(0, 1, 5)),
        ("ann", Answer(2, None, 5)),
        ("eve", Answer(2, 1)),
    ]
    before = read(campaign)
    again = import_answers(campaign, answers, CLASSES)
    assert (again.n_accepted, again.n_repeated, again.n_refused, again.n_unusable) == (0, 5, 1, 8)
    assert again.new_annotators == []
    assert read(campaign) == before


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("a/x.jpg", "a/x.jpg"),
        ("photos/b/x.jpg", "b/x.jpg"),
        ("s3://bucket/deep/b/x.jpg", "b/x.jpg"),
        ("https://host:8080/photos/a/x.jpg?size=3#top", "a/x.jpg"),
        ("https://host/a%2Fx.jpg", "a/x.jpg"),
        ("/data/local-files/?d=deep/y.jpg", "y.jpg"),
        ("x.jpg", None),
        ("y.jpg/", None),
        ("http://[/y.jpg", "y.jpg"),
        ("/" * 5000 + "y.jpg", None),
        ("", None),
    ],
)
def test_items_are_found_behind_addresses(campaign: Campaign, name: str, item: str | None) -> None:
    import_answers(campaign, [given(1, name)], CLASSES)
    assert [campaign.dataset.items[answer.item] for _, answer in campaign.answers()] == ([item] if item else [])


def test_two_addresses_are_not_both_one_item(campaign: Campaign) -> None:
    answers = [given(1, "s3://cats/y.jpg"), given(2, "s3://dogs/y.jpg", "dog", "bob"), given(3, "y.jpg", "cat", "eve")]
    report = import_answers(campaign, answers, CLASSES)
    assert report.problems == [(2, "'s3://dogs/y.jpg' and 's3://cats/y.jpg' would both be item 'y.jpg'")]
    assert report.n_accepted == 2


def test_a_file_that_breaks_off_says_what_is_kept(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_PER_TRANSACTION", 2)

    def broken(n: int) -> Iterator[GivenAnswer]:
        yield from [given(1, "a/x.jpg"), given(2, "b/x.jpg"), given(3, "y.jpg")][:n]
        raise DataError("It broke.")

    with pytest.raises(DataError, match=r"^It broke\.$"):
        import_answers(campaign, broken(1), CLASSES)
    assert read(campaign) == []
    done: list[int] = []
    with pytest.raises(DataError, match=r"It broke\. The first 2 answers are kept; mend the file and import it again"):
        import_answers(campaign, broken(3), CLASSES, done.append)
    assert done == [2]
    assert [entry.kind for entry in read(campaign)] == [Kind.JOINED, Kind.ANSWERED, Kind.ANSWERED]


def test_only_the_first_problems_are_kept_in_words(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_PROBLEMS", 3)
    report = import_answers(campaign, (given(row, "?") for row in range(1, 10)), CLASSES)
    assert (len(report.problems), report.n_unusable) == (3, 9)
