"""A simulation with a folder of its own: everything about it, and enough to go on with it after a kill."""

import csv
import io
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from askless.campaign import Campaign
from askless.config import config_from_settings
from askless.core.risk import ItemStatus
from askless.data.durable import replace_text
from askless.data.table import write_tables
from askless.errors import ConfigError, DataError
from askless.settings import SimulationConfig
from askless.simulate.crowd import Crowd
from askless.simulate.crowds import make_crowd, prior_counts
from askless.simulate.experiment import Row, measure, reached, run_rounds
from askless.simulate.folder import alone, make_folder, read_sealed, remove_made, write_json, write_sealed
from askless.simulate.gold import ask_gold, budget_after_gold, count_gold, gold_columns, gold_prior
from askless.simulate.sources import Source, load

CONFIG_FILE = "config.toml"
SUMMARY_FILE = "summary.json"
N_RISKIEST = 24
LIBRARIES = ("askless", "numpy", "scipy", "scikit-learn", "sqlalchemy", "pydantic")


def simulate(
    config: SimulationConfig,
    folder: Path | None = None,
    *,
    resume: bool = False,
    on_round: Callable[[Row], None] = lambda row: None,
) -> dict[str, Any]:
    """Runs a simulation to its end.

    Args:
        config: data, crowd, method.
        folder: gets config.toml, log.db, metrics.csv (a row a round), labels.csv, evaluation.npz, riskiest.json
            and summary.json, with gold questions gold.csv; none keeps everything in memory.
        resume: go on in a folder that is there already.
        on_round: called with each new row of metrics.csv.

    Returns:
        The summary: what `--json` prints.

    Raises:
        ConfigError: the folder is there and `resume` is false, or belongs to another configuration.
        DataError, StoreError: data or log cannot be used; a folder made by this call is removed again.
    """
    config = config.with_absolute_paths()
    with threadpool_limits(limits=1, user_api="blas"):  # features do not depend on how many cores there are
        source = load(config)
        crowd = make_crowd(config, source)
        n_gold = count_gold(config, source, crowd)
    if folder is None:
        with closing(_create(None, config, source, crowd)) as campaign:
            rows = list(_measured_rounds(campaign, source, crowd, n_gold, [], on_round))
            return _summary(config, campaign, source, rows)
    if resume:
        _check_same_config(folder, config)
    elif folder.exists():
        raise ConfigError(f"The run folder {folder} exists; go on with it by --resume, or choose another by --out.")
    made = make_folder(folder)
    try:
        write_config(config, folder)
        campaign = _open_or_create(folder / "log.db", config, source, crowd)
    except Exception:
        remove_made(made)
        raise
    with closing(campaign), alone(folder):
        for unfinished in folder.glob("log.db.*.new*"):  # from a kill while the log was made
            unfinished.unlink(missing_ok=True)
        rows = _drive(folder / "metrics.csv", campaign, source, crowd, n_gold, on_round)
        summary = _summary(config, campaign, source, rows)
        campaign.result().to_csv(folder / "labels.csv")
        np.savez(folder / "evaluation.npz", **_evaluation(campaign, source, crowd))
        write_json(folder / "riskiest.json", _riskiest(campaign, source))
        write_json(folder / SUMMARY_FILE, summary | {"versions": _versions()})
    return summary


def read_config(folder: Path) -> SimulationConfig:
    """The configuration that a run folder was made with, its data named by absolute paths.

    Raises:
        ConfigError: it is no run folder, or its config.toml is damaged.
    """
    return config_from_settings(read_sealed(folder / CONFIG_FILE, "run")).with_absolute_paths()


def write_config(config: SimulationConfig, folder: Path) -> None:
    """Makes a run folder of `folder`: all else in it can be made from this file."""
    write_sealed(folder / CONFIG_FILE, "run", config.to_settings())


def _check_same_config(folder: Path, config: SimulationConfig) -> None:
    before = read_config(folder)
    changed = [key for key in type(config).model_fields if getattr(before, key) != getattr(config, key)]
    if changed:
        raise ConfigError(
            f"The run in {folder} has {changed[0]}={getattr(before, changed[0])!r}, not "
            f"{getattr(config, changed[0])!r}; resume it with the same settings, or start another by --out."
        )


