"""Candidates become items: each content once, old items first and in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from askless.data.check import Check
from askless.data.classes import Labels
from askless.data.formats.listing import Candidate, to_utf8
from askless.data.item_table import ItemRow, Use


@dataclass
class Merged:
    """What became of the candidates.

    Args:
        rows: items.csv, old items first.
        skipped: paths of what is no item, and why.
        notes: paths of what is one but remarkable, and how.
        n_unused_labels: labels that are a class, but nobody said what to use them for.
    """

    rows: list[ItemRow]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    n_unused_labels: int = 0


def merge(
    items: Sequence[ItemRow],
    candidates: Sequence[Candidate],
    checks: Mapping[str, Check],
    labels: Labels,
    labels_are: Use,
) -> Merged:
    """Adds every candidate that can be decoded and whose content is new.

    The label of a candidate that is there already goes to the item that it is, if nothing was known of it.

    Args:
        items: those there are.
        candidates: in the order in which they are added.
        checks: what was found, by path, of each that is no item by id and path already.
        labels: the classes.
        labels_are: what a label is used for if its place does not say; empty passes it over.
    """
    merged = Merged(list(items))
    by_item = {row.item: i for i, row in enumerate(items)}
    by_digest = {row.digest: i for i, row in enumerate(items)}
    for candidate in candidates:
        label, use = _label(candidate, labels, labels_are, merged)
        old = by_item.get(candidate.item)
        if old is not None and items[old].path == candidate.path:
            _learn(merged, old, candidate, label, use)
            continue
        found = checks[candidate.path]
        same = by_digest.get(found.digest)
        if found.reason:
            merged.skipped.append((candidate.path, to_utf8(found.reason)))
        elif same is not None:
            merged.skipped.append((candidate.path, f"duplicate of {merged.rows[same].item}"))
            _learn(merged, same, candidate, label, use)
        elif old is not None:
            merged.skipped.append((candidate.path, f"another item has the same id: {candidate.item}"))
        else:
            by_digest[found.digest] = len(merged.rows)
            merged.rows.append(
                ItemRow(
                    candidate.item, candidate.path, found.width, found.height, found.bytes, found.digest, label, use
                )
            )
            if found.remark:
                merged.notes.append((candidate.path, found.remark))
    return merged


def _label(candidate: Candidate, labels: Labels, labels_are: Use, merged: Merged) -> tuple[str, Use]:
    """The known label as the name of a class, and its use; both empty if it cannot be used."""
    if not candidate.label:
        return "", ""
    use = candidate.use or labels_are
    label = labels.find(candidate.label)
    if not use:
        merged.n_unused_labels += label is not None
        return "", ""
    if label is None:
        merged.notes.append((candidate.path, f"its label {candidate.label!r} is no class"))
        return "", ""
    return label, use


def _learn(merged: Merged, i: int, candidate: Candidate, label: str, use: Use) -> None:
    row = merged.rows[i]
    if label and not row.label:
        merged.rows[i] = row._replace(label=label, use=use)
    elif label and label != row.label:
        merged.notes.append(
            (candidate.path, f"its label {label!r} is passed over: {row.item} is known as {row.label!r}")
        )
