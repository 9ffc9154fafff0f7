"""Every format beside what its documentation shows, written down by hand."""

import builtins
import csv
import io
import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from small_outcome import CLASSES, ITEMS, POSTERIOR, contents, make_outcome

from askless.data.labels_out.card import dataset_card
from askless.data.labels_out.formats import FORMATS, find_format
from askless.errors import ConfigError, DataError
from askless.types import Answer

LABELS_CSV = """item,label,probability,annotations,decided_by,status
a/x.jpg,cat,0.900000,2,both,confident
b/x.jpg,../dog,0.700000,1,both,open
../../etc/passwd,cat,1.000000,1,both,exhausted
CON.png,cat,0.333333,0,machine,open
"ü,“q”.png",other | rest,1.000000,0,known,known
"""


def export(form: str, **given: Any) -> dict[str, Any]:
    return contents(list(find_format(form)(make_outcome(Path("there"), **given))))


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_csv() -> None:
    assert export("csv")["labels.csv"].decode() == LABELS_CSV


@pytest.mark.parametrize("machine", [POSTERIOR.astype(np.float32), None])
def test_finished_items_alone_are_what_is_left_when_the_others_go(machine: np.ndarray | None) -> None:
    whole = make_outcome(Path("there"), machine=machine)
    part = whole.finished()
    for form in FORMATS:
        if form != "parquet":
            assert contents(list(find_format(form)(part)))
    rows = [one for one in whole.rows() if one["status"] in ("confident", "known")]
    assert list(part.rows()) == rows
    assert [one["item"] for one in rows] == [ITEMS[0], ITEMS[4]]
    assert part.result.dataset.images == ("0.jpg", "4.jpg")
    np.testing.assert_array_equal(part.posterior, POSTERIOR[[0, 4]])
    assert list(part.answers) == [("ann", Answer(0, 0, 1500)), ("bob", Answer(0, 1))]
    assert "- 3 more items of the campaign are not finished and left out\n" in dataset_card(part)
    assert "left out" not in dataset_card(whole)
    known_alone = replace(whole.result, status=np.array(["open"] * 4 + ["known"]))
    with pytest.raises(DataError, match="No item is finished; export all of them instead"):
        replace(whole, result=known_alone).finished()


def test_without_a_machine_people_decide_or_nobody() -> None:
    rows = read_csv(export("csv", machine=None)["labels.csv"])
    assert [row["decided_by"] for row in rows] == ["people", "people", "people", "nobody", "known"]


def test_json_lines_have_the_probability_of_every_class() -> None:
    lines = [json.loads(line) for line in export("jsonl")["labels.jsonl"].decode().splitlines()]
    assert [line["item"] for line in lines] == list(ITEMS)
    assert lines[1] == {
        "item": "b/x.jpg", "label": "../dog", "probability": 0.7, "annotations": 1, "decided_by": "both",
        "status": "open", "probabilities": {"cat": 0.2, "../dog": 0.7, "other | rest": 0.1},
    }  # fmt: skip


def test_parquet_has_the_columns_of_the_csv() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(export("parquet")["labels.parquet"])).to_pylist()
    assert [{**row, "probability": f"{row['probability']:.6f}"} for row in table] == [
        {**row, "annotations": int(row["annotations"])} for row in csv.DictReader(io.StringIO(LABELS_CSV))
    ]


def test_parquet_without_pyarrow_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_pyarrow(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(DataError, match=r"pip install 'askless\[parquet\]'"):
        export("parquet")


def test_soft_labels_are_the_posterior_row_by_row() -> None:
    files = export("soft_labels")
    soft = np.load(io.BytesIO(files["soft_labels.npy"]), allow_pickle=False)
    assert soft.dtype == np.float32
    np.testing.assert_allclose(soft, POSTERIOR, atol=1e-7)
    assert json.loads(files["classes.json"]) == list(CLASSES)
    assert files["labels.csv"].decode() == LABELS_CSV


def test_imagefolder_has_one_folder_per_class_below_the_export() -> None:
    files = export("imagefolder")
    images = {name: item for name, item in files.items() if isinstance(item, int)}
    assert images == {
        "cat/a_x.jpg": 0,
        "_dog/b_x.jpg": 1,
        "cat/_.._etc_passwd.jpg": 2,
        "cat/_CON.png.jpg": 3,
        "other _ rest/ü__q_.png.jpg": 4,
    }
    folders = {row["folder"]: row["class"] for row in read_csv(files["folders.csv"])}
    rows = read_csv(files["labels.csv"])
    for item, row in enumerate(rows):
        folder, name = row["file_name"].split("/")
        assert folders[folder] == row["label"] == CLASSES[POSTERIOR[item].argmax()]
        assert images[row["file_name"]] == item
        assert name not in (".", "..")


def test_classes_called_like_the_tables_get_folders_beside_them() -> None:
    outcome = make_outcome(Path("there"))
    classes = ("dataset_card.md", "labels.csv", "folders.csv")
    named = replace(outcome, result=replace(outcome.result, dataset=replace(outcome.result.dataset, classes=classes)))
    files = contents(list(find_format("imagefolder")(named)))
    assert {name.split("/")[0] for name in files if "/" in name} == {f"{name}~2" for name in classes}


def test_huggingface_metadata_lies_beside_the_images() -> None:
    files = export("huggingface")
    rows = read_csv(files["train/metadata.csv"])
    assert [files[f"train/{row['file_name']}"] for row in rows] == list(range(5))
    assert [row["item"] for row in rows] == list(ITEMS)
    assert json.loads(files["classes.json"]) == list(CLASSES)
    assert files["README.md"].startswith(b"# Labels of birds # not a heading\n")


def test_fiftyone_labels_are_indices_by_the_name_without_ending() -> None:
    files = export("fiftyone")
    labels = json.loads(files["labels.json"])
    assert labels["classes"] == list(CLASSES)
    stems = {PurePosixPath(name).stem: item for name, item in files.items() if isinstance(item, int)}
    assert {stems[stem]: label for stem, label in labels["labels"].items()} == {0: 0, 1: 1, 2: 0, 3: 0, 4: 2}
    assert all(name.startswith("data/") for name, item in files.items() if isinstance(item, int))


def test_label_studio_tasks_hold_people_as_annotations_and_the_label_as_prediction() -> None:
    files = export("label_studio")
    tasks = json.loads(files["tasks.json"])
    assert [task["data"]["item"] for task in tasks] == list(ITEMS)
    choice = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["../dog"]}}
    assert tasks[1] == {
        "id": 2,
        "data": {
            "image": "/data/local-files/?d=b/x.jpg", "item": "b/x.jpg", "label": "../dog", "probability": 0.7,
            "annotations": 1, "decided_by": "both", "status": "open",
        },
        "annotations": [
            {
                "result": [choice | {"meta": {"annotator": "ann"}}], "was_cancelled": False, "ground_truth": False,
                "lead_time": 0.02,
            },
            {
                "result": [choice | {"value": {"choices": []}, "meta": {"annotator": "bob"}}], "was_cancelled": True,
                "ground_truth": False, "lead_time": None,
            },
        ],
        "predictions": [{"model_version": "askless", "score": 0.7, "result": [choice]}],
    }  # fmt: skip
    view = ElementTree.fromstring(files["interface.xml"].decode())
    assert [choice.get("value") for choice in view.iter("Choice")] == list(CLASSES)


