"""askless init and add as people type them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askless import cli
from askless.cli import progress
from askless.data import intake, survey
from askless.data.folder import CampaignFolder
from pseudo_terminal import run_on_a_terminal

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def askless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in a folder that holds photos/, without worker processes; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(["cat/1.jpg", "cat/2.jpg", "dog/[red].jpg"]):
        path = Path("photos") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), (number * 80, 0, 0)).save(path)
    Path("photos/bad.jpg").write_text("no image")
    monkeypatch.setattr(survey, "call_for_each", lambda function, tasks, _: ((task, function(task)) for task in tasks))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["askless", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


def test_init_then_add(askless: Command) -> None:
    code, shown, said = askless(
        "init", "birds", "--images", "photos", "--classes", "cat,dog", "max_risk=0.05", "seed=3"
    )
    assert code == 0, said
    assert shown.startswith("3 new images in ")
    assert "birds has 3 items and 3 classes; prototypes: 0, gold: 0." in shown
    assert "       1 file left out: unreadable\nEach by name: birds/skipped.csv\n" in shown
    assert "3 images have a label already, which is not used; --labels-are says what for" in said
    assert "seed = 3\nmax_risk = 0.05\n" in Path("birds/askless.toml").read_text()

    Path("photos/cat/3.png").write_bytes(Path("photos/cat/1.jpg").read_bytes() + b"longer")
    code, shown, said = askless(
        "add", "birds", "--images", "photos", "--classes", "owl", "--labels-are", "gold", "--json"
    )
    assert (code, said) == (0, "")
    summary = json.loads(shown)
    assert summary.pop("seconds") > 0
    assert summary == {
        "n_items": 4, "n_new": 1, "n_classes": 4, "n_prototypes": 0, "n_gold": 4,
        "skipped": {"unreadable": 1}, "n_notes": 1, "n_unused_labels": 0,
    }  # fmt: skip
    code, shown, _ = askless("add", "birds", "--classes", "emu")
    assert (code, shown.splitlines()[0]) == (0, "No new images.")
    assert "1 remark on images that are used: birds/notes.csv" in shown


def test_init_warns_of_a_learner_without_known_labels(askless: Command) -> None:
    arguments = ("init", "birds", "--images", "photos", "--classes", "cat,dog", "learner_method=lean")
    assert "labels can swap whole classes; give some ten of each class" in askless(*arguments)[2]
    assert "swap" not in askless(*(*arguments[:1], "known", *arguments[2:], "--labels-are", "prototype"))[2]


def test_init_with_a_promise_says_who_audits_it(askless: Command) -> None:
    arguments = ("init", "birds", "--images", "photos", "--classes", "cat,dog", "promise.auditors=['Eve B','joe']")
    assert "audits" not in askless(*arguments)[2]
    arguments = ("init", "finches", *arguments[2:], "--target-accuracy", "0.9", "--confidence", "0.8")
    said = askless(*arguments)[2]
    assert "audits, which ask only people whom you trust (promise.auditors): Eve B, joe." in said
    assert "Their links: askless invite finches 'Eve B' joe" in said
    promise = CampaignFolder(Path("finches")).read_config().campaign.promise
    assert (promise.target_accuracy, promise.confidence) == (0.9, 0.8)
    code, _, said = askless(*arguments[:-2], "--confidence", "2")
    assert (code, "promise.confidence=2" in said) == (2, True), said
    code, _, said = askless("init", "wrens", *arguments[2:-4], "--confidence", "0.9")
    assert (code, "--confidence 0.9 promises nothing alone; give --target-accuracy, too." in said) == (2, True), said
    assert not Path("wrens").exists()


def test_add_says_that_a_prior_does_not_fit_any_more(askless: Command) -> None:
    askless("init", "birds", "--images", "photos", "--classes", "cat,dog", "--no-other")
    np.save("birds/prior.npy", np.full((3, 2), 0.5))
    assert "prior" not in askless("add", "birds", "--images", "photos")[2]
    code, _, said = askless("add", "birds", "--classes", "owl", "--json")
    assert code == 0
    assert "prior.npy is no belief about the 3 items and 3 classes that " in said
    assert "by now; run `askless embed " in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["init", "birds", "--images", "photos", "--classes", "cat,cat"], "'cat' stands for two classes"),
        (["init", "birds", "--images", "photos", "--classes", "cat,,dog"], "A class has an empty name"),
        (["init", "birds", "--images", "photos", "--classes", "none.json"], "none.json cannot be read"),
        (
            ["init", "birds", "--images", "photos", "--classes", "none.txt"],
            "none.txt cannot be read (No such file or directory); check the path",
        ),
        (["init", "birds", "--images", "photos"], "name them by --classes"),
        (["init", "birds", "--images", "nowhere", "--classes", "a,b"], "There are no images at nowhere"),
        (["init", "birds", "--images", "photos", "--labels-are", "silver"], "allowed: prototype, gold"),
        (["init", "birds", "--images", "photos", "--classes", "a,b", "sede=1"], "did you mean 'seed'"),
        (["init", "photos/bad.jpg", "--images", "photos", "--classes", "a,b"], "fix that, or write elsewhere"),
        (["add", "birds", "--classes", "owl"], "There is no campaign at "),
        (["add", "photos", "--classes", "owl"], "make one by `askless init`"),
        (["add", "birds"], "There is nothing to add"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(askless: Command, arguments: list[str], message: str) -> None:
    code, shown, said = askless(*arguments)
    assert (code, shown) == (2, "")
    assert said.startswith("askless: ")
    assert message in said
    assert len(said.strip().splitlines()) == 1
    assert not Path("birds").exists()


def test_an_interrupted_one_says_how_to_go_on(askless: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(intake, "merge", interrupted)
        code, _, said = askless("init", "birds", "--images", "photos", "--classes", "cat,dog")
    assert code == 130
    assert "Nothing is lost: repeat the command to go on" in said
    assert askless("init", "birds", "--images", "photos", "--classes", "cat,dog")[0] == 0


def test_away_from_a_terminal_progress_is_a_line_now_and_then(
    askless: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    said = askless("init", "birds", "--images", "photos", "--classes", "cat,dog", "--json")[2]
    assert "images: 4 of 4, " in said


def test_on_a_terminal_progress_is_a_bar(askless: Command, tmp_path: Path) -> None:
    """In a pseudo-terminal, with real worker processes."""
    arguments = ["init", "birds", "--images", "photos", "--classes", "cat,dog"]
    code, shown = run_on_a_terminal(*arguments, timeout=120)
    assert code == 0
    assert b"4/4" in shown
    assert (tmp_path / "birds" / "items.csv").exists()


CLASSES: dict[str, Any] = {
    "lines.txt": " cat | purrs | a lot \n\ndog\n",
    "names.json": '["cat", {"name": "dog"}]',
}


@pytest.mark.parametrize("file", CLASSES)
def test_classes_from_a_file(askless: Command, file: str) -> None:
    Path(file).write_text(CLASSES[file])
    assert askless("init", "birds", "--images", "photos", "--classes", file, "--no-other")[0] == 0
    classes = json.loads(Path("birds/classes.json").read_text())
    assert [one["name"] for one in classes] == ["cat", "dog"]
    assert classes[0] == {
        "name": "cat", "description": "purrs | a lot" if file == "lines.txt" else "",
        "aliases": [], "examples": [], "parent": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "must be a JSON list of classes, not dict"),
        ("[1]", "write a name, or an object of name, description, aliases, examples, parent"),
        ('[{"name": "cat", "colour": "red"}]', "write a name, or an object of"),
        ('[{"name": 3}]', "The name of a class must be text, not 3"),
        ('[{"name": "cat", "description": null}]', "The description of a class must be text"),
        ('[{"name": "cat", "aliases": "kitty"}]', "The aliases of class 'cat' must be a list of texts"),
        ('[{"name": "cat", "parent": 3}]', "The parent of class 'cat' must be text or null"),
        ('[{"name": "cat", "aliases": ["dog"]}, "dog"]', "'dog' stands for two classes"),
        ('["cat ", "dog"]', "'cat ' is no name for a class"),
        ('["c\\nat", "dog"]', "is no name for a class"),
        ('["\\ud800", "dog"]', "is no name for a class"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_classes_that_cannot_be_are_one_sentence(askless: Command, text: str, message: str) -> None:
    Path("classes.json").write_text(text)
    code, _, said = askless("init", "birds", "--images", "photos", "--classes", "classes.json")
    assert code == 2
    assert message in said
    assert len(said.strip().splitlines()) == 1
