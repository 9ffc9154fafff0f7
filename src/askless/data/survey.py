"""All images looked at once, kept in a journal so that an interruption costs nothing."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from joblib import cpu_count

from askless.data.check import Check, check, is_written
from askless.data.folder import THUMBNAIL_SIZES, CampaignFolder
from askless.data.pool import call_for_each
from askless.data.shard import version
from askless.errors import DataError

SECONDS_AT_RISK = 1.0
"""What a power cut may cost."""

CRASHED = "unreadable: the decoder crashed"


def survey(folder: CampaignFolder, paths: Sequence[str], on_progress: Callable[[int], None]) -> dict[str, Check]:
    """Looks at every image that was not looked at before, on all cores.

    Args:
        folder: whose `unfinished` keeps the journal.
        paths: as in `ItemRow`.
        on_progress: told how many are done.

    Returns:
        What was found, by path.

    Raises:
        DataError: the journal is damaged.
        OSError: the folder cannot be written.
    """
    folder.unfinished.mkdir(exist_ok=True)
    journal = folder.unfinished / "checked.jsonl"
    known = {found.path: found for found in mend_journal(journal)}
    checks = {path: known[path] for path in paths if path in known and _is_valid(folder, known[path])}
    on_progress(len(checks))
    todo = [path for path in paths if path not in checks]
    with journal.open("a", encoding="utf-8") as file:
        written = time.monotonic()
        for path, found in call_for_each(partial(check, folder), todo, cpu_count()):
            checks[path] = found or Check(path, version(folder.root, path), CRASHED)
            file.write(json.dumps(checks[path]) + "\n")
            if time.monotonic() > written + SECONDS_AT_RISK:
                file.flush()
                os.fsync(file.fileno())
                written = time.monotonic()
            on_progress(len(checks))
    return checks


def _is_valid(folder: CampaignFolder, found: Check) -> bool:
    is_same_file = found.version == version(folder.root, found.path)
    thumbnails = () if found.reason else (folder.thumbnail(found.digest, size) for size in THUMBNAIL_SIZES)
    return is_same_file and all(map(is_written, thumbnails))


def mend_journal(journal: Path) -> Iterator[Check]:
    """Cuts off what was being written when the power went, and yields what the whole lines say."""
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    os.truncate(journal, len(whole))
    try:
        for line in whole.splitlines():
            yield Check(*json.loads(line))
    except (ValueError, TypeError) as error:
        raise DataError(f"{journal} is damaged ({error}); delete {journal.parent} and repeat the command.") from error
