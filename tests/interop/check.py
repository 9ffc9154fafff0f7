"""Reads exports with the libraries that they are for. Run by `run.py` in an environment that has these libraries."""

import csv
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from cleanlab.multiannotator import get_label_quality_multiannotator, get_majority_vote_label
from crowdkit.aggregation import DawidSkene, MajorityVote
from datasets import ClassLabel, load_dataset
from fiftyone.utils.data.importers import FiftyOneImageClassificationDatasetImporter
from label_studio_sdk.converter import Converter


def check_crowdkit(folder: Path, labels: pd.DataFrame) -> None:
    table = pd.read_csv(folder / "annotations.csv")
    assert len(table) == labels["annotations"].sum()
    decided = labels.set_index("item")["label"]
    for method in (MajorityVote(), DawidSkene(n_iter=20)):
        found = method.fit_predict(table[["task", "worker", "label"]])
        agreement = (found == decided[found.index]).mean()
        assert agreement > 0.9, (method, agreement)


def check_cleanlab(folder: Path, labels: pd.DataFrame) -> None:
    table = pd.read_csv(folder / "annotations.csv", index_col="item")
    classes = json.loads((folder / "classes.json").read_text())
    assert table.notna().sum().sum() == labels["annotations"].sum()
    pred_probs = np.load(folder / "pred_probs.npy")
    found = get_label_quality_multiannotator(table, pred_probs, verbose=False)["label_quality"]
    decided = labels.set_index("item")["label"][table.index].map(classes.index)
    assert (found["consensus_label"].to_numpy() == decided.to_numpy()).mean() > 0.9
    assert len(get_majority_vote_label(table, pred_probs)) == len(table)


def check_datasets(folder: Path, labels: pd.DataFrame, cache: Path) -> None:
    names = json.loads((folder / "classes.json").read_text())
    loaded = load_dataset(str(folder), cache_dir=str(cache))["train"].cast_column("label", ClassLabel(names=names))
    order = {item: row for row, item in enumerate(loaded["item"])}
    assert len(loaded) == len(labels)
    for row in labels.itertuples():
        read = loaded[order[row.item]]
        assert names[read["label"]] == row.label
        assert read["probability"] == row.probability
        assert read["image"].size == (8, 8)


def check_imagefolder(folder: Path, labels: pd.DataFrame, cache: Path) -> None:
    """As `datasets` reads folders without metadata: the label is the folder."""
    with (folder / "folders.csv").open(newline="") as file:
        classes = {row["folder"]: row["class"] for row in csv.DictReader(file)}
    loaded = load_dataset(
        "imagefolder", data_files=[str(path) for path in folder.glob("*/*")], drop_labels=False, cache_dir=str(cache)
    )["train"]
    names = loaded.features["label"].names
    found = [classes[names[label]] for label in loaded["label"]]
    assert sorted(found) == sorted(labels["label"])


def check_fiftyone(folder: Path, labels: pd.DataFrame) -> None:
    importer = FiftyOneImageClassificationDatasetImporter(dataset_dir=str(folder), compute_metadata=False)
    importer.setup()
    found = {Path(path).read_bytes(): label.label for path, _, label in importer}
    assert len(found) == len(labels)
    assert sorted(found.values()) == sorted(labels["label"])


def check_label_studio(folder: Path, labels: pd.DataFrame, cache: Path) -> None:
    converter = Converter(str(folder / "interface.xml"), str(cache))
    converter.convert_to_csv(str(folder / "tasks.json"), str(cache / "csv"), is_dir=False, sep=",", header=True)
    table = pd.read_csv(cache / "csv" / "result.csv")
    assert table["label"].notna().sum() == labels["annotations"].sum()
    assert set(table["label"].dropna()) <= set(labels["label"])


def main() -> None:
    exports = Path(sys.argv[1])
    labels = pd.read_csv(exports / "csv" / "labels.csv")
    with TemporaryDirectory() as cache:
        check_crowdkit(exports / "crowdkit", labels)
        check_cleanlab(exports / "cleanlab", labels)
        check_datasets(exports / "huggingface", labels, Path(cache))
        check_imagefolder(exports / "imagefolder", labels, Path(cache))
        check_fiftyone(exports / "fiftyone", labels)
        check_label_studio(exports / "label_studio", labels, Path(cache))
    assert pd.read_parquet(exports / "parquet" / "labels.parquet").equals(labels)
    lines = pd.read_json(exports / "jsonl" / "labels.jsonl", lines=True)
    assert lines["label"].tolist() == labels["label"].tolist()
    print("crowd-kit, cleanlab, datasets, FiftyOne, Label Studio's converter, pandas: each reads what was written.")


if __name__ == "__main__":
    main()
