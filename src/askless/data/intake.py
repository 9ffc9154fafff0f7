"""Images into a campaign folder: `askless init` and `askless add`."""

import csv
import shutil
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from askless.config import compose, settings_table
from askless.data.classes import OTHER, ClassInfo, Labels, check_names, to_json
from askless.data.durable import replace_text
from askless.data.folder import CampaignFolder
from askless.data.formats.anywhere import list_images
from askless.data.formats.listing import Listing
from askless.data.image import decode
from askless.data.item_table import ItemRow, Use, path_from, to_csv
from askless.data.lock import hold
from askless.data.merge import Merged, merge
from askless.data.survey import survey
from askless.errors import ConfigError, DataError
from askless.settings import CampaignConfig

DEFAULTS = ("learner_method=askless", "seed=0")
"""Settings of a new campaign; those that are given win."""

Progress = Callable[[int, int], None]
"""Told how many images are done, of how many."""


@dataclass(frozen=True)
class Intake:
    """What a campaign folder holds after images came in.

    Args:
        n_items, n_classes, n_prototypes, n_gold: all there are.
        n_new: items that were not there before.
        skipped: how many files are no items, by reason.
        n_notes: files that are used but remarkable.
        n_unused_labels: labels that are a class, but nobody said what to use them for.
    """

    n_items: int
    n_new: int
    n_classes: int
    n_prototypes: int
    n_gold: int
    skipped: dict[str, int]
    n_notes: int
    n_unused_labels: int


def init(
    folder: CampaignFolder,
    source: Path,
    classes: Sequence[ClassInfo] | None,
    *,
    labels_are: Use = "",
    has_other: bool = True,
    settings: Sequence[str] = (),
    store: str = "",
    on_progress: Progress = lambda n_done, n_total: None,
) -> Intake:
    """Makes a campaign; goes on with one that was interrupted; changes nothing of one that is there.

    Args:
        folder: is made.
        source: see `list_images`.
        classes: none takes the labels that the source knows.
        labels_are: what these labels are used for; empty passes them over, but for those whose use a manifest names.
        has_other: whether there is a class for what is none of the others.
        settings: of the campaign, `a.b=c`.
        store: address of the database of its log; empty keeps the log in the folder.
        on_progress: called now and then.

    Raises:
        ConfigError: wrong settings, or a folder that was made with other ones.
        DataError: no images, no classes, a foreign folder; nothing is written.
    """
    text = _settings_text(folder, source, labels_are, settings, store)
    if _is_begun(folder, text) and folder.items.exists():
        return _compare(folder, classes, has_other)
    listing = list_images(source, folder.root)
    if not listing.candidates:
        raise DataError(f"There are no images in {source}; name another place.")
    complete = _complete(folder, _classes_of(listing, source, labels_are) if classes is None else classes, has_other)
    folder.root.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if _is_begun(folder, text) and folder.items.exists():  # another process made it while this one was listing
            return _compare(folder, classes, has_other)
        if folder.classes.exists():
            _check_same_classes(folder, complete)
        replace_text(folder.settings, text)
        replace_text(folder.classes, to_json(complete))
        merged = _take_in(folder, listing, [], Labels(complete), labels_are, on_progress)
        if not merged.rows:
            raise DataError(f"None of the files in {source} can be used; {folder.skipped} says why.")
        return _summary(folder, len(merged.rows), merged.n_unused_labels)


def add(
    folder: CampaignFolder,
    source: Path | None,
    classes: Sequence[ClassInfo] = (),
    *,
    labels_are: Use = "",
    on_progress: Progress = lambda n_done, n_total: None,
) -> Intake:
    """Brings new images, classes and known labels; the old ones keep their ids, their order and what is known.

    Args:
        folder: of a campaign.
        source: see `list_images`; none brings classes only. An image that is there already is passed over, but a label
            is taken over if none was known.
        classes: those whose name is new are added.
        labels_are: see `init`.
        on_progress: called now and then.

    Raises:
        DataError: no campaign, no images, a class that cannot be one; nothing is written.
    """
    with _alone(folder):
        items = folder.read_items().rows()
        old = folder.read_classes()
        names = {one.name for one in old}
        complete = check_names([*old, *_with_examples(folder, [one for one in classes if one.name not in names])])
        listing = Listing(folder.root) if source is None else list_images(source, folder.root)
        replace_text(folder.classes, to_json(complete))
        merged = _take_in(folder, listing, items, Labels(complete), labels_are, on_progress)
        return _summary(folder, len(merged.rows) - len(items), merged.n_unused_labels)


def _take_in(
    folder: CampaignFolder,
    listing: Listing,
    items: list[ItemRow],
    labels: Labels,
    labels_are: Use,
    on_progress: Progress,
) -> Merged:
    """Looks at what is new and writes the tables; items.csv comes last and says that all is done."""
    known = {(row.item, row.path) for row in items}
    new = list(dict.fromkeys(one.path for one in listing.candidates if (one.item, one.path) not in known))
    checks = survey(folder, new, lambda n_done: on_progress(n_done, len(new)))
    merged = merge(items, listing.candidates, checks, labels, labels_are)
    skipped = [*listing.skipped, *merged.skipped]
    judged_anew = {path for path, _ in skipped} | {row.path for row in merged.rows}
    _extend(folder.skipped, skipped, "reason", judged_anew)
    _extend(folder.notes, merged.notes, "remark", set())
    if merged.rows:
        replace_text(folder.items, to_csv([ItemRow._fields, *merged.rows]))
        shutil.rmtree(folder.unfinished)
    return merged


