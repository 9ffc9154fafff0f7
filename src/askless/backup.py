"""A backup of a campaign: one tar file with its log and whatever cannot be made anew."""

import os
import re
import tarfile
import tempfile
import tomllib
from contextlib import suppress
from pathlib import Path

from askless.data.folder import CampaignFolder
from askless.errors import StoreError
from askless.store.backup import copy_log

STORE = re.compile(r"^[ \t]*store[ \t]*=.*\n?", re.MULTILINE)
"""In an askless.toml, the line that says where the log is, as `askless init` writes it."""


def back_up(place: CampaignFolder, file: Path) -> int:
    """Writes the log, the tables, the settings and the secret of the links, also while the campaign is served.

    Unpacked into the folder of the campaign, they are what they were; answers that were in PostgreSQL are in log.db
    then, and the settings name no other store. Thumbnails and features are left out: they do not change, and can be
    large.

    Args:
        file: a `.tar`; is whole or not there.

    Returns:
        How many bytes it has.

    Raises:
        StoreError: the file is there already, there is no campaign with a log in its folder, or its settings name their
            store otherwise than on a line of its own.
    """
    place.read_items()  # says so where there is no campaign
    if file.exists():
        raise StoreError(f"{file} is there already; choose another name.")
    if not file.parent.is_dir():
        raise StoreError(f"The folder {file.parent} for the backup does not exist; make it first.")
    small = (place.classes, place.items, place.skipped, place.notes, place.instructions, place.secret)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".askless-backup-") as folder:
        copy, archive = Path(folder) / place.log.name, Path(folder) / "archive.tar"
        settings = Path(folder) / place.settings.name
        copy_log(place.store, copy)
        settings.write_text(_without_store(place.settings), encoding="utf-8")
        with archive.open("xb") as stream:
            os.chmod(archive, 0o600)  # it holds the secret
            with tarfile.open(fileobj=stream, mode="w") as tar:
                for path in (copy, settings, *(path for path in small if path.exists())):
                    tar.add(path, path.name)
            stream.flush()
            os.fsync(stream.fileno())
        archive.rename(file)
    return file.stat().st_size


def _without_store(settings: Path) -> str:
    text = settings.read_text(encoding="utf-8-sig")
    wanted = tomllib.loads(text)
    if wanted.pop("store", None) is None:
        return text
    without = STORE.sub("", text, count=1)
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(without) == wanted:
            return without
    raise StoreError(
        f"A backup of {settings} would still name the store, and go on there when it is restored; write store = "
        '"postgresql://..." on one line of its own, without quotes around store.'
    )
