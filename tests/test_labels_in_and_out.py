"""`askless export`, `import`, and what else takes a campaign folder, as their user meets them."""

import csv
import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from askless import cli
from askless.data.labels_out.folder import SEAL
from askless.data.labels_out.formats import FORMATS
from askless.data.table import read_truth
from askless.workspace import open_campaign
from small_folder import CLASSES, ITEMS, N_ITEMS, TRUTH, answer_some, make_folder

QUICK = "learner.max_epochs = 5\n"
Askless = Callable[..., str]


@pytest.fixture
def askless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Askless:
    """The command in an empty folder; gives stdout, or after a failure the sentence on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["askless", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        if end.value.code == 2:
            assert captured.out == ""
            assert captured.err.startswith("askless: ")
            assert len(captured.err.strip().splitlines()) == 1
            return captured.err
        return captured.out

    return run


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    answer_some(folder)
    return folder


def answers_of(folder: Path) -> set[tuple[str, str, str | None, int | None]]:
    campaign = open_campaign(folder)
    names = campaign.dataset.classes
    found = {
        (name, ITEMS[answer.item], None if answer.label is None else names[answer.label], answer.response_ms)
        for name, answer in campaign.answers()
    }
    campaign.close()
    return found


def tree(folder: Path) -> dict[str, bytes]:
    """Without the seal, in which there is when an image was written."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("form", FORMATS)
