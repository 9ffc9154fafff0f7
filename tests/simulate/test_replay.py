"""Crowds that say what was once said."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_crowd import SEEDS, assert_distributions, labels
from small_simulation import configure, write_folder

from askless.campaign import Campaign
from askless.config import compose
from askless.errors import ConfigError, DataError
from askless.report import write_report
from askless.simulate.crowds import annotator_names, make_crowd
from askless.simulate.experiment import run_rounds
from askless.simulate.recorded import Counts, Records
from askless.simulate.replay import CountsCrowd, RecordedCrowd, replay_counts, replay_records
from askless.simulate.run import simulate
from askless.simulate.sources import load
from askless.types import Answer, Batch
from killing import until_it_lives

TRUTH = np.array([0, 0, 1, 1, 2])


def known_people() -> RecordedCrowd:
    """Eve saw items 0, 2, 3; bob 0, 1; nobody called zoe has said anything; nobody saw class 2."""
    records = Records(
        item=np.array([2, 0, 0, 3, 1]),
        label=np.array([1, 0, 1, 2, 0]),
        annotator=np.array([0, 0, 2, 0, 2]),
        names=("eve", "zoe", "bob"),
        response_ms=np.array([5, -1, 7, 8, 9]),
        n_items=5,
    )
    return replay_records(records, TRUTH, 3, (), 0)


def unknown_people(n_labels: list[int], n_strangers: int, seed: int = 0) -> tuple[Records, RecordedCrowd]:
    item = np.repeat(np.arange(len(n_labels)), n_labels)
    item = np.random.default_rng(1).permutation(item)
    label = np.arange(len(item)) % 7
    records = Records(item, label, None, (), np.full(len(item), -1), len(n_labels))
    truth = np.zeros(len(n_labels), int)
    return records, replay_records(records, truth, 7, annotator_names(n_strangers), seed)


# Known people


def test_people_say_what_is_on_record() -> None:
    crowd = known_people()
    assert crowd.names == crowd.available() == ("eve", "bob")
    assert {name: items.tolist() for name, items in crowd.askable.items()} == {"eve": [0, 2, 3], "bob": [0, 1]}
    assert crowd.answer(Batch(0, "eve", (3, 0), 0.0)) == [Answer(3, 2, 8), Answer(0, 0, None)]
    assert crowd.answer(Batch(0, "bob", (1,), 0.0)) == [Answer(1, 0, 9)]


def test_people_are_not_asked_about_what_they_did_not_see() -> None:
    with pytest.raises(DataError, match="'bob' has no label of item 3 on record; ask about `askable` only"):
        known_people().answer(Batch(0, "bob", (0, 3), 0.0))
    with pytest.raises(DataError, match="no annotator 'zoe'; this crowd has eve to bob"):
        known_people().answer(Batch(0, "zoe", (0,), 0.0))


def test_skill_and_confusion_on_record() -> None:
    crowd = known_people()
    np.testing.assert_allclose(crowd.skill, [2 / 3, 1 / 2])
    everyone = [[2 / 3, 1 / 3, 0], [0, 1 / 2, 1 / 2], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(crowd.population_counts, everyone)
    assert_distributions(crowd.confusion)
    np.testing.assert_allclose(crowd.confusion[0, 0], (np.array([1, 0, 0]) + everyone[0]) / 2)
    np.testing.assert_allclose(crowd.confusion[0, 1], (np.array([0, 1, 1]) + everyone[1]) / 3)
    np.testing.assert_allclose(crowd.confusion[1, 1:], everyone[1:])


# Unknown people


@given(
    n_labels=st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any), n_strangers=st.integers(1, 8), seed=SEEDS
)
def test_labels_of_an_item_are_dealt_without_replacement(n_labels: list[int], n_strangers: int, seed: int) -> None:
    records, crowd = unknown_people(n_labels, n_strangers, seed)
    for item, n in enumerate(n_labels):
        of_item = [name for name in crowd.names if item in crowd.askable[name]]
        dealt = Counter(labels(crowd, name, [item])[0] for name in of_item)
        there = Counter(records.label[records.item == item].tolist())
        assert dealt.total() == min(n, n_strangers)
        assert dealt <= there
    again = unknown_people(n_labels, n_strangers, seed)[1]
    np.testing.assert_array_equal(again.annotator, crowd.annotator)


def test_strangers_get_equal_parts_at_random() -> None:
    _, crowd = unknown_people([3] * 2000, 10)
    sizes = [len(items) for items in crowd.askable.values()]
    assert len(crowd.names) == 10
    assert sum(sizes) == 6000
    assert max(abs(size - 600) for size in sizes) < 5 * np.sqrt(600)
    pairs = Counter(tuple(sorted(crowd.annotator[crowd.item == item].tolist())) for item in range(2000))
    assert len(pairs) == 10 * 9 * 8 / 6
    assert (unknown_people([3] * 2000, 10, seed=1)[1].annotator != crowd.annotator).any()


# Counts


def test_people_answer_as_many_did() -> None:
    counts = Counts(np.tile([[6, 3, 1], [0, 2, 2]], (20_000, 1)))
    crowd = replay_counts(counts, np.arange(40_000) % 2, ("ann", "bob"), 1.0, 0.0, 3)
    assert crowd.askable is None
    for name in crowd.names:
        said = np.array(labels(crowd, name, list(range(40_000))))
        np.testing.assert_allclose(np.bincount(said[::2]) / 20_000, [0.6, 0.3, 0.1], atol=0.015)
        np.testing.assert_allclose(np.bincount(said[1::2]) / 20_000, [0, 0.5, 0.5], atol=0.015)
    np.testing.assert_allclose(crowd.confusion, np.tile([[0.6, 0.3, 0.1], [0, 0.5, 0.5], [1 / 3] * 3], (2, 1, 1)))
    np.testing.assert_allclose(crowd.skill, (0.6 + 0.5 + 1 / 3) / 3)


@given(items=st.lists(st.integers(0, 49), unique=True, min_size=1), seed=SEEDS)
def test_a_label_depends_on_seed_annotator_and_item_only(items: list[int], seed: int) -> None:
    counts = Counts(np.random.default_rng(0).integers(1, 9, (50, 4)))
    crowd = replay_counts(counts, np.zeros(50, int), ("ann", "bob"), 0.6, 0.2, seed)
    together = labels(crowd, "bob", list(range(50)))
    assert labels(crowd, "bob", items) == [together[item] for item in items]
    larger = replay_counts(counts, np.zeros(50, int), ("ann", "bob", "eve"), 0.6, 0.2, seed)
    assert labels(larger, "bob", items) == [together[item] for item in items]


def test_care_makes_some_better_than_others() -> None:
    counts = Counts(np.tile(np.eye(4, dtype=int) * 9, (300, 1)))
    crowd = replay_counts(counts, np.arange(1200) % 4, annotator_names(400), 2 / 3, 0.178, 3)
    assert crowd.care.mean() == pytest.approx(2 / 3, abs=0.03)
    assert crowd.care.std() == pytest.approx(0.178, abs=0.02)
    np.testing.assert_allclose(crowd.skill, crowd.care + (1 - crowd.care) / 4)
    np.testing.assert_allclose(crowd.population_counts, crowd.confusion.mean(axis=0))
    best = int(crowd.care.argmax())
    said = np.array(labels(crowd, crowd.names[best], list(range(1200))))
    assert (said == np.arange(1200) % 4).mean() == pytest.approx(crowd.skill[best], abs=0.05)
    assert_distributions(crowd.confusion)


def test_nobody_is_asked_about_an_item_that_nobody_looked_at() -> None:
    counts = Counts(np.array([[1, 1], [0, 0], [2, 0]]))
    crowd = replay_counts(counts, np.array([0, 0, 1]), ("ann", "bob"), 1.0, 0.0, 0)
    assert crowd.askable is not None
    assert {name: items.tolist() for name, items in crowd.askable.items()} == {"ann": [0, 2], "bob": [0, 2]}


def test_a_spread_of_care_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mean crowd\.skill=0\.9 .* crowd\.spread=0\.4"):
        replay_counts(Counts(np.ones((2, 2), int)), np.zeros(2, int), ("ann",), 0.9, 0.4, 0)


# In a simulation


def write_answers(folder: Path, n_people: int | None, per_item: int = 3, items: range = range(48)) -> str:
    """Each item's labels by so many people, each right three times of four; as strangers if there are none."""
    rng = np.random.default_rng(8)
    lines = ["item,label,annotator"]
    for item in items:
        for name in rng.permutation(n_people or 9)[:per_item]:
            label = item % 3 if rng.random() < 0.75 else rng.integers(3)
            lines.append(f"{item},{label},{f'p{name}' if n_people else ''}")
    (folder / "answers.csv").write_text("\n".join(lines))
    return f"crowd.recorded={folder / 'answers.csv'}"


