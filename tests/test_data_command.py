"""`askless data`: what it lists, what it fetches, and that the command that it prints works."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

from askless import cli
from askless.cli import data as data_command
from askless.config import experiment_classes
from askless.data import catalogue, download
from askless.data.catalogue import CATALOGUE, data_folder, find_data
from askless.data.checksum import kind_of
from askless.errors import ConfigError
from file_server import Site, serve

SMALL = [
    "n_prototypes_per_class=1",
    "n_data_per_class=2",
    "learner.max_epochs=2",
    "n_batches=20",
    "crowd.n_annotators=3",
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server in place of the public ones, and an empty folder of the user's data with a blank in its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKLESS_DATA", str(tmp_path / "my data"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSES", (0.0,))
    with serve() as site:
        for name, data in CATALOGUE.items():
            files = tuple(replace(file, url=f"{site.url}/{file.name}") for file in data.files)
            monkeypatch.setitem(CATALOGUE, name, replace(data, files=files))
        yield site


Askless = Callable[..., tuple[int, str, str]]


@pytest.fixture
def askless(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Askless:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["askless", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def array_file(values: npt.NDArray[np.floating]) -> bytes:
    file = BytesIO()
    np.save(file, values)
    return file.getvalue()


def serve_byol(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images of each class, listed with labels as in files of image paths that learners are trained on."""
    paths = [
        f"{name}/{name}_{row}.JPEG {y}"
        for y, name in enumerate(experiment_classes("imagenet_split_2"))
        for row in range(3)
    ]
    byol = CATALOGUE["byol"]
    site.files |= {
        "train_labeled.txt": "\n".join(paths).encode(),
        "byol_r50-e3b0c442.pth_feat1.npy": array_file(
            np.random.default_rng(0).normal(size=(len(paths), 4)).astype(np.float32)
        ),
    }
    files = tuple(replace(file, checksum=None) for file in byol.files)
    monkeypatch.setitem(CATALOGUE, "byol", replace(byol, files=files))


def shown_command(printed: str) -> list[str]:
    (line,) = [line for line in printed.splitlines() if line.startswith("To use it: ")]
    return shlex.split(line.removeprefix("To use it: "))[1:]


