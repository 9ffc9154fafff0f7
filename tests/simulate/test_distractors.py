"""Classes of choice, and items of none of them."""

import csv
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from small_crowd import assert_distributions
from small_simulation import configure, write_folder

from askless.config import compose, experiment_classes
from askless.errors import DataError
from askless.settings import PriorKind
from askless.simulate import amt as workers
from askless.simulate.crowds import make_crowd, prior_counts
from askless.simulate.experiment import Row
from askless.simulate.run import simulate
from askless.simulate.sources import Source, load

CHOSEN = ["classes=['3', '8']", "n_data_per_class=20", "n_prototypes_per_class=4"]


def digits(*overrides: str) -> Source:
    return load(compose([*CHOSEN, *overrides]))


def names_of(source: Source, items: object) -> list[str]:
    return [source.dataset.items[i] for i in items]  # type: ignore[attr-defined]


def test_a_data_set_may_be_cut_to_some_classes() -> None:
    source = digits()
    assert source.dataset.classes == ("3", "8")
    assert not source.has_other
    assert np.bincount(source.truth).tolist() == [24, 24]
    everything = load(compose([]))
    truth = dict(zip(everything.dataset.items, everything.truth, strict=True))
    assert [truth[item] for item in source.dataset.items] == [[3, 8][y] for y in source.truth]
    rows = [everything.dataset.items.index(item) for item in source.dataset.items]
    np.testing.assert_array_equal(source.features.values, everything.features.values[rows])
    assert load(compose(["classes=['8', '3']"])).dataset.classes == ("8", "3")


def test_distractors_are_of_other_classes() -> None:
    source, without = digits("n_data_distraction_per_class=15"), digits()
    assert source.dataset.classes == ("3", "8", "other")
    assert source.has_other
    assert np.bincount(source.truth).tolist() == [24, 24, 2 * 15 + 4]
    assert np.bincount(source.prototypes.label).tolist() == [4, 4, 4]
    digit = dict(zip(load(compose([])).dataset.items, load(compose([])).truth.tolist(), strict=True))
    of_others = {digit[source.dataset.items[i]] for i in np.flatnonzero(source.truth == 2)}
    assert of_others <= {0, 1, 2, 4, 5, 6, 7, 9}
    assert len(of_others) >= 5
    # The chosen classes are drawn as without distractors.
    of_chosen = np.flatnonzero(source.truth < 2)
    assert names_of(source, of_chosen) == list(without.dataset.items)
    assert set(names_of(without, without.prototypes.item)) < set(names_of(source, source.prototypes.item))