REPLAY = ["simulation=replay", "crowd.skill=1", "learner_method=ds_model"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "small")


@pytest.mark.parametrize("n_people", [9, None])
def test_a_replay_buys_only_what_is_on_record(folder: Path, n_people: int | None) -> None:
    config = configure(folder, *REPLAY, write_answers(folder, n_people), "max_risk=0")
    source = load(config)
    crowd = make_crowd(config, source)
    assert isinstance(crowd, RecordedCrowd)
    campaign = Campaign.create(None, source.dataset, source.features, config.campaign, prototypes=source.prototypes)
    list(run_rounds(campaign, crowd))
    said = campaign.annotations()
    pairs = list(zip(said.item.tolist(), said.annotator.tolist(), said.label.tolist(), strict=True))
    there = list(zip(crowd.item.tolist(), crowd.annotator.tolist(), crowd.label.tolist(), strict=True))
    known = set(source.prototypes.item.tolist())
    assert sorted(pairs) == sorted(row for row in there if row[0] not in known)
    assert campaign.status().n_exhausted == 39
    campaign.close()


def test_items_without_a_label_on_record_are_only_prototypes(folder: Path) -> None:
    """Of 16 items of a class 10 have labels: 3 others are prototypes, and 3 are left out."""
    source = load(configure(folder, *REPLAY, write_answers(folder, 9, items=range(30))))
    assert source.dataset.n_items == 39
    known = {source.dataset.items[item] for item in source.prototypes.item}
    rest = set(source.dataset.items) - known
    assert rest == {f"item-{row:05}" for row in range(30)}
    assert known <= {f"item-{row:05}" for row in range(30, 48)}
    assert np.bincount(source.prototypes.label).tolist() == [3, 3, 3]
    np.testing.assert_array_equal(source.truth, [int(item[-5:]) % 3 for item in source.dataset.items])


