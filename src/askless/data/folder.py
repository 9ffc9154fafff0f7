"""A campaign on disk: one folder, and what each of its files is called."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from askless.config import compose, read_toml
from askless.data.classes import ClassInfo, read_classes
from askless.data.item_table import ItemTable, read_items
from askless.errors import ConfigError, DataError
from askless.settings import SimulationConfig
from askless.types import Dataset, Prototypes

THUMBNAIL_SIZES = (256, 1024)
"""Pixels of the longest side: for a grid of images, and for one that is looked at."""


@dataclass(frozen=True)
class CampaignFolder:
    """Where everything about a campaign lies. Made by `askless init`."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())

    @property
    def settings(self) -> Path:
        """Where the images came from and how the campaign is run; made once."""
        return self.root / "askless.toml"

    @property
    def classes(self) -> Path:
        """A list of `ClassInfo`; the index of an entry is its label."""
        return self.root / "classes.json"

    @property
    def items(self) -> Path:
        """A line of `ItemRow` per item; it is there when `askless init` is done."""
        return self.root / "items.csv"

    @property
    def skipped(self) -> Path:
        """The path of every file that is no item, and why."""
        return self.root / "skipped.csv"

    @property
    def notes(self) -> Path:
        """The path of every file that is used but remarkable, and how."""
        return self.root / "notes.csv"

    @property
    def features(self) -> Path:
        """(N, D): what the machine sees of each item."""
        return self.root / "features.npy"

    @property
    def features_info(self) -> Path:
        """How the features were made."""
        return self.root / "features.json"

    @property
    def prior(self) -> Path:
        """(N, K): belief from the names of the classes, if there is one."""
        return self.root / "prior.npy"

    @property
    def prior_info(self) -> Path:
        """How that belief was made."""
        return self.root / "prior.json"

    @property
    def log(self) -> Path:
        """The log of the campaign, where its settings name no other store."""
        return self.root / "log.db"

    @property
    def store(self) -> str | Path:
        """Where the log is: `log`, or the address of a database that the settings name.

        Raises:
            ConfigError: the settings cannot be read, or name no address.
        """
        address = read_toml(self.settings).get("store")
        if address is None:
            return self.log
        if not isinstance(address, str) or "://" not in address:
            raise ConfigError(
                f"store in {self.settings} is {address!r}; write the address of a database, or leave it out."
            )
        return address

    @property
    def instructions(self) -> Path:
        """Markdown that annotators can read, if there is any."""
        return self.root / "instructions.md"

    @property
    def secret(self) -> Path:
        """By which the personal links are signed."""
        return self.root / "secret"

    @property
    def opening(self) -> Path:
        """A page that leads a browser of this machine to the manager's, while the campaign is served."""
        return self.root / "open.html"

    @property
    def serving_lock(self) -> Path:
        """Held by the one process that has the log for writing."""
        return self.root / "serving.lock"

    @property
    def unfinished(self) -> Path:
        """What an interrupted `askless init` or `askless add` has done so far."""
        return self.root / "unfinished"

    def thumbnail(self, digest: str, size: int) -> Path:
        """A small WebP of an image without metadata; its name tells nothing of item or label.

        Args:
            digest: the item's.
            size: one of `THUMBNAIL_SIZES`; a smaller image is not enlarged.
        """
        return self.root / "thumbnails" / str(size) / digest[:2] / f"{digest}.webp"

    def read_items(self) -> ItemTable:
        """The items in their order.

        Raises:
            DataError: `askless init` did not run to its end here, or the file was changed.
        """
        if self.unfinished.exists() and not self.items.exists():
            raise DataError(f"{self.root} is not finished; repeat the `askless init` that began it.")
        return read_items(self.items)

    def read_classes(self) -> tuple[ClassInfo, ...]:
        """The classes in the order of their labels.

        Raises:
            DataError: the file is not there or not a list of classes.
        """
        return read_classes(self.classes)

    def class_index(self) -> dict[str, int]:
        """The label that each name or alias of a class stands for.

        Raises:
            DataError: the file is not there or not a list of classes.
        """
        return {name: y for y, one in enumerate(self.read_classes()) for name in (one.name, *one.aliases)}

    def read_config(self) -> SimulationConfig:
        """The settings of the campaign: `.campaign` and `.seed` of what is returned.

        Raises:
            ConfigError: the file is not there, or holds what is no setting.
        """
        return compose(file=self.settings, table="campaign")

    def dataset(self) -> Dataset:
        """Items, names of the classes, and where each image is (relative to the folder, or absolute).

        Raises:
            DataError: items or classes cannot be used.
        """
        items = self.read_items()
        return Dataset(items.item, tuple(one.name for one in self.read_classes()), items.path)

    def prototypes(self) -> Prototypes:
        """The items whose known label is for the learner to be validated on.

        Raises:
            DataError: a known label is no class.
        """
        return self._known("prototype")

    def gold(self) -> Prototypes:
        """The items whose known label is for testing people.

        Raises:
            DataError: a known label is no class.
        """
        return self._known("gold")

    def _known(self, use: str) -> Prototypes:
        items = self.read_items()
        index = {one.name: y for y, one in enumerate(self.read_classes())}
        chosen = [i for i, found in enumerate(items.use) if found == use]
        for i in chosen:
            if items.label[i] not in index:
                came = f"Item {items.item[i]!r} has the known label {items.label[i]!r}"
                raise DataError(f"{came}, which is no class; bring back the old {self.items} and {self.classes}.")
        return Prototypes(np.array(chosen, np.int64), np.array([index[items.label[i]] for i in chosen], np.int64))
