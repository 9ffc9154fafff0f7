"""The paper's experiments: their presets, their classes, and items of these from a recipe or from the user's files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.config import compose, config_from_settings, experiment_classes, preset_names
from askless.data.image_rows import read_image_rows
from askless.errors import ConfigError, DataError
from askless.settings import SimulationConfig
from askless.simulate.run import simulate
from askless.simulate.sources import GROUPS_OF_CLASSES, load
from askless.simulate.synthetic import draw_features, draw_prototypes, make_geometry

PAPER = ["learner_method=efficient_annotation", "simulation=amt_structured_noise"]
GREEDY = ["sampler.algo=greedy_task_assignment", "sampler.max_annotation_per_worker=2000"]
SMALL = ["n_data_per_class=6", "n_prototypes_per_class=2", "n_dimensions=20", "learner.max_epochs=10"]


def test_the_experiments_are_the_papers(shared: Path) -> None:
    published = json.loads((shared / "amt_imagenet100" / "experiments.json").read_text())
    assert preset_names("experiment") == sorted(published)
    for name, numbers in published.items():
        config = compose([f"experiment={name}", "features=synthetic"])
        assert config.experiment == name
        assert list(config.classes or ()) == numbers["wnids"]
        assert config.n_data_per_class == numbers["n_data_per_class"]
        assert config.n_prototypes_per_class == numbers["n_prototype_per_class"]
        assert config.max_risk == numbers["risk_thres"]
        assert config.batch_size == numbers["hit_size"]
        assert config.n_batches == numbers["n_hits_per_step"]
        assert config.budget == numbers["budget"]


def test_the_splits_are_the_groups_of_the_published_file(shared: Path) -> None:
    groups = (shared / "amt_imagenet100" / "groups.txt").read_text().split("\n\n")
    assert [list(experiment_classes(name)) for name in GROUPS_OF_CLASSES] == [
        group.split() for group in groups if group.split()
    ]


def test_experiments_partition_the_classes() -> None:
    everything = experiment_classes("imagenet_100_classes")
    splits = [experiment_classes(name) for name in GROUPS_OF_CLASSES]
    assert [len(split) for split in splits] == [19, 18, 13, 19, 16, 15]
    assert sorted(everything) == sorted(name for split in splits for name in split)
    assert experiment_classes("imagenet_animal") == splits[0] + splits[1]


@pytest.mark.parametrize("name", preset_names("experiment"))
def test_the_preset_says_what_its_budget_means(name: str) -> None:
    config = compose([f"experiment={name}", "features=synthetic"])
    text = (Path(__file__).parents[2] / f"src/askless/presets/experiment/{name}.toml").read_text()
    assert config.budget is not None
    assert f"budget={config.budget * config.n_batches}" in text


def test_methods_and_overrides_win_over_an_experiment() -> None:
    vote = compose(["learner_method=majority_vote", "features=synthetic", "experiment=imagenet_animal", "budget=7"])
    assert (vote.max_risk, vote.budget, vote.batch_size) == (0.0, 7, 40)
    assert compose(["experiment=none"]) == compose()
    assert config_from_settings(vote.to_settings()) == vote


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["experiment=imagenet_animals", "features=synthetic"],
            "There is no experiment 'imagenet_animals'; did you mean 'imagenet_animal'? Allowed: ",
        ),
        (
            ["experiment=imagenet_animal"],
            "experiment=imagenet_animal names classes only; set features=synthetic, or features=FILE.npy "
            "images=FILE.txt for your own.",
        ),
        (["images=a.txt"], "images belongs to features; set features too, or leave it out."),
        (
            ["features=f.npy", "images=a.txt", "classes=['a', 'b', 'a']"],
            "classes=['a', 'b', 'a'] does not fit: give two classes or more, each once.",
        ),
        (
            ["n_data_distraction_per_class=5"],
            "n_distractors_per_class=5 takes items of classes that are not chosen; set classes, or choose an",
        ),
        (["simulation=replay"], "crowd.kind=replay replays labels of real people; name their file by crowd.recorded."),
        (
            ["crowd.recorded=a.csv"],
            "crowd.recorded=a.csv belongs to simulation=replay; set it, or leave crowd.recorded out.",
        ),
        (
            ["experiment=imagenet_animal", "features=synthetic", "simulation=replay", "crowd.recorded=a.csv"],
            "features=synthetic are of no real items, so nothing is on record; choose real features.",
        ),
        (
            ["gold.n_per_class=11"],
            "gold.n_per_class=11 are drawn from n_prototypes_per_class=10 items; set it to that at most.",
        ),
        (
            ["gold.n_per_class=1", "simulation=amt_uniform_noise"],
            "gold and prior.kind=homogeneous both say what is believed of annotators; set "
            "prior.kind=predefined_homogeneous, or gold.n_per_class=0.",
        ),
        (["gold.prior=all"], "gold.prior='all' is not known; allowed: class, annotator, both."),
        (
            ["features=f.npy", "images=a.txt", "dataset=birds"],
            "dataset=birds and features=f.npy exclude each other; give one of them.",
        ),
        (["features=f.npy"], "features=f.npy needs the image path of each row; set images=FILE.txt."),
        (
            ["experiment=imagenet_animal", "features=synthetic", "images=a.txt"],
            "features=synthetic has no images; leave images out, or name a .npy file.",
        ),
        (
            ["features=synthetic"],
            "features=synthetic needs classes and n_data_per_class; choose an experiment.",
        ),
        (
            ["experiment=imagenet_animal", "features=synthetic", "n_dimensions=2049"],
            "n_dimensions=2049 does not fit: allowed is greater than or equal to 1 and less than or equal to 2048.",
        ),
    ],
)
def test_settings_that_do_not_fit_together(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(overrides)
    assert str(caught.value).startswith(message)


# Synthetic


def test_synthetic_items_are_those_of_the_recipe() -> None:
    source = load(compose(["experiment=imagenet_animal", "features=synthetic", "seed=4", *SMALL]))
    classes = experiment_classes("imagenet_animal")
    geometry = make_geometry([experiment_classes(name) for name in GROUPS_OF_CLASSES])
    np.testing.assert_array_equal(source.features.values, draw_features(geometry, dict.fromkeys(classes, 8), 4, 20))
    np.testing.assert_array_equal(source.prototypes.item, draw_prototypes(37, 8, 2, 4))
    np.testing.assert_array_equal(source.prototypes.label, source.truth[source.prototypes.item])
    assert np.bincount(source.truth).tolist() == [8] * 37
    assert source.dataset.classes == classes
    assert source.dataset.items[8] == f"{classes[1]}/00000"
    assert source.dataset.images is None


def test_synthetic_features_of_an_unknown_class_are_refused() -> None:
    with pytest.raises(
        DataError, match="no synthetic features of class 'cat'; choose wnids of experiment=imagenet_100"
    ):
        load(compose(["features=synthetic", "classes=['cat', 'n02105505']", "n_data_per_class=3"]))


def test_no_file_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKLESS_DATA", str(tmp_path / "nothing"))
    summary = simulate(compose(["experiment=imagenet_split_2", "features=synthetic", "simulation=uniform", *SMALL]))
    assert (summary["dataset"], summary["n_items"], summary["n_classes"]) == ("imagenet_split_2-synthetic", 13 * 6, 13)


def test_the_papers_command(shared: Path, tmp_path: Path) -> None:
    amt = f"crowd.amt_folder={shared / 'amt_imagenet100'}"
    config = compose(["experiment=imagenet_animal", *PAPER, *GREEDY, "features=synthetic", *SMALL, amt])
    assert config.sampler.max_per_annotator == 2000
    assert (config.batch_size, config.n_batches, config.prior.kind) == (40, 5, "homogeneous")
    summary = simulate(config, tmp_path / "run")
    assert summary["n_items"] == 37 * 6
    assert summary["n_prototypes"] == 37 * 2
    assert summary == simulate(config, tmp_path / "run", resume=True) | {"seconds": summary["seconds"]}


# The user's own features


def write(folder: Path, paths: list[str], n_rows: int | None = None, **arrays: Any) -> list[str]:
    values = arrays.get("values", np.arange((n_rows or len(paths)) * 3, dtype=np.float16).reshape(-1, 3))
    np.save(folder / "mine.npy", values)
    (folder / "mine.txt").write_text("\n".join(paths) + "\n")
    return [f"features={folder / 'mine.npy'}", f"images={folder / 'mine.txt'}", "n_prototypes_per_class=1"]


PATHS = ["owl/1.jpg", "cat/b/1.jpg", "./dog/1.jpg", "cat/2.jpg", "dog/2.jpg", "owl/2.jpg", "cat/3.jpg", "dog/3.jpg"]


def load_own(overrides: list[str], **changes: Any) -> Any:
    return load(SimulationConfig.model_validate(compose(overrides).model_dump() | changes))


@pytest.mark.parametrize(
    ("lines", "items"),
    [
        (["owl/1.jpg 7", "cat/a b.jpg 12", "owl/2 3"], ("owl/1.jpg", "cat/a b.jpg", "owl/2")),
        (["owl/1.jpg 7", "cat/a b.jpg", "owl/2 3"], ("owl/1.jpg 7", "cat/a b.jpg", "owl/2 3")),
    ],
)
def test_numbers_that_end_every_line_are_no_part_of_the_paths(
    tmp_path: Path, lines: list[str], items: tuple[str, ...]
) -> None:
    write(tmp_path, lines)
    rows = read_image_rows(tmp_path / "mine.npy", tmp_path / "mine.txt")
    assert rows.paths == items
    assert rows.truth.tolist() == [1, 0, 1]


def test_every_class_there_is_by_default(tmp_path: Path) -> None:
    source = load_own(write(tmp_path, PATHS))
    assert source.dataset.classes == ("cat", "dog", "owl")
    assert source.truth.tolist() == [2, 0, 1, 0, 1, 2, 0, 1]
    assert source.dataset.items == tuple(PATHS)
    assert source.dataset.images is not None
    assert source.dataset.images[3] == str(tmp_path / "cat/2.jpg")
    assert isinstance(source.features.values, np.memmap)
    assert sorted(source.prototypes.label.tolist()) == [0, 1, 2]


def test_only_rows_of_wanted_classes_are_used(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(8, 3)
    values[[0, 5]] = np.nan  # the owls: never looked at
    source = load_own(write(tmp_path, PATHS, values=values), classes=("dog", "cat"))
    assert source.dataset.classes == ("dog", "cat")
    assert source.dataset.items == tuple(path for path in PATHS if "owl" not in path)
    assert source.truth.tolist() == [1, 0, 1, 0, 1, 0]
    np.testing.assert_array_equal(source.features.values, values[[1, 2, 3, 4, 6, 7]])
    assert sorted(source.prototypes.label.tolist()) == [0, 1]


def test_so_many_per_class_with_the_same_prototypes(tmp_path: Path) -> None:
    overrides = write(tmp_path, PATHS)
    everything, some = load_own(overrides), load_own(overrides, n_data_per_class=1)
    assert np.bincount(some.truth).tolist() == [2, 2, 2]
    names = [[source.dataset.items[i] for i in source.prototypes.item] for source in (everything, some)]
    assert names[0] == names[1]
    rows = [PATHS.index(item) for item in some.dataset.items]
    assert rows == sorted(rows)
    np.testing.assert_array_equal(some.features.values, everything.features.values[rows])


def test_an_experiment_on_own_features(tmp_path: Path) -> None:
    classes = experiment_classes("imagenet_split_2")
    paths = [f"{name}/{row}.JPEG" for row in range(5) for name in ("n00000001", *classes)]
    config = compose([*write(tmp_path, paths), "experiment=imagenet_split_2"])
    source = load(config)
    assert source.dataset.classes == classes
    assert np.bincount(source.truth).tolist() == [5] * 13
    assert config.data_name == "imagenet_split_2-mine"


@pytest.mark.parametrize(
    ("paths", "n_rows", "changes", "message"),
    [
        (PATHS, 7, {}, r"mine\.npy has 7 rows but .*mine\.txt names 8 images; give one path per row"),
        (["cat/1", "dog.jpg"], 2, {}, r"Image 2 of .*mine\.txt is 'dog\.jpg'; the first folder of a path must be"),
        (
            ["cat/1", "/data/dog/1"],
            2,
            {},
            r"Image 2 of .* is '/data/dog/1'; the first folder .* write it as CLASS/NAME",
        ),
        (
            PATHS,
            8,
            {"classes": ("cat", "cow")},
            r"no item of class 'cow'; the classes are cat, dog, owl; choose",
        ),
        (PATHS, 8, {"classes": ("cow", "ape", "cat")}, "no item of class 'cow' and 1 more; the classes are"),
        (PATHS, 8, {"n_prototypes_per_class": 2}, "Class 'owl' has 2 items, too few for 2 prototypes"),
        (["cat/1", "cat/2", "dog/1", "cat/2", "dog/2"], 5, {}, "Every item id must be different, but 'cat/2'"),
        (["cat/1", "cat/2"], 2, {}, "Labelling needs at least two classes, but there is only 'cat'"),
    ],
)
def test_own_files_that_do_not_fit(
    tmp_path: Path, paths: list[str], n_rows: int, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_own(write(tmp_path, paths, n_rows), **changes)


def test_own_files_that_cannot_be_read(tmp_path: Path) -> None:
    overrides = write(tmp_path, PATHS)
    with pytest.raises(DataError, match=r"none\.txt cannot be read \(No such file or directory\); check the path"):
        load_own(overrides, images=str(tmp_path / "none.txt"))
    with pytest.raises(DataError, match=r"none\.npy cannot be read \(No such file or directory\); check the path"):
        load_own(overrides, features=str(tmp_path / "none.npy"))
    np.save(tmp_path / "flat.npy", np.zeros(8))
    with pytest.raises(DataError, match=r"shape \(items, dimensions\), not \(8,\)"):
        load_own(overrides, features=str(tmp_path / "flat.npy"))
    values = np.zeros((8, 3))
    values[4, 1] = np.inf
    with pytest.raises(DataError, match="Features hold NaN, infinity or what float32 cannot hold, first in row 4"):
        load_own(write(tmp_path, PATHS, values=values))