def test_prototypes_take_from_the_labelled_if_they_must(folder: Path) -> None:
    source = load(configure(folder, *REPLAY, write_answers(folder, 9, items=range(42))))
    known = {int(source.dataset.items[item][-5:]) for item in source.prototypes.item}
    assert set(range(42, 48)) < known
    assert source.dataset.n_items == 48


def test_without_any_label_on_record_there_is_nothing_to_do(folder: Path) -> None:
    config = configure(folder, *REPLAY, write_answers(folder, 9, items=range(2)), "classes=['2', '1']")
    with pytest.raises(DataError, match="No item that could be labelled has a label on record"):
        load(config.model_copy(update={"classes": ("2",)}))
    assert load(config).dataset.classes == ("2", "1")


@pytest.mark.parametrize(("n_people", "n_annotators"), [(9, 7), (None, 7), (None, 2)])
def test_more_labels_than_there_are_cannot_be_bought(folder: Path, n_people: int | None, n_annotators: int) -> None:
    fewest = min(3, n_annotators) if n_people is None else 3
    config = configure(
        folder,
        *REPLAY,
        write_answers(folder, n_people),
        f"sampler.max_per_item={fewest + 1}",
        f"crowd.n_annotators={n_annotators}",
    )
    message = (
        rf"Item 'item-\d+' has {fewest} labels .* sampler\.max_per_item={fewest + 1}; set that to {fewest} at most"
    )
    with pytest.raises(ConfigError, match=message):
        make_crowd(config, load(config))


def test_counts_in_a_simulation(folder: Path) -> None:
    counts = np.eye(3, dtype=int)[np.arange(48) % 3] * 8 + 1
    counts[40:] = 0
    np.save(folder / "counts.npy", counts)
    config = configure(folder, *REPLAY, f"crowd.recorded={folder / 'counts.npy'}", "sampler.max_per_item=6")
    source = load(config)
    crowd = make_crowd(config, source)
    assert isinstance(crowd, CountsCrowd)
    assert crowd.care.tolist() == [1.0] * 7
    assert source.dataset.n_items == 40 + 8
    assert simulate(config)["accuracy"] > 0.9