def test_fewer_distractors_than_asked_are_all_there_are(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    source = load(configure(folder, "classes=['0', '1']", "n_distractors_per_class=1000"))
    assert np.bincount(source.truth).tolist() == [16, 16, 16]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["classes=['3', 'owl', 'ape']"], "no item of class 'owl' and 1 more; the classes are 0, 1, 2, 3, 4, ...;"),
        (
            [f"classes={list('0123456789')}", "n_distractors_per_class=1"],
            "There can be no distractors, since all classes are chosen; choose other classes, or set n_distractors",
        ),
        (
            [f"classes={list('012345678')}", "n_distractors_per_class=1", "n_prototypes_per_class=200"],
            "Class '0' has 178 items, too few for 200 prototypes",
        ),
        (
            ["classes=['3', '8']", "n_distractors_per_class=1", "n_prototypes_per_class=1500"],
            "Class '3' has 183 items, too few",
        ),
    ],
)
def test_classes_that_do_not_fit(settings: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(compose(settings))


def test_a_class_called_other_leaves_no_name_for_distractors(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    (folder / "class_names.json").write_text('["other", "a", "b"]')
    with pytest.raises(DataError, match="since one of the classes is called 'other'; choose other classes"):
        load(configure(folder, "classes=['other', 'a']", "n_distractors_per_class=2"))
    assert load(configure(folder, "classes=['a', 'b']", "n_distractors_per_class=2")).dataset.classes[-1] == "other"


def test_distractors_of_own_features(tmp_path: Path) -> None:
    paths = [f"{name}/{row}.jpg" for row in range(6) for name in ("cat", "dog", "owl", "cow")]
    np.save(tmp_path / "mine.npy", np.arange(72, dtype=np.float32).reshape(24, 3))
    (tmp_path / "mine.txt").write_text("\n".join(paths))
    source = load(
        compose(
            [
                f"features={tmp_path / 'mine.npy'}",
                f"images={tmp_path / 'mine.txt'}",
                "classes=['dog', 'cat']",
                "n_distractors_per_class=3",
                "n_prototypes_per_class=2",
            ]
        )
    )
    assert source.dataset.classes == ("dog", "cat", "other")
    assert np.bincount(source.truth).tolist() == [6, 6, 8]
    folders = [item.split("/")[0] for item in source.dataset.items]
    assert [["dog", "cat", "other"][y] for y in source.truth] == [
        name if name in ("dog", "cat") else "other" for name in folders
    ]
    np.testing.assert_array_equal(source.features.values[:, 0] / 3, [paths.index(i) for i in source.dataset.items])


def synthetic(*overrides: str) -> Source:
    settings = ["experiment=imagenet_split_2", "features=synthetic", "n_data_per_class=6", "n_prototypes_per_class=2"]
    return load(compose([*settings, "n_dimensions=20", *overrides]))


def test_synthetic_distractors() -> None:
    source, without = synthetic("n_distractors_per_class=4"), synthetic()
    assert np.bincount(source.truth).tolist() == [8] * 13 + [13 * 4 + 2]
    assert np.bincount(source.prototypes.label).tolist() == [2] * 14
    np.testing.assert_array_equal(source.truth[source.prototypes.item], source.prototypes.label)
    np.testing.assert_array_equal(source.features.values[:104], without.features.values)
    names = {item.split("/")[0] for item in source.dataset.items[104:]}
    assert not names & set(experiment_classes("imagenet_split_2"))
    assert len(names) > 20
    assert synthetic("n_distractors_per_class=4", "seed=9").dataset.items[104:] != source.dataset.items[104:]
    with pytest.raises(DataError, match="no distractors, since all classes are chosen"):
        load(compose(["experiment=imagenet_100_classes", "features=synthetic", "n_distractors_per_class=1"]))


# Crowds


@pytest.mark.parametrize("kind", ["perfect", "uniform", "structured_noise"])
def test_people_know_the_other_class(kind: str) -> None:
    settings = [*CHOSEN, "n_distractors_per_class=15", f"simulation={kind}", "crowd.n_annotators=4"]
    config = compose(settings)
    crowd = make_crowd(config, load(config))
    assert crowd.confusion.shape == (4, 3, 3)
    assert_distributions(crowd.confusion)


def test_recorded_labels_outside_the_classes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "small")
    lines = [f"{i},p{j},{(i + (j == 2)) % 3}" for i in range(48) for j in range(3)]  # the third person says the next
    (folder / "answers.csv").write_text("\n".join(["item,annotator,label", *lines]))
    replay = ["simulation=replay", "crowd.kind=replay", "crowd.skill=1", f"crowd.recorded={folder / 'answers.csv'}"]
    settings = [*replay, "classes=['2', '0']", "sampler.max_per_item=2"]
    for overrides, labels_of_third in ((["n_distractors_per_class=8"], [1, 2, 0]), ([], [1, None])):
        config = configure(folder, *settings, *overrides)
        source = load(config)
        crowd = make_crowd(config, source)
        assert crowd.askable is not None
        for y, label in enumerate(labels_of_third):
            said = [i for i in crowd.askable["p2"] if source.truth[i] == y]
            assert bool(said) == (label is not None)
        if overrides:
            np.testing.assert_allclose(crowd.skill, [1, 1, 0])


@pytest.fixture
def amt_folder(shared: Path) -> Path:
    return shared / "amt_imagenet100"


@pytest.mark.parametrize("kind", ["amt_structured_noise", "amt_uniform_noise"])
@pytest.mark.parametrize("experiment", ["imagenet_split_0", "imagenet_animal"])
def test_workers_know_the_other_class(amt_folder: Path, kind: str, experiment: str) -> None:
    classes = experiment_classes(experiment)
    draw = getattr(workers, kind)
    with_other = draw(amt_folder, (*classes, "other"), 5, 123, has_other=True)
    assert_distributions(with_other)
    population = workers.amt_population_counts(amt_folder, (*classes, "other"), has_other=True)
    np.testing.assert_allclose(population[:-1, :-1], workers.amt_population_counts(amt_folder, classes))
    weight = population.sum(axis=1)
    assert 0.3 < weight[-1] / weight[:-1].mean() < 3  # as one class, not as all the others together


@pytest.mark.parametrize("simulation", ["amt_structured_noise", "amt_uniform_noise"])
def test_every_prior_of_workers_with_distractors(amt_folder: Path, simulation: str) -> None:
    settings = ["experiment=imagenet_split_2", "features=synthetic", "n_data_per_class=3", "n_distractors_per_class=2"]
    config = compose([*settings, f"simulation={simulation}", f"crowd.amt_folder={amt_folder}", "crowd.n_annotators=4"])
    crowd = make_crowd(config, load(config))
    for kind in get_args(PriorKind):
        counts = prior_counts(config.prior.model_copy(update={"kind": kind}), crowd)
        assert counts.shape[-2:] == (14, 14)
        assert (counts.sum(axis=-1) > 0).all()
        assert (counts >= 0).all()


# What is measured


@pytest.mark.parametrize("method", ["majority_vote", "ds_model", "lean", "efficient_annotation"])
def test_distractors_are_measured_apart(tmp_path: Path, method: str) -> None:
    folder = write_folder(tmp_path / "small", n_items=90)
    rows: list[Row] = []
    config = configure(folder, "classes=['0', '2']", "n_distractors_per_class=10", f"learner_method={method}")
    summary = simulate(config, tmp_path / "run", on_round=rows.append)
    with (tmp_path / "run" / "labels.csv").open(newline="") as file:
        table = [row for row in csv.DictReader(file) if row["status"] != "known"]
    truth = ["other" if (y := int(row["item"][-5:]) % 3) == 1 else str(y) for row in table]
    label = [row["label"] for row in table]
    is_right = np.array([a == b for a, b in zip(truth, label, strict=True)])
    is_other = np.array([name == "other" for name in truth])
    assert is_other.sum() == 20
    assert summary["accuracy"] == pytest.approx(is_right.mean())
    assert summary["accuracy_wanted"] == pytest.approx(is_right[~is_other].mean())
    assert summary["other_recall"] == pytest.approx(is_right[is_other].mean())
    assert summary["other_precision"] == pytest.approx(is_right[np.array(label) == "other"].mean())
    last = rows[-1]
    assert last["posterior_wanted_correct"] == is_right[~is_other].sum()
    assert last["posterior_other_correct"] == is_right[is_other].sum()
    assert (last["machine_other_top1"] is None) == (method in ("majority_vote", "ds_model"))