def _extend(file: Path, lines: list[tuple[str, str]], what: str, judged_anew: set[str]) -> None:
    """Adds lines to a table of paths, each once; old lines stay, but those of paths that were judged anew."""
    old = dict.fromkeys(line for line in _read_pairs(file) if line[0] not in judged_anew)
    replace_text(file, to_csv([("path", what), *(old | dict.fromkeys(lines))]))


def _read_pairs(file: Path) -> Iterator[tuple[str, str]]:
    if not file.exists():
        return
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.reader(stream)
            next(reader, None)
            yield from ((path, text) for path, text in reader)
    except (ValueError, csv.Error) as error:
        raise DataError(f"{file} is damaged ({error}); delete it and repeat the command.") from error


def _settings_text(folder: CampaignFolder, source: Path, labels_are: Use, settings: Sequence[str], store: str) -> str:
    settings = [*DEFAULTS, *settings]
    compose(settings)
    table = settings_table(settings)
    allowed = ["learner_method", "seed", *CampaignConfig.model_fields]
    for key in table:
        if key not in allowed:
            raise ConfigError(f"{key} is a setting of simulations only; a campaign has {', '.join(allowed)}.")
    images = {"source": path_from(folder.root, str(source.absolute()))}
    if labels_are:
        images["labels_are"] = labels_are
    place = {"store": store} if store else {}
    return tomli_w.dumps({"format": 1, **place, "images": images, "campaign": table})


def _is_begun(folder: CampaignFolder, text: str) -> bool:
    if not folder.settings.exists():
        for file in (folder.items, folder.classes, folder.skipped, folder.notes, folder.unfinished, folder.log):
            if file.exists():
                raise DataError(f"{file} is in the way and no part of a campaign; choose another folder.")
        return False
    if not _holds(folder.settings, tomllib.loads(text)):
        raise ConfigError(
            f"The campaign {folder.root} was made with other images or settings, see {folder.settings}; repeat the "
            "command that made it, bring more by `askless add`, or choose another folder."
        )
    return True


def _holds(settings: Path, tables: dict[str, Any]) -> bool:
    """Whether a file says the same of these tables; others, such as [page], are not for `init` to judge."""
    try:
        return tables == {
            name: table for name, table in tomllib.loads(settings.read_text("utf-8")).items() if name in tables
        }
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False


def _compare(folder: CampaignFolder, classes: Sequence[ClassInfo] | None, has_other: bool) -> Intake:
    """Of a finished campaign: what is there, if it has these classes."""
    if classes is not None:
        _check_same_classes(folder, _complete(folder, classes, has_other))
    return _summary(folder, 0, 0)


def _check_same_classes(folder: CampaignFolder, classes: Sequence[ClassInfo]) -> None:
    """Classes that were added since come after those of `init`."""
    if list(folder.read_classes()[: len(classes)]) != list(classes):
        raise ConfigError(
            f"The campaign {folder.root} was made with other classes, see {folder.classes}; bring more by "
            "`askless add`, or choose another folder."
        )


def _classes_of(listing: Listing, source: Path, labels_are: Use) -> list[ClassInfo]:
    labels = {one.label for one in listing.candidates if one.label and (labels_are or one.use)}
    if not labels:
        raise DataError(
            f"{source} does not say what the classes are; name them by --classes, or, if folders or a table name them, "
            "say what these labels are for by --labels-are."
        )
    are_numbers = all(label.isdecimal() for label in labels)
    return [ClassInfo(label) for label in sorted(labels, key=int if are_numbers else str)]


def _complete(folder: CampaignFolder, classes: Sequence[ClassInfo], has_other: bool) -> tuple[ClassInfo, ...]:
    complete = _with_examples(folder, classes)
    if has_other and OTHER not in {one.name for one in classes}:
        complete.append(ClassInfo(OTHER, "None of the classes above."))
    if len(complete) < 2:
        raise DataError("Labelling needs at least two classes; name the others too.")
    return check_names(complete)


def _with_examples(folder: CampaignFolder, classes: Sequence[ClassInfo]) -> list[ClassInfo]:
    """With paths as seen from the folder, each an image that can be shown."""
    for one in classes:
        for example in one.examples:
            decode(Path(example), at_least=1)
    return [
        replace(one, examples=tuple(path_from(folder.root, example) for example in one.examples)) for one in classes
    ]


def _summary(folder: CampaignFolder, n_new: int, n_unused_labels: int) -> Intake:
    items = folder.read_items()
    reasons = Counter(_kind(reason) for _, reason in _read_pairs(folder.skipped))
    return Intake(
        len(items),
        n_new,
        len(folder.read_classes()),
        items.use.count("prototype"),
        items.use.count("gold"),
        dict(reasons.most_common()),
        len(list(_read_pairs(folder.notes))),
        n_unused_labels,
    )


def _kind(reason: str) -> str:
    return "duplicate" if reason.startswith("duplicate of ") else reason.partition(":")[0]


def _alone(folder: CampaignFolder) -> AbstractContextManager[None]:
    """Two processes in one folder would mix their images."""
    if not folder.root.is_dir():
        raise DataError(f"There is no campaign at {folder.root}; make one by `askless init`.")
    return hold(folder.root / ".lock", DataError(f"Another process is at work in {folder.root}; wait for it."))
