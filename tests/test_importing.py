"""Answers of other tools, looked up and recorded: what cannot be is reported by row, and twice is once."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askless import importing
from askless.campaign import Campaign
from askless.data.answers_in.given import GivenAnswer, Unusable
from askless.errors import DataError
from askless.importing import ImportReport, import_answers
from askless.settings import CampaignConfig
from askless.store.entries import Kind
from askless.types import Answer, Dataset, Features
from small_campaign import read

ITEMS = ("a/x.jpg", "b/x.jpg", "y.jpg", "cat")
CLASSES = {"cat": 0, "dog": 1, "hound": 1}


def make_campaign() -> Campaign:
    images = tuple(f"photos/{item}" for item in ITEMS)
    dataset = Dataset(ITEMS, ("cat", "dog"), images)
    return Campaign.create(None, dataset, Features(np.zeros((4, 1), np.float32)), CampaignConfig())


@pytest.fixture
def campaign() -> Iterator[Campaign]:
    made = make_campaign()
    yield made
    made.close()


def answer(row: int, item: str, label: str | None = "cat", annotator: str = "ann") -> GivenAnswer:
    return GivenAnswer(row, annotator, (item,), None if label is None else (label,), 5)


def test_what_is_known_is_recorded_and_the_rest_reported_by_row(campaign: Campaign) -> None:
    answers = [
        answer(1, "a/x.jpg"),
        answer(2, "a/x.jpg", "hound", "bob"),
        answer(3, "y.jpg", None),
        answer(4, "z.jpg"),
        answer(5, "y.jpg", "emu"),
        answer(6, "y.jpg", annotator=""),
        answer(7, "y.jpg", annotator="\ud800"),
        answer(8, "a/x.jpg"),
        answer(9, "a/x.jpg", "dog"),
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
    import_answers(campaign, [answer(1, name)], CLASSES)
    assert [campaign.dataset.items[answer.item] for _, answer in campaign.answers()] == ([item] if item else [])


def test_two_addresses_are_not_both_one_item(campaign: Campaign) -> None:
    answers = [
        answer(1, "s3://cats/y.jpg"),
        answer(2, "s3://dogs/y.jpg", "dog", "bob"),
        answer(3, "y.jpg", "cat", "eve"),
    ]
    report = import_answers(campaign, answers, CLASSES)
    assert report.problems == [(2, "'s3://dogs/y.jpg' and 's3://cats/y.jpg' would both be item 'y.jpg'")]
    assert report.n_accepted == 2


def test_a_file_that_breaks_off_says_what_is_kept(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_PER_TRANSACTION", 2)

    def broken(n: int) -> Iterator[GivenAnswer]:
        yield from [answer(1, "a/x.jpg"), answer(2, "b/x.jpg"), answer(3, "y.jpg")][:n]
        raise DataError("It broke.")

    with pytest.raises(DataError, match=r"^It broke\.$"):
        import_answers(campaign, broken(1), CLASSES)
    assert read(campaign) == []
    done: list[int] = []
    with pytest.raises(
        DataError, match=r"It broke\. The first 2 answers are kept; correct the file and import it again"
    ):
        import_answers(campaign, broken(3), CLASSES, done.append)
    assert done == [2]
    assert [entry.kind for entry in read(campaign)] == [Kind.JOINED, Kind.ANSWERED, Kind.ANSWERED]


ROWS = st.lists(
    st.tuples(st.sampled_from(ITEMS), st.sampled_from(["cat", "dog", None]), st.sampled_from("abc")), max_size=12
)


@settings(max_examples=30)
@given(rows=ROWS, n_before=st.integers(0, 12))
def test_cut_off_and_repeated_it_is_as_if_nothing_had_happened(
    rows: list[tuple[str, str | None, str]], n_before: int
) -> None:
    """And of each annotator the first answer about an item stands."""
    answers = [answer(row, *one) for row, one in enumerate(rows, start=1)]

    def killed() -> Iterator[GivenAnswer]:
        yield from answers[:n_before]
        raise KeyboardInterrupt

    campaign = make_campaign()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "ROWS_PER_TRANSACTION", 3)
        with pytest.raises(KeyboardInterrupt):
            import_answers(campaign, killed(), CLASSES)
        assert len(list(campaign.answers())) <= n_before
        report = import_answers(campaign, answers, CLASSES)
    first: dict[tuple[str, int], int | None] = {}
    for item, label, annotator in rows:
        first.setdefault((annotator, ITEMS.index(item)), None if label is None else CLASSES[label])
    found = {(name, answer.item): answer.label for name, answer in campaign.answers()}
    assert list(found.items()) == list(first.items())
    assert report.n_accepted + report.n_repeated + report.n_refused == len(rows)
    campaign.close()


def test_only_the_first_problems_are_kept_in_words(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_PROBLEMS", 3)
    report = import_answers(campaign, (answer(row, "?") for row in range(1, 10)), CLASSES)
    assert (len(report.problems), report.n_unusable) == (3, 9)
