"""What the log tells of people: folded at once or in pieces, and with what was taken back left out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.errors import ConfigError
from askless.server.settings import change_price, read_page_settings
from askless.server.tally import Tally
from askless.store.entries import Entry, Kind
from askless.types import SkipReason

GOLD = {0: 1, 1: 2}
Told = tuple[int, int, int | None]


def entry(position: int, kind: Kind, **fields: object) -> Entry:
    return Entry(position, kind, 60.0 * position, **fields)  # type: ignore[arg-type]


def entries(told: list[Told], undone: set[int] = frozenset()) -> list[Entry]:  # type: ignore[assignment]
    """Two people; each (annotator, item, label) once, and taken back at the end if its number is in `undone`."""
    made = [entry(j + 1, Kind.JOINED, annotator=j, payload={"name": f"p{j}"}) for j in range(2)]
    for j, i, label in told:
        kind = Kind.SKIPPED if label is None else Kind.ANSWERED
        payload = {"reason": "broken"} if label is None else None
        made.append(entry(len(made) + 1, kind, annotator=j, item=i, label=label, response_ms=100 + i, payload=payload))
    for number in sorted(undone):
        j, i, _ = told[number]
        made.append(entry(len(made) + 1, Kind.UNDONE, annotator=j, item=i))
    return made


def fold(log: list[Entry]) -> Tally:
    tally = Tally(GOLD)
    for one in log:
        tally.apply(one)
    return tally


answers = st.dictionaries(
    st.tuples(st.integers(0, 1), st.integers(0, 5)), st.one_of(st.none(), st.integers(0, 2)), max_size=12
).map(lambda said: [(j, i, label) for (j, i), label in said.items()])


@given(answers, st.data())
def test_what_was_taken_back_leaves_no_trace_in_counts(told: list[Told], data: st.DataObject) -> None:
    undone = data.draw(st.sets(st.sampled_from(range(len(told))))) if told else set()
    tally = fold(entries(told, undone))
    kept = [one for number, one in enumerate(told) if number not in undone]
    plain = fold(entries(kept))
    assert tally.n_answers == plain.n_answers == sum(label is not None for _, _, label in kept)
    assert +tally.per_label == +plain.per_label
    assert {i: who for i, who in tally.broken.items() if who} == plain.broken
    for person, other in zip(tally.people, plain.people, strict=True):
        assert person.said == other.said
        assert (person.n_labels, person.n_skips) == (other.n_labels, other.n_skips)
        assert (person.n_gold, person.n_right) == (other.n_gold, other.n_right)


def test_gold_is_counted_for_whom_it_was_asked() -> None:
    first, second = fold(entries([(0, 0, 1), (0, 1, 0), (0, 2, 1), (1, 1, None)])).people
    assert (first.n_gold, first.n_right) == (2, 1)
    assert (second.n_gold, second.n_right, second.n_skips) == (0, 0, 1)
    assert second.said == {1: SkipReason.BROKEN}


def test_the_longest_run_is_of_labels_in_a_row() -> None:
    person, _ = fold(entries([(0, i, label) for i, label in enumerate([2, 2, 2, None, 2, 0, 0])])).people
    assert (person.longest_run, person.longest_label) == (4, 2)
    assert (person.run, person.run_label) == (2, 0)


def test_the_pace_is_of_the_last_answers() -> None:
    person, other = fold(entries([(0, i, 0) for i in range(600)])).people
    assert person.median_ms == np.median(range(200, 700))
    assert other.median_ms is None


def test_answers_are_counted_by_the_minute() -> None:
    tally = fold(entries([(0, i, 0) for i in range(10)]))
    assert tally.n_since(0) == 10
    assert tally.n_since(60.0 * 9) == 3, "entries 10, 11 and 12"
    assert tally.people[0].last == 60.0 * 12


def test_bans_are_remembered() -> None:
    log = entries([(0, 0, 1)])
    tally = fold([*log, entry(len(log) + 1, Kind.BANNED, annotator=0)])
    assert [person.is_banned for person in tally.people] == [True, False]
    tally.apply(entry(len(log) + 2, Kind.UNBANNED, annotator=0))
    assert not tally.people[0].is_banned


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("seed = 1", "seed = 1\n\n[page]\nprice_per_answer = 0.25"),
        ("[page]\ntitle = 'x'\n[other]\ny = 1", "[page]\nprice_per_answer = 0.25\ntitle = 'x'\n[other]\ny = 1"),
        ("[page] # mine\nprice_per_answer=3\n# kept", "[page] # mine\nprice_per_answer = 0.25\n# kept"),
    ],
)
def test_a_price_is_written_and_all_else_kept(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "askless.toml"
    file.write_text(before)
    assert change_price(file, 0.25) == read_page_settings(file)
    assert read_page_settings(file).price_per_answer == 0.25
    assert file.read_text() == after + "\n"


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "askless.toml"
    file.write_text("[page]\nprize = 1\n")
    with pytest.raises(ConfigError, match="prize"):
        change_price(file, 1)
    assert file.read_text() == "[page]\nprize = 1\n"