def test_exporting_again_gives_the_same_bytes(askless: Askless, birds: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    first = json.loads(askless("export", "birds", "--format", form, "--json"))
    assert first == {
        "format": form,
        "folder": f"birds/exports/{form}",
        "n_items": N_ITEMS,
        "n_left_out": 0,
        "n_files": first["n_files"],
    }
    before = tree(birds / "exports" / form)
    assert len(before) == first["n_files"]
    askless("export", "birds", "--format", form)
    askless("export", "birds", "--format", form, "--out", "elsewhere")
    assert tree(birds / "exports" / form) == before == tree(Path("elsewhere"))


def test_finished_images_alone(askless: Askless, birds: Path) -> None:
    askless("export", "birds")
    with (birds / "exports/csv/labels.csv").open(newline="") as file:
        status = [row["status"] for row in csv.DictReader(file)]
    n_finished = sum(one in ("confident", "known") for one in status)
    assert 6 < n_finished < N_ITEMS
    told = json.loads(
        askless("export", "birds", "--format", "imagefolder", "--finished-only", "--out", "sure", "--json")
    )
    assert told["n_items"] == n_finished == len(list(Path("sure").glob("*/*.png")))
    assert told["n_left_out"] == N_ITEMS - n_finished


@pytest.mark.parametrize(
    ("form", "file", "has_skips", "has_times"),
    [
        ("label_studio", "tasks.json", True, True),
        ("crowdkit", "annotations.csv", False, True),
    ],
)
def test_answers_come_back_from_an_export(
    askless: Askless, birds: Path, tmp_path: Path, form: str, file: str, has_skips: bool, has_times: bool
) -> None:
    askless("export", "birds", "--format", form)
    other = make_folder(tmp_path / "other", settings=QUICK)
    report = json.loads(askless("import", "other", f"birds/exports/{form}/{file}", "--json"))
    assert (report["n_refused"], report["n_unusable"], report["problems"]) == (0, 0, [])
    assert report["new_annotators"] == ["ann", "bob, jr", "eve"]
    expected = {one for one in answers_of(birds) if has_skips or one[2]}
    assert answers_of(other) == expected
    again = json.loads(askless("import", "other", f"birds/exports/{form}/{file}", "--json"))
    assert (again["n_accepted"], again["n_repeated"]) == (0, len(expected))
    assert answers_of(other) == expected


def test_labels_that_askless_found_are_no_answers(askless: Askless, birds: Path) -> None:
    askless("export", "birds", "--format", "sagemaker")
    before = answers_of(birds)
    report = json.loads(askless("import", "birds", "birds/exports/sagemaker/output.manifest", "--json"))
    assert (report["n_accepted"], report["n_unusable"]) == (0, N_ITEMS)
    assert "would count twice" in report["problems"][0]["reason"]
    assert answers_of(birds) == before


def test_labels_come_back_from_an_export(askless: Askless, birds: Path, tmp_path: Path) -> None:
    askless("export", "birds")
    labels = read_truth(birds / "exports/csv/labels.csv")
    for form in ("imagefolder", "huggingface", "fiftyone"):
        askless("export", "birds", "--format", form)
    assert {item: CLASSES[TRUTH[i]] for i, item in enumerate(ITEMS[:6])}.items() <= labels.items()

    pictures = {path.read_bytes(): item for item in ITEMS for path in [tmp_path / "birds-photos" / item]}
    with (birds / "exports/imagefolder/folders.csv").open(newline="") as file:
        classes = {row["folder"]: row["class"] for row in csv.DictReader(file)}
    folders = (birds / "exports/imagefolder").glob("*/*")
    assert {pictures[path.read_bytes()]: classes[path.parent.name] for path in folders} == labels
    with (birds / "exports/huggingface/train/metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    train = birds / "exports/huggingface/train"
    assert {pictures[(train / row["file_name"]).read_bytes()]: row["label"] for row in rows} == labels
    indices = json.loads((birds / "exports/fiftyone/labels.json").read_text())
    data = (birds / "exports/fiftyone/data").iterdir()
    assert {pictures[path.read_bytes()]: indices["classes"][indices["labels"][path.stem]] for path in data} == labels


@pytest.mark.parametrize("way", ["hardlink", "symlink"])
def test_images_can_be_linked(askless: Askless, birds: Path, way: str) -> None:
    askless("export", "birds", "--format", "imagefolder", "--images", way)
    (path,) = (birds / "exports/imagefolder").glob("*/a_same.png")
    assert path.samefile(birds.parent / "birds-photos/a/same.png")


def test_what_is_foreign_is_not_replaced(askless: Askless, birds: Path) -> None:
    Path("mine").mkdir()
    Path("mine/paper.tex").touch()
    assert "mine is there and is no export" in askless("export", "birds", "--out", "mine")
    assert askless("export", "birds", "--out", "mine", "--force") == "Written: mine (2 files)\n"
    assert Path("mine.old/paper.tex").exists()
    for holder in (".", "birds"):
        assert "holds the campaign itself" in askless("export", "birds", "--out", holder, "--force")


def test_import_names_rows_and_counts(askless: Askless, birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["item,annotator,label", "20.png,new,cat alias", *(f"none-{row},new,cat" for row in range(30))]
    Path("answers.csv").write_text("\n".join(lines), encoding="utf-8")
    assert askless("import", "birds", "answers.csv").split() == [
        "accepted", "1", "repeated", "0", "refused", "0", "unusable", "30", "new", "people", "1",
    ]  # fmt: skip
    assert ("new", "20.png", "cat", None) in answers_of(birds)

    Path("batch.csv").write_text("HITId,WorkerId,AssignmentStatus,Input.x,Answer.x\n1,ann,Rejected,21.png,cat\n")
    assert "1 rejected by the requester" in askless("import", "birds", "batch.csv")


def test_an_import_of_which_nothing_could_be_used_ends_with_exit_code_1(birds: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    for rows, options, code in (
        ("?,ann,cat", [], 1),
        ("?,ann,cat", ["--json"], 1),
        ("20.png,ann,cat\n?,ann,cat", [], 0),
    ):
        file.write_text(f"item,annotator,label\n{rows}\n")
        assert CliRunner().invoke(cli.app, ["import", str(birds), str(file), *options]).exit_code == code


def test_a_long_import_says_how_far_it_is(
    askless: Askless, birds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from askless.cli import import_

    monkeypatch.setattr(import_, "SECONDS_BETWEEN_LINES", -1.0)
    lines: list[str] = []
    monkeypatch.setattr(import_, "note", lines.append)
    Path("answers.csv").write_text("item,annotator,label\n" + "?,ann,cat\n" * 25)
    askless("import", "birds", "answers.csv")
    assert lines[0] == "25 rows"
    assert lines[1] == "Row 1: there is no item '?'."
    assert lines[-1] == "... and 5 more; --json has the first 25."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "nowhere"], "nowhere (no items.csv is in it)"),
        (["export", "birds", "--format", "coco"], "no format 'coco'"),
        (["import", "birds", "missing.csv"], "missing.csv cannot be read"),
        (["import", "nowhere", "answers.csv"], "nowhere"),
        (["import", "birds", "answers.csv", "--format", "coco"], "no format 'coco'"),
        (["aggregate", "nowhere-else"], "nowhere-else cannot be read"),
        (["simulate", "birds", "n_prototypes_per_class=2"], "too few for 2 prototypes"),
    ],
)
def test_bad_input_is_one_sentence(askless: Askless, birds: Path, arguments: list[str], message: str) -> None:
    Path("answers.csv").write_text("item,annotator,label\n20.png,ann,cat\n")
    before = answers_of(birds)
    assert message in askless(*arguments)
    assert answers_of(birds) == before
    assert not (birds / "exports").exists()


def test_what_nobody_has_decided_on_is_in_no_folder(
    askless: Askless, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_some(make_folder(tmp_path / "birds", has_features=False, n_prototypes=0))
    monkeypatch.setattr(sys, "argv", ["askless", "export", "birds", "--format", "imagefolder"])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert "12 of 24 labels say nothing" in told
    exported = Path("birds/exports/imagefolder")
    assert len(list(exported.glob("*/*.png"))) == 12
    with (exported / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file_name"] == "" for row in rows] == [row["decided_by"] == "nobody" for row in rows]
    assert len(rows) == 24
    n_open = sum(row["status"] == "open" for row in rows)
    assert n_open > 0
    assert f"{n_open} of 24 items are not finished yet" in told


def test_aggregate_takes_a_campaign(askless: Askless, birds: Path) -> None:
    with closing(open_campaign(Path("birds"))) as campaign:
        campaign.join(["never answered"])
    summary = json.loads(askless("aggregate", "birds", "--json", "-o", "labels.csv"))
    assert (summary["n_items"], summary["n_annotators"], summary["n_annotations"]) == (12, 3, 34)
    labels = read_truth(Path("labels.csv"))
    assert labels == {ITEMS[i]: CLASSES[TRUTH[i]] for i in range(6, 18)}


def test_simulate_takes_a_campaign_and_its_run_can_be_exported(
    askless: Askless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path / "digits", settings=QUICK, n_known=20)  # as the built-in data set is called
    settings = ["n_prototypes_per_class=2", "learner.max_epochs=5", "crowd.n_annotators=4", "batch_size=4"]
    summary = json.loads(askless("simulate", "digits", *settings, "--out", "run", "--json"))
    assert (summary["dataset"], summary["n_items"], summary["n_prototypes"]) == ("digits", 14, 6)
    askless("export", "run", "--format", "imagefolder")
    exported = list(Path("run/exports/imagefolder").glob("*/*.png"))
    assert len(exported) == 20
    assert {path.name for path in exported} >= {"a_same.png", "b_same.png"}
    card = Path("run/exports/imagefolder/dataset_card.md").read_text()
    assert "- 20 items, 6 of them with a label known beforehand" in card

    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    askless("export", "../run", "--format", "imagefolder", "--out", "labelled")
    assert tree(Path("labelled")) == tree(Path("../run/exports/imagefolder"))
    for spelling in ("../digits", str(tmp_path / "digits")):
        again = askless("simulate", spelling, *settings, "--out", "../run", "--resume", "--json")
        assert json.loads(again) == summary


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_known": 20, "has_features": False}, "has no features.npy; make it by `askless embed "),
        ({"n_known": 1, "n_prototypes": 0}, "known labels of 1 classes"),
        ({"n_known": 0, "n_prototypes": 0}, "known labels of 0 classes"),
    ],
)
def test_what_cannot_be_simulated_says_why(
    askless: Askless, tmp_path: Path, given: dict[str, bool | int], message: str
) -> None:
    make_folder(tmp_path / "birds", **given)  # type: ignore[arg-type]
    assert message in askless("simulate", "birds")


def test_features_that_lack_rows_cannot_be_simulated(askless: Askless, birds: Path) -> None:
    with (birds / "items.csv").open("a") as file:
        file.write(f"more,more.png,8,8,1,{'0' * 32},,\n")
    assert "was not made of the 25 items that items.csv names; run `askless embed" in askless("simulate", "birds")