def open_run(folder: Path) -> Campaign:
    """The campaign of a run folder.

    Raises:
        ConfigError: it is no run folder.
        DataError, StoreError: its data or its log cannot be used.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        features = load(read_config(folder)).features
    return Campaign.open(folder / "log.db", features, clock=_simulated_time)


def _open_or_create(log: Path, config: SimulationConfig, source: Source, crowd: Crowd) -> Campaign:
    if log.exists():
        return Campaign.open(log, source.features, clock=_simulated_time)
    return _create(log, config, source, crowd)


def _create(log: Path | None, config: SimulationConfig, source: Source, crowd: Crowd) -> Campaign:
    prior, budget = prior_counts(config.prior, crowd), config.budget
    if config.gold.n_per_class:
        budget = budget_after_gold(config, count_gold(config, source, crowd))
        gold = ask_gold(crowd, source, config.gold.n_per_class, config.seed)
        prior = gold_prior(gold, source, config)
        if log is not None:
            write_tables({log.with_name("gold.csv"): gold_columns(gold, source, crowd)})
    return Campaign.create(
        log,
        source.dataset,
        source.features,
        config.campaign.model_copy(update={"budget": budget}),
        prototypes=source.prototypes,
        prior_counts=prior,
        seed=config.seed,
        clock=_simulated_time,
    )


def _simulated_time() -> float:
    """Simulated people answer at once: no lease ever ends, and a log depends on its configuration only."""
    return 0.0


def _drive(
    file: Path, campaign: Campaign, source: Source, crowd: Crowd, n_gold: int, on_round: Callable[[Row], None]
) -> list[Row]:
    """Runs to the end, keeping metrics.csv in step with the log: a row is on disk before the next round begins."""
    rows = _read_rows(file)[: campaign.n_refreshes]
    if len(rows) < campaign.n_refreshes - 1:
        raise DataError(
            f"{file} has {len(rows)} whole rows for {campaign.n_refreshes} refreshes; rows were cut off, so run anew."
        )
    _write_rows(file, rows)
    with file.open("a", newline="", encoding="utf-8") as stream:
        for row in _measured_rounds(campaign, source, crowd, n_gold, rows, on_round):
            writer = csv.DictWriter(stream, list(row), lineterminator="\n")
            if stream.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
            stream.flush()
            os.fsync(stream.fileno())
    return rows


def _write_rows(file: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    replace_text(file, text.getvalue())


def _measured_rounds(
    campaign: Campaign,
    source: Source,
    crowd: Crowd,
    n_gold: int,
    rows: list[Row],
    on_round: Callable[[Row], None],
) -> Iterator[Row]:
    """Rows after those there are; each is also appended to `rows`."""
    start = time.perf_counter() - ((rows[-1]["seconds"] or 0.0) if rows else 0.0)
    for _ in run_rounds(campaign, crowd):
        if len(rows) < campaign.n_refreshes:
            row = measure(campaign, source, n_gold) | {"seconds": round(time.perf_counter() - start, 3)}
            rows.append(row)
            on_round(row)
            yield row


def _read_rows(file: Path) -> list[Row]:
    if not file.exists():
        return []
    try:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        return [{key: _number(text) for key, text in row.items()} for row in csv.DictReader(lines)]
    except (ValueError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error}); delete the folder and run anew.") from error


def _number(text: str) -> int | float | None:
    if not text:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _summary(config: SimulationConfig, campaign: Campaign, source: Source, rows: list[Row]) -> dict[str, Any]:
    """The keys about gold, distractors and audits are there if the run has such."""
    status, last = campaign.status(), rows[-1]
    particular = {
        name: last[column]
        for name, column in {
            "n_gold": "n_gold",
            "accuracy_wanted": "posterior_wanted_top1",
            "other_recall": "posterior_other_top1",
            "other_precision": "other_precision",
            "n_audited": "n_audited",
            "accuracy_low": "accuracy_low",
            "accuracy_high": "accuracy_high",
        }.items()
        if column in last
    }
    return {
        "method": config.learner_method,
        "dataset": config.data_name,
        "simulation": config.simulation,
        "seed": config.seed,
        "n_items": status.n_items,
        "n_prototypes": len(source.prototypes),
        "n_classes": source.dataset.n_classes,
        "n_annotators": len(campaign.annotators),
        "n_annotations": last["n_annotations"],
        "annotations_per_item": last["annotations_per_item"],
        "accuracy": last["posterior_all_top1"],
        "finished_share": last["finished_share"],
        "finished_accuracy": last["finished_accuracy"],
        "ece": last["posterior_all_ece"],
        **particular,
        "seconds": last["seconds"],
        "stopped_because": status.stopped,
        "reached": reached(rows),
    }


def _evaluation(campaign: Campaign, source: Source, crowd: Crowd) -> dict[str, Any]:
    """Belief against truth: per item to label, per annotator, and the mean confusion matrix of the annotators."""
    estimate, result = campaign.estimate, campaign.result()
    to_label = result.status != ItemStatus.KNOWN
    confusion = estimate.confusion
    J = confusion.n_annotators
    arrays = {
        "classes": np.array(source.dataset.classes),
        "truth": source.truth[to_label],
        "posterior": estimate.posterior[to_label].astype(np.float32),
        "n_annotations": result.n_annotations[to_label],
        "annotator": np.array(campaign.annotators),
        "skill_true": crowd.skill,
        "skill_estimated": confusion.skill(estimate.class_prior),
        "annotator_count": np.bincount(campaign.annotations().annotator, minlength=J),
        "confusion_true": crowd.confusion.mean(axis=0),
        "confusion_estimated": sum(confusion.matrices([j])[0] for j in range(J)) / J,
    }
    return arrays if estimate.machine is None else arrays | {"machine": estimate.machine[to_label]}


def _riskiest(campaign: Campaign, source: Source) -> list[dict[str, Any]]:
    estimate, result, annotations = campaign.estimate, campaign.result(), campaign.annotations()
    names, images = source.dataset.classes, source.dataset.images
    riskiest = [int(i) for i in np.argsort(-estimate.risk, kind="stable") if result.status[i] != ItemStatus.KNOWN]
    return [
        {
            "item": source.dataset.items[i],
            "image": images[i] if images else None,
            "truth": names[source.truth[i]],
            "label": names[estimate.label[i]],
            "probability": round(float(result.probability[i]), 6),
            "annotations": int(result.n_annotations[i]),
            "votes": {
                names[z]: int(n) for z, n in Counter(annotations.label[annotations.item == i].tolist()).most_common()
            },
        }
        for i in riskiest[:N_RISKIEST]
    ]


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