@pytest.mark.slow
def test_the_features_are_fetched_recorded_and_used(
    site: Site, askless: Askless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_byol(site, monkeypatch)
    code, printed, noted = askless("data", "get", "byol")
    assert code == 0
    folder = tmp_path / "my data" / "byol"
    assert f"Fetched: {folder / 'train_labeled.txt'}" in printed
    assert printed.count("No checksum of it is published; sha256:") == 2
    assert "to fetch of" in noted
    code, printed, noted = askless(*shown_command(printed), *SMALL, "--out", "run", "--json")
    assert code == 0, noted
    assert json.loads(printed)["n_items"] == 13 * 2
    assert ".JPEG," in (tmp_path / "run" / "labels.csv").read_text()

    code, printed, noted = askless("data", "get", "byol")
    assert (code, noted) == (0, "")
    assert printed.count("There already: ") == 2
    assert "recorded" not in printed
    assert len(site.ranges) == 2


@pytest.mark.slow
def test_the_counts_are_those_published_and_are_found_without_a_setting(
    shared: Path, site: Site, askless: Askless, tmp_path: Path
) -> None:
    site.files = {file.name: (shared / "amt_imagenet100" / file.name).read_bytes() for file in CATALOGUE["amt"].files}
    assert sum(map(len, site.files.values())) == CATALOGUE["amt"].n_bytes
    code, _, noted = askless("simulate", "simulation=amt_structured_noise", "--out", "run")
    assert code == 2
    assert "askless data get amt" in noted

    code, printed, noted = askless("data", "get", "amt")
    assert code == 0, noted
    arguments = [*shown_command(printed), *SMALL]
    by_default = [argument for argument in arguments if not argument.startswith("crowd.amt_folder")]
    assert by_default != arguments
    for number, form in enumerate((arguments, by_default)):
        code, _, noted = askless(*form, "--out", f"run{number}")
        assert code == 0, noted
    assert (tmp_path / "run0/labels.csv").read_bytes() == (tmp_path / "run1/labels.csv").read_bytes()


def test_another_folder(site: Site, askless: Askless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_byol(site, monkeypatch)
    code, printed, _ = askless("data", "get", "byol", "--folder", "elsewhere")
    assert code == 0
    assert "features=elsewhere/byol_r50-e3b0c442.pth_feat1.npy" in shown_command(printed)
    assert (tmp_path / "elsewhere" / "train_labeled.txt").is_file()
    assert not (tmp_path / "my data").exists()


def test_the_list_says_what_is_there(
    site: Site, askless: Askless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = askless("data", "list")[1]
    for name, data in CATALOGUE.items():
        assert f"not there; fetch it with: askless data get {name}" in before
        assert data.licence in before
        assert str(tmp_path / "my data" / name) in before
    serve_byol(site, monkeypatch)
    askless("data", "get", "byol")
    assert "byol  about 1.0 GB; there\n" in askless("data", "list")[1]
    listed = {data["name"]: data for data in json.loads(askless("data", "list", "--json")[1])}
    assert {name: data["is_there"] for name, data in listed.items()} == {"amt": False, "byol": True}
    assert listed["byol"]["folder"] == str(tmp_path / "my data" / "byol")
    (tmp_path / "my data" / "byol" / "train_labeled.txt").unlink()
    assert "byol  about 1.0 GB; not there" in askless("data", "list")[1]


def test_an_unknown_name_and_a_missing_network_are_one_sentence(site: Site, askless: Askless) -> None:
    code, printed, noted = askless("data", "get", "imagenet")
    assert (code, printed, noted) == (2, "", "askless: There is no public data 'imagenet'; allowed: amt, byol.\n")
    code, printed, noted = askless("data", "get", "amt")
    assert (code, printed, len(noted.splitlines())) == (2, "", 1)
    assert "by other means" in noted


def test_a_bar_on_a_terminal(site: Site, askless: Askless, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_byol(site, monkeypatch)
    screen = StringIO()
    monkeypatch.setattr(
        data_command, "progress", Console(file=screen, force_terminal=True, color_system=None, width=120)
    )
    assert askless("data", "get", "byol")[0] == 0
    shown = screen.getvalue()
    assert "byol_r50-e3b0c442.pth_feat1.npy ━━" in shown
    assert "752/752 bytes" in shown
    assert "to fetch of" not in shown


IN_PLACE_OF_THE_PUBLIC_SERVER = """
import sys
from dataclasses import replace
from askless.cli import main
from askless.data.catalogue import CATALOGUE
byol, url = CATALOGUE["byol"], sys.argv.pop(1)
CATALOGUE["byol"] = replace(byol, files=tuple(replace(file, url=f"{url}/{file.name}") for file in byol.files[1:]))
main()
"""


def let_interrupt() -> None:
    """A shell that started these tests in the background has told them, and so their children, to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_the_second_call_asks_for_the_rest(
    site: Site, tmp_path: Path, how: signal.Signals
) -> None:
    content = array_file(np.random.default_rng(0).normal(size=(1000, 400)))
    site.files["byol_r50-e3b0c442.pth_feat1.npy"] = content
    site.stall = 4 * download.BLOCK - 1
    command = [sys.executable, "-c", IN_PLACE_OF_THE_PUBLIC_SERVER, site.url, "data", "get", "byol"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=let_interrupt)
    part = tmp_path / "my data" / "byol" / "byol_r50-e3b0c442.pth_feat1.npy.part"
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size == 3 * download.BLOCK) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(how)
    _, noted = process.communicate(timeout=60)
    assert content.startswith(part.read_bytes())
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "What has come is kept: go on with askless data get byol" in noted

    site.go_on.set()
    again = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert part.with_suffix("").read_bytes() == content
    assert site.ranges == [None, f"bytes={3 * download.BLOCK}-"]


def test_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ASKLESS_DATA", raising=False)
    assert data_folder() == catalogue.platformdirs.user_data_path("askless", appauthor=False)
    monkeypatch.setenv("ASKLESS_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert find_data("amt").default_folder == tmp_path / "amt"
    with pytest.raises(ConfigError, match="allowed: amt, byol"):
        find_data("")


def test_the_catalogue_names_its_files_by_commit_and_checksum() -> None:
    """Whatever lies at GitHub is pinned; the one file without a published checksum is the features."""
    files = {file.name: file for data in CATALOGUE.values() for file in data.files}
    assert [name for name, file in files.items() if file.checksum is None] == ["byol_r50-e3b0c442.pth_feat1.npy"]
    for file in files.values():
        if file.checksum:
            assert "/8d02da89c8049c549748761e1762a04f40a64da0/data/" in file.url
            assert len(file.checksum.partition(":")[2]) == {"sha256": 64, "git-blob": 40}[kind_of(file.checksum)]
