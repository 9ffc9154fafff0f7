"""What a log takes of the answers of one annotator: new, known already, or refused; what is undone; read again."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from askless.errors import AnswerError
from askless.results import Receipt
from askless.store.entries import Kind
from askless.store.journal import Append, Journal
from askless.store.ledger import Ledger
from askless.store.log import read_entries
from askless.types import Answer, SkipReason


def check_answers(answers: Sequence[Answer], annotator: int, ledger: Ledger) -> None:
    """Raises AnswerError for an item or label that does not exist, or an id that was used for another answer."""
    N, K = ledger.n_items, ledger.n_classes
    used: dict[bytes, tuple[int, int]] = {}
    for answer in answers:
        if not 0 <= answer.item < N:
            raise AnswerError(f"There is no item {answer.item}; allowed is 0 to {N - 1}.")
        if answer.label is not None and not 0 <= answer.label < K:
            raise AnswerError(f"The label {answer.label!r} is no class; allowed is 0 to {K - 1}, or None for a skip.")
        if answer.id is not None:
            given = ledger.given(answer.id)
            by, item = (given.annotator, given.item) if given else used.setdefault(answer.id, (annotator, answer.item))
            if (by, item) != (annotator, answer.item):
                raise AnswerError(
                    f"The answer id {answer.id!r} was used for item {item} before; make a new id for every answer."
                )


def keep_answers(
    answers: Sequence[Answer], annotator: int, batch: int | None, ledger: Ledger, append: Append
) -> Receipt:
    """Appends what is new in checked answers; `batch` is none for answers that were given elsewhere.

    An answer that was undone is known already, however often it comes again.
    """
    said = ledger.said[annotator]
    n_accepted = n_repeated = 0
    refused: list[int] = []
    for answer in answers:
        if answer.id in ledger.undone:
            n_repeated += 1
            continue
        if answer.item not in said:
            kind = Kind.ANSWERED if answer.label is not None else Kind.SKIPPED
            n_accepted += 1
        elif said[answer.item] == answer.said:
            n_repeated += 1
            continue
        else:
            kind = Kind.REFUSED
            refused.append(answer.item)
            if (annotator, answer.item, answer.said) in ledger.refused:
                continue
        append(
            kind,
            batch=batch,
            annotator=annotator,
            item=answer.item,
            label=answer.label,
            response_ms=answer.response_ms,
            answer_id=answer.id,
            payload=None if answer.reason in (None, SkipReason.SKIP) else {"reason": answer.reason},
        )
    return Receipt(n_accepted, n_repeated, tuple(refused))


def undo_answer(answer_id: bytes, annotator: str, ledger: Ledger, append: Append) -> bool:
    """Takes an answer back; False if it was taken back before.

    Raises:
        AnswerError: this annotator has no such answer.
    """
    given = ledger.given(answer_id)
    if given is None or given.annotator != ledger.index.get(annotator):
        raise AnswerError(f"{annotator!r} has no answer {answer_id!r} to undo; give the id of an answer that was kept.")
    if answer_id in ledger.undone:
        return False
    append(Kind.UNDONE, batch=given.batch, annotator=given.annotator, item=given.item, answer_id=answer_id)
    return True


def read_answers(journal: Journal) -> Iterator[tuple[str, Answer]]:
    """Annotator and answer in the order of the log, for every answer that counts or would if it had a label."""
    with journal.reading() as ledger:
        names, undone, banned, upto = tuple(ledger.names), set(ledger.undone), set(ledger.banned), ledger.position
    with journal.log.reading() as connection:
        for entry in takewhile(lambda entry: entry.position <= upto, read_entries(connection)):
            if entry.kind in (Kind.ANSWERED, Kind.SKIPPED):
                assert entry.annotator is not None
                assert entry.item is not None
                if entry.annotator not in banned and entry.answer_id not in undone:
                    reason = (entry.payload or {}).get("reason")
                    answer = Answer(entry.item, entry.label, entry.response_ms, entry.answer_id, reason)
                    yield names[entry.annotator], answer
