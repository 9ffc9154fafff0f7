"""The page about labels in and out is true: its commands run as they stand."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from askless.cli import COMMANDS, app
from askless.data.answers_in.formats import READERS
from askless.data.labels_out.formats import FORMATS
from askless.data.labels_out.outcome import DecidedBy
from askless.data.table import read_truth
from small_folder import answer_some, make_folder

PAGE = (Path(__file__).parents[1] / "docs/howto/labels-in-and-out.md").read_text(encoding="utf-8")
OUT, FINISHED, IN, FROM_CAMPAIGN, END_TO_END = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)

(IN_PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def run(block: str) -> Iterator[list[str]]:
    for line in block.splitlines():
        arguments = shlex.split(line)[1:]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (line, result.output)
        yield arguments


@pytest.mark.slow
def test_each_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    answer_some(make_folder(tmp_path / "birds", n_known=20, settings="learner.max_epochs = 5\n"))
    shown = [arguments[arguments.index("--format") + 1] for arguments in run(OUT)]
    assert sorted(shown) == sorted(FORMATS)
    shutil.copy("birds/exports/crowdkit/annotations.csv", "answers.csv")
    shutil.copy("birds/exports/label_studio/tasks.json", "tasks.json")
    ours = Path("birds/exports/sagemaker/output.manifest").read_text()
    Path("output.manifest").write_text(ours.replace('"askless', '"their-job'))
    Path("batch.csv").write_text("HITId,WorkerId,Input.x,Answer.x\n1,ann,21.png,cat\n")
    assert len(list(run(IN))) == len(READERS)
    list(run(FROM_CAMPAIGN))
    exec(compile(IN_PYTHON, "labels-in-and-out.md", "exec"), {})
    assert Path("labels.csv").exists()


def test_finished_images_are_exported_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer_some(make_folder(tmp_path / "birds", settings="learner.max_epochs = 5\n"))
    list(run(FINISHED))
    assert list(Path("sure").glob("*/*.png"))


def test_the_page_names_all_formats() -> None:
    for name in (*FORMATS, *READERS, *DecidedBy):
        assert f"`{name}`" in PAGE, name


@pytest.mark.slow
@pytest.mark.skipif("embed" not in COMMANDS, reason="needs askless embed")
def test_from_images_to_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    digits = load_digits()
    for row in range(400):
        folder = tmp_path / "photos" / str(digits.target[row])
        folder.mkdir(parents=True, exist_ok=True)
        ink = np.rint(255 * (1 - digits.images[row] / 16)).astype(np.uint8)
        Image.fromarray(np.kron(ink, np.ones((4, 4), np.uint8))).save(folder / f"{row:04}.png")
    list(run(END_TO_END))
    labels = read_truth(tmp_path / "labelled/labels.csv")
    assert len(labels) == 400
    assert np.mean([item.split("/")[0] == label for item, label in labels.items()]) > 0.8
    pictures = {path.read_bytes() for path in (tmp_path / "photos").glob("*/*")}
    labelled = list((tmp_path / "labelled").glob("*/*.png"))
    assert {path.read_bytes() for path in labelled} == pictures
    assert {path.parent.name for path in labelled} == set(labels.values())
