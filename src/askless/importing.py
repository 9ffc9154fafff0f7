"""Answers that were given elsewhere, looked up in a campaign and recorded there."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import parse_qs, unquote, urlsplit

from askless.campaign import Campaign
from askless.data.answers_in.given import GivenAnswer, Unusable
from askless.errors import DataError
from askless.types import Answer, Dataset

ROWS_PER_TRANSACTION = 10_000
MAX_PROBLEMS = 1000
"""That are kept in words; all are counted."""

MAX_NAME = 4096
"""Characters of a name of an item in which folders are looked for."""


@dataclass
class ImportReport:
    """What became of the answers of a file.

    Args:
        n_accepted: new in the log.
        n_repeated: in the log already.
        n_refused: contradict an earlier answer of the same annotator about the same item, which stands.
        n_unusable: no answer, or about an unknown item or class.
        new_annotators: who joined, in order.
        remarks: how often each remark of the reader was made about an accepted answer.
        problems: row and reason of the refused and unusable ones, the first `MAX_PROBLEMS`.
    """

    n_accepted: int = 0
    n_repeated: int = 0
    n_refused: int = 0
    n_unusable: int = 0
    new_annotators: list[str] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def add_problem(self, row: int, reason: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((row, reason))


def import_answers(
    campaign: Campaign,
    answers: Iterable[GivenAnswer | Unusable],
    classes: Mapping[str, int],
    on_chunk: Callable[[int], None] = lambda n_rows: None,
) -> ImportReport:
    """Records what a file says; doing it again changes nothing, since an annotator has one answer per item.

    Args:
        campaign: gets the answers, one transaction per `ROWS_PER_TRANSACTION`.
        answers: see `askless.data.answers_in.formats.read_answers`.
        classes: the label that each name of a class stands for.
        on_chunk: told the number of rows that are done.

    Raises:
        DataError: the file cannot be read to its end; the answers before that are kept.
    """
    report = ImportReport()
    lookup = _Lookup(campaign.dataset, classes)
    known = set(campaign.annotators)
    n_rows = 0
    try:
        for chunk in _chunks(answers):
            with campaign.transaction():
                for given in chunk:
                    _take(campaign, given, lookup, report, known)
            n_rows += len(chunk)
            on_chunk(n_rows)
    except DataError as error:
        if not n_rows:
            raise
        raise DataError(
            f"{error} The first {n_rows} answers are kept; correct the file and import it again."
        ) from error
    return report


def _chunks(answers: Iterable[GivenAnswer | Unusable]) -> Iterator[list[GivenAnswer | Unusable]]:
    iterator = iter(answers)
    while chunk := list(islice(iterator, ROWS_PER_TRANSACTION)):
        yield chunk


def _take(
    campaign: Campaign, given: GivenAnswer | Unusable, lookup: "_Lookup", report: ImportReport, known: set[str]
) -> None:
    try:
        if isinstance(given, Unusable):
            raise _UnknownError(given.reason)
        if not given.annotator.isprintable() or not given.annotator:
            raise _UnknownError(f"{given.annotator!r} is no name of an annotator")
        answer = Answer(lookup.item(given.items), lookup.label(given.labels), given.response_ms)
    except _UnknownError as problem:
        report.n_unusable += 1
        report.add_problem(given.row, str(problem))
        return
    receipt = campaign.record(given.annotator, [answer])
    if given.annotator not in known:
        known.add(given.annotator)
        report.new_annotators.append(given.annotator)
    report.n_accepted += receipt.n_accepted
    report.n_repeated += receipt.n_repeated
    if given.remark and receipt.n_accepted:
        report.remarks[given.remark] += 1
    if receipt.refused:
        report.n_refused += 1
        item = campaign.dataset.items[answer.item]
        report.add_problem(given.row, f"{given.annotator!r} said something else about {item!r} before, which stands")


class _UnknownError(Exception):
    """What is wrong with a row, in a few words."""


class _Lookup:
    """Items and classes by the names that other tools have for them."""

    def __init__(self, dataset: Dataset, classes: Mapping[str, int]) -> None:
        self._index = {image: i for i, image in enumerate(dataset.images or ())}
        self._index |= {item: i for i, item in enumerate(dataset.items)}
        self._items = dataset.items
        self._classes = classes
        self._found_as: dict[int, str] = {}

    def item(self, names: tuple[str, ...]) -> int:
        found = {i for name in names if (i := self._one_item(name)) is not None}
        if len(found) != 1:
            came = ", ".join(repr(name[:200]) for name in names) or "nothing"
            raise _UnknownError(f"there is no item {came}" if not found else f"{came} are several items")
        return found.pop()

    def label(self, names: tuple[str, ...] | None) -> int | None:
        if names is None:
            return None
        found = {self._classes[name] for name in names if name in self._classes}
        if len(found) != 1:
            came = ", ".join(repr(name[:200]) for name in names)
            raise _UnknownError(f"there is no class {came}" if not found else f"{came} are several classes")
        return found.pop()

    def _one_item(self, name: str) -> int | None:
        """By its id or path; or by the end of an address, unless another address has led to the same item."""
        if name in self._index:
            return self._index[name]
        found = next((self._index[end] for end in _ends(name) if end in self._index), None)
        if found is not None and self._found_as.setdefault(found, name) != name:
            raise _UnknownError(
                f"{name[:200]!r} and {self._found_as[found][:200]!r} would both be item {self._items[found]!r}"
            )
        return found


def _ends(name: str) -> Iterator[str]:
    """What is left of an address without its bucket, host or first folders, longest first."""
    if len(name) > MAX_NAME:
        return
    try:
        parts = urlsplit(name)
        addresses = [*parse_qs(parts.query).get("d", []), unquote(parts.path), name]  # d: Label Studio's local files
    except ValueError:
        addresses = [name]
    for address in addresses:
        folders = address.split("/")
        yield from ("/".join(folders[start:]) for start in range(len(folders)))
