"""`askless aggregate` as its user meets it."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from askless import cli

ANSWERS = """task,worker,label
x,ann,dog
x,bob,dog
x,eve,cat
y,ann,dog
y,bob,cat
y,eve,dog
y,ann,cat
z,bob,dog
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def aggregate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in a folder that holds answers.csv; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    Path("answers.csv").write_text(ANSWERS)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["askless", "aggregate", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


def rows(path: str) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", ["majority_vote", "ds_model", "dawid_skene"])
def test_all_tables_and_one_json_object(aggregate: Command, method: str) -> None:
    Path("truth.csv").write_text("task,label\nx,dog\ny,dog\nz,emu\nnew,cat\n")
    code, out, err = aggregate(
        "answers.csv", "--method", method, "-o", "labels.csv", "--annotators", "skills.csv",
        "--probabilities", "p.csv", "--truth", "truth.csv", "--json",
    )  # fmt: skip
    assert code == 0, err
    summary = json.loads(out)
    assert summary.pop("seconds") > 0
    assert (summary.pop("iterations") > 0) == (method != "majority_vote")
    assert summary == {
        "method": method, "n_items": 3, "n_classes": 2, "n_annotators": 3, "n_annotations": 7, "n_repeated": 1,
        "accuracy": 1 / 3, "n_scored": 3,
    }  # fmt: skip
    assert err.splitlines() == [
        "Left out 1 of 8 annotations: the same annotator labels the same item again.",
        "Not scored: 1 of 4 items with a truth, which are not in the table.",
        "Wrong for certain: 1 items whose true label nobody gave.",
    ]
    labels = rows("labels.csv")
    assert [(row["item"], row["label"]) for row in labels] == [("x", "dog"), ("y", "cat"), ("z", "dog")]
    probabilities = rows("p.csv")
    for row, of_classes in zip(labels, probabilities, strict=True):
        assert list(of_classes) == ["item", "cat", "dog"]
        assert of_classes["item"] == row["item"]
        assert of_classes[row["label"]] == row["probability"]
        assert float(of_classes["cat"]) + float(of_classes["dog"]) == pytest.approx(1, abs=2e-6)
    skills = rows("skills.csv")
    assert [(row["annotator"], row["n_annotations"]) for row in skills] == [("ann", "2"), ("bob", "3"), ("eve", "2")]
    assert float(skills[0]["skill"]) > float(skills[2]["skill"])


def test_without_options_it_prints_what_it_found_and_writes_nothing(aggregate: Command, tmp_path: Path) -> None:
    code, out, _ = aggregate("answers.csv")
    assert code == 0
    shown = dict(line.split() for line in out.splitlines())
    assert (shown["method"], shown["n_items"], shown["accuracy"]) == ("dawid_skene", "3", "-")
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]
    assert json.loads(aggregate("answers.csv", "--json")[1])["accuracy"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "missing.csv cannot be read (No such file or directory)"),
        (["answers.csv", "--method", "glad"], "allowed: majority_vote, ds_model, dawid_skene."),
        (["answers.csv", "-o", "answers.csv"], "named twice"),
        (["answers.csv", "-o", "l.csv", "--annotators", "./l.csv"], "named twice"),
        (["answers.csv", "-o", "l.csv", "--annotators", "nowhere/a.csv"], "nowhere/a.csv cannot be written"),
        (["answers.csv", "-o", "l.csv", "--truth", "missing.csv"], "missing.csv cannot be read"),
        (["answers.csv", "-o", "l.csv", "--truth", "wrong.csv"], "needs exactly one column 'item' or 'task'"),
        (["answers.json", "-o", "l.csv"], "answers.json is no CSV or Parquet table, it looks like JSON"),
        (["wide.csv", "-o", "l.csv"], "'column 8', 'column 9' and 30 more; rename them."),
        (["wrong.csv", "-o", "l.csv"], "needs exactly one column 'item' or 'task'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    aggregate: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    Path("wrong.csv").write_text("image,label\nx,dog\n")
    Path("answers.json").write_text('[{"item": "x", "annotator": "ann", "label": "cat"}]')
    Path("wide.csv").write_text(",".join(f"column {n}" for n in range(40)) + "\n")
    code, out, err = aggregate(*arguments)
    assert code == 2
    assert out == ""
    *_, sentence = err.strip().splitlines()
    assert sentence.startswith("askless: ")
    assert message in sentence
    assert {path.name for path in tmp_path.iterdir()} == {"answers.csv", "wrong.csv", "answers.json", "wide.csv"}
    assert Path("answers.csv").read_text() == ANSWERS


def test_parquet_in_and_out(aggregate: Command) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    parquet.write_table(arrow_csv.read_csv("answers.csv"), "answers.parquet")
    code, _, err = aggregate("answers.parquet", "-o", "labels.parquet")
    assert code == 0, err
    assert aggregate("answers.csv", "-o", "labels.csv")[0] == 0
    written = parquet.read_table("labels.parquet").to_pylist()
    assert [{**row, "probability": f"{row['probability']:.6f}"} for row in written] == rows("labels.csv")