@pytest.mark.parametrize("sampler", ["random", "greedy_task_assignment"])
@pytest.mark.parametrize("prior", ["predefined_homogeneous", "homogeneous_perfect", "heterogeneous_perfect"])
def test_every_prior_and_sampler(folder: Path, tmp_path: Path, sampler: str, prior: str) -> None:
    settings = [*REPLAY, write_answers(folder, 20), f"sampler.algo={sampler}", f"prior.kind={prior}"]
    summary = simulate(configure(folder, *settings), tmp_path / "run")
    assert summary["n_annotators"] == 20
    assert summary["accuracy"] > 0.8
    with np.load(tmp_path / "run" / "evaluation.npz") as arrays:
        assert arrays["skill_true"].shape == (20,)
        np.testing.assert_allclose(arrays["confusion_true"].sum(axis=1), 1)


@pytest.mark.slow
@pytest.mark.parametrize("n_people", [9, None])
def test_killed_and_resumed(folder: Path, tmp_path: Path, n_people: int | None) -> None:
    config = configure(folder, *REPLAY, write_answers(folder, n_people))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    simulate(config, whole)
    n_deaths = until_it_lives(
        lambda: simulate(config, killed, resume=killed.exists()), 2, is_committed=True, after_death=lambda: None
    )
    assert n_deaths >= 3
    for name in ("labels.csv", "riskiest.json"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


# Real people


REAL = ["simulation=replay", "learner_method=ds_model"]


@pytest.mark.slow
def test_cifar10s_has_248_people(shared: Path, tmp_path: Path) -> None:
    """Every label is bought: majority vote over all of them is as right as the table says."""
    recorded = f"crowd.recorded={shared / 'cifar10s' / 'annotations.parquet'}"
    config = compose([f"dataset={shared / 'cifar10h'}", *REAL, recorded, "sampler.max_per_item=6"])
    source = load(config)
    crowd = make_crowd(config, source)
    assert isinstance(crowd, RecordedCrowd)
    assert len(crowd.names) == 248
    assert (source.dataset.n_items, len(source.prototypes), len(crowd.item)) == (1100, 100, 6200)
    assert not set(source.prototypes.item) & set(crowd.item)
    assert (crowd.label == source.truth[crowd.item]).mean() == pytest.approx(0.843, abs=0.002)
    assert crowd.response_ms.min() > 7000

    summary = simulate(config, tmp_path / "run")
    assert (summary["n_items"], summary["n_annotators"]) == (1000, 248)
    assert 0.9 < summary["accuracy"] < 0.95
    page = write_report([tmp_path / "run"], tmp_path / "report.html").read_text()
    assert "of 248 annotators" in page
    assert "The busiest annotators" in page


def test_cifar10n_has_three_labels_and_no_names(shared: Path) -> None:
    recorded = f"crowd.recorded={shared / 'cifar10n' / 'annotations.parquet'}"
    settings = [f"dataset={shared / 'cifar10n'}", *REAL, recorded, "n_data_per_class=60"]
    config = compose([*settings, "max_risk=0"])
    crowd = make_crowd(config, load(config))
    assert crowd.names == annotator_names(50)
    assert crowd.skill.mean() == pytest.approx(0.82, abs=0.03)
    assert simulate(config)["n_annotations"] == 3 * 600
    with pytest.raises(ConfigError, match="has 3 labels of different people on record"):
        make_crowd(compose([*settings, "sampler.max_per_item=4"]), load(config))


def test_cifar10h_counts_with_and_without_care(shared: Path) -> None:
    recorded = f"crowd.recorded={shared / 'cifar10h' / 'human_counts.npy'}"
    settings = [f"dataset={shared / 'cifar10h'}", *REAL, recorded, "n_data_per_class=60"]
    config = compose(settings)
    source = load(config)
    careful = make_crowd(config, source)
    careless = make_crowd(compose([*settings, "crowd.skill=0.667", "crowd.spread=0.178"]), source)
    assert careful.skill.min() == pytest.approx(careful.skill.max()) == pytest.approx(0.95, abs=0.02)
    assert careless.skill.mean() == pytest.approx(0.667 * 0.95 + 0.333 / 10, abs=0.06)
    assert careless.skill.std() == pytest.approx(0.178 * 0.85, abs=0.04)
