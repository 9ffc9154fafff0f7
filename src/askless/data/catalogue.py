"""Public data that askless works with and may not ship: what there is, where it is published, where it lies here."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from askless.errors import ConfigError

PAPERS_CODE = "https://raw.githubusercontent.com/fidler-lab/efficient-annotation-cookbook/8d02da89c8049c549748761e1762a04f40a64da0"
"""The code published with the paper, at one commit."""


@dataclass(frozen=True)
class PublicFile:
    """One file and its public home.

    Args:
        url: its last part is the file's name here.
        checksum: as `data.checksum.compute` writes it; none if none was published.
    """

    url: str
    checksum: str | None = None

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PublicData:
    """Files that belong together.

    Args:
        purpose: one sentence: what it is and what it is for.
        licence: of whom, on which terms.
        n_bytes: of all files together, about.
        files: in the order in which they are fetched.
        settings: of an `askless simulate` that uses the files; {folder} is where they lie.
    """

    name: str
    purpose: str
    licence: str
    n_bytes: int
    files: tuple[PublicFile, ...]
    settings: tuple[str, ...]

    @property
    def default_folder(self) -> Path:
        return data_folder() / self.name

    def is_in(self, folder: Path) -> bool:
        return all((folder / file.name).is_file() for file in self.files)

    def example(self, folder: Path) -> str:
        """A command for the shell that uses the files in `folder`."""
        return shlex.join(["askless", "simulate", *(setting.format(folder=folder) for setting in self.settings)])


CATALOGUE = {
    data.name: data
    for data in (
        PublicData(
            name="amt",
            purpose="How often the paper's annotators on Mechanical Turk chose each of 100 ImageNet classes for each "
            "true class, for simulation=amt_structured_noise and amt_uniform_noise.",
            licence="MIT licence, Sanja Fidler's Lab 2021",
            n_bytes=1_811_635,
            files=(
                PublicFile(
                    f"{PAPERS_CODE}/data/group_workers.json",
                    "sha256:9c12d596b9879c06227a3eb871970bc694feac1226ec667c13e992a1997d7d8b",
                ),
                PublicFile(
                    f"{PAPERS_CODE}/data/groups.txt",
                    "sha256:7dfabc05999c7af74ad3e62d476c690bf8f4aa39a3e0c7e59a89abf624eff583",
                ),
            ),
            settings=(
                "experiment=imagenet_split_2",
                "features=synthetic",
                "n_data_per_class=40",
                "simulation=amt_structured_noise",
                "crowd.amt_folder={folder}",
            ),
        ),
        PublicData(
            name="byol",
            purpose="The BYOL features of ImageNet images that the paper's experiments learn from, and the image path "
            "of each row.",
            licence="features: none stated, by the paper's authors; paths: MIT licence, Sanja Fidler's Lab 2021; "
            "ImageNet itself is for non-commercial research",
            n_bytes=1_000_000_000,
            files=(
                PublicFile(
                    f"{PAPERS_CODE}/data/train_labeled.txt", "git-blob:4313c26a4ab59db990a05183b0c245cccbd44caa"
                ),
                PublicFile(
                    "http://www.cs.toronto.edu/~andrew/research/cvpr2021-good_practices/data/"
                    "byol_r50-e3b0c442.pth_feat1.npy"
                ),
            ),
            settings=(
                "experiment=imagenet_split_2",
                "features={folder}/byol_r50-e3b0c442.pth_feat1.npy",
                "images={folder}/train_labeled.txt",
            ),
        ),
    )
}


def find_data(name: str) -> PublicData:
    """The data of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in CATALOGUE:
        raise ConfigError(f"There is no public data {name!r}; allowed: {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def data_folder() -> Path:
    """$ASKLESS_DATA, else the place that the operating system has for the data of a user's programs."""
    named = os.environ.get("ASKLESS_DATA")
    return Path(named) if named else platformdirs.user_data_path("askless", appauthor=False)