def test_sagemaker_manifest_has_a_line_per_item() -> None:
    lines = [json.loads(line) for line in export("sagemaker")["output.manifest"].decode().splitlines()]
    assert [line["source-ref"] for line in lines] == list(ITEMS)
    assert lines[0] == {
        "source-ref": "a/x.jpg",
        "askless": 0,
        "askless-metadata": {
            "class-name": "cat", "confidence": 0.9, "human-annotated": "no",
            "creation-date": "2020-09-13T12:26:40.250000", "type": "groundtruth/image-classification",
            "job-name": "labeling-job/askless", "annotations": 2, "decided-by": "both", "status": "confident",
        },
    }  # fmt: skip
    assert [line["askless-metadata"]["human-annotated"] for line in lines] == ["no", "no", "no", "no", "yes"]


def test_crowdkit_table_has_a_row_per_annotation_and_no_skips() -> None:
    files = export("crowdkit")
    assert files["annotations.csv"].decode() == (
        "task,worker,label,response_ms\n"
        "a/x.jpg,ann,cat,1500\na/x.jpg,bob,../dog,\nb/x.jpg,ann,../dog,20\n../../etc/passwd,bob,cat,\n"
    )


def test_cleanlab_matrix_has_a_row_per_annotated_item_and_the_machine_beside_it() -> None:
    files = export("cleanlab")
    assert files["annotations.csv"].decode() == "item,ann,bob\na/x.jpg,0,1\nb/x.jpg,1,\n../../etc/passwd,,0\n"
    np.testing.assert_allclose(np.load(io.BytesIO(files["pred_probs.npy"])), POSTERIOR[:3], atol=1e-7)
    assert "pred_probs.npy" not in export("cleanlab", machine=None)


@pytest.mark.parametrize("form", FORMATS)
def test_all_formats_have_a_card_and_repeat_byte_by_byte(form: str) -> None:
    first, second = export(form), export(form)
    assert first == second
    assert "README.md" in first or "dataset_card.md" in first
    for name in first:
        path = PurePosixPath(name)
        assert not path.is_absolute()
        assert ".." not in path.parts


@pytest.mark.parametrize("form", FORMATS)
def test_without_any_answer_every_format_works(form: str) -> None:
    outcome = make_outcome(Path("there"), answers=[], skill=np.array([]))
    empty = replace(outcome, result=replace(outcome.result, n_annotations=np.zeros(5, np.int64)))
    assert contents(list(find_format(form)(empty)))


def test_the_card_counts_and_says_what_the_accuracy_is() -> None:
    card = export("csv")["dataset_card.md"].decode()
    assert "- 5 items, 1 of them with a label known beforehand\n" in card
    assert "- 4 annotations by 2 annotators\n" in card
    assert f"{(0.9 + 0.7 + 1 + 1 / 3) / 4:.4f}" in card
    assert "nobody has measured it" in card
    assert "| machine | 1 |\n| both | 3 |\n| known | 1 |" in card
    assert "| other \\| rest | 1 |" in card
    assert "| annotations | 2 | 2 | 2 |" in card
    assert "| skill of all, as estimated | 0.600 | 0.750 | 0.900 |" in card
    assert "- Features: small from somewhere, Apache-2.0\n" in card
    assert "ann" not in card.replace("annot", "")
    assert "links lead to the very files" in card
    assert "No foreign weights" in export("csv", licences=())["dataset_card.md"].decode()


def test_many_rows_cross_chunks() -> None:
    answers = [(f"worker {number}", Answer(0, 0)) for number in range(2500)]
    assert len(read_csv(export("crowdkit", answers=answers)["annotations.csv"])) == 2500


def test_folder_formats_need_images() -> None:
    for form in ("imagefolder", "huggingface", "fiftyone"):
        with pytest.raises(DataError, match="have no images; choose a format that is a table"):
            list(find_format(form)(make_outcome()))


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no format 'coco'; allowed: csv, jsonl"):
        find_format("coco")
