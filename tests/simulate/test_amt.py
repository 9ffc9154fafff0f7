"""People made from the paper's Mechanical Turk workers."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_crowd import a_source, assert_distributions, mean_skill

from askless.errors import DataError
from askless.settings import CrowdSettings, SimulationConfig
from askless.simulate import amt as workers
from askless.simulate.crowds import make_crowd


@pytest.fixture
def amt(tmp_path: Path) -> Path:
    """Four classes in two groups, two people each: small enough to check by hand."""
    first = np.zeros((2, 4, 4), int)
    first[0, :2, :2] = [[3, 1], [0, 4]]
    first[1, :2, :2] = [[2, 2], [1, 3]]
    second = np.zeros((2, 4, 4), int)
    second[0, 2:, 2:] = [[4, 0], [0, 4]]
    second[1, 2:, 2:] = [[1, 3], [2, 2]]
    published = {
        "imagenet100": ["n01", "n02", "n03", "n04"],
        "imagenet100_name": ["Cat", "dog, hound", "car", "bus"],
        "group_workers": {"1": second.tolist(), "0": first.tolist()},
    }
    (tmp_path / "group_workers.json").write_text(json.dumps(published))
    (tmp_path / "groups.txt").write_text("n01\nn02\n\nn03\nn04\n\n")
    return tmp_path


def people_drawn(seed: int, n_drawn: int) -> tuple[int, int]:
    """(from group "1", from group "0"): the file's order."""
    rng = np.random.RandomState(seed)
    return int(rng.choice(range(2), n_drawn)[0]), int(rng.choice(range(2), n_drawn)[0])


def test_amt_structured_by_hand(amt: Path) -> None:
    confusion = workers.amt_structured_noise(amt, ["n01", "n02", "n03", "n04"], 8, 123)
    assert_distributions(confusion)
    for j in range(8):
        _, person = people_drawn(123 + j, 1)
        counts = np.array([[5, 3], [1, 7]]) + 10 * np.array([[[3, 1], [0, 4]], [[2, 2], [1, 3]]])[person]
        rows = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(confusion[j, :2, :2], 0.97 * rows)
        np.testing.assert_allclose(confusion[j, :2, 2:], 0.015)
    assert len({matrix.tobytes() for matrix in confusion}) > 1


def test_amt_uniform_by_hand(amt: Path) -> None:
    confusion = workers.amt_uniform_noise(amt, ["n04", "n03", "n01"], 8, 123)
    assert_distributions(confusion)
    for j in range(8):
        person, _ = people_drawn(123 + j, 10)
        counts = np.array([[6, 2], [3, 5]]) + 10 * np.array([[[4, 0], [0, 4]], [[2, 2], [3, 1]]])[person]
        right = counts[0, 0] / counts[0].sum()
        wrong = (1 - right) / 2
        leaked = 0.03 * (right + wrong)
        np.testing.assert_allclose(confusion[j, 0], [0.97 * right, 0.97 * wrong, wrong + leaked])


def test_one_group_leaks_nothing(amt: Path) -> None:
    confusion = workers.amt_structured_noise(amt, ["n01", "n02"], 2, 0)
    assert_distributions(confusion)
    _, person = people_drawn((123 + 2 * (0 - 123)) % 2**32, 1)
    assert confusion[0, 1, 1] == pytest.approx((7 + 10 * (4, 3)[person]) / 48)


def test_crowds_of_neighbouring_seeds_share_nobody(shared: Path) -> None:
    folder = shared / "amt_imagenet100"
    wnids = json.loads((folder / "experiments.json").read_text())["imagenet_100_classes"]["wnids"]
    first, second = (workers.amt_structured_noise(folder, wnids, 5, seed) for seed in (123, 124))
    assert not any(np.array_equal(a, b) for a in first for b in second)
    np.testing.assert_array_equal(second, workers.amt_structured_noise(folder, wnids, 5, 124))


def test_amt_population_counts(amt: Path) -> None:
    expected = [[5, 3, 0, 0], [1, 7, 0, 0], [0, 0, 5, 3], [0, 0, 2, 6]]
    np.testing.assert_array_equal(
        workers.amt_population_counts(amt, ["CAT", "n02", "Car", "N04"]), np.array(expected, float)
    )


def test_amt_crowd_knows_its_population(amt: Path) -> None:
    settings = CrowdSettings(kind="amt_uniform_noise", n_annotators=3, amt_folder=str(amt))
    crowd = make_crowd(SimulationConfig(crowd=settings), a_source(("cat", "dog, hound", "bus")))
    np.testing.assert_array_equal(crowd.population_counts, workers.amt_population_counts(amt, ["n01", "n02", "n04"]))
    np.testing.assert_array_equal(crowd.confusion, workers.amt_uniform_noise(amt, ["n01", "n02", "n04"], 3, 123))


def test_classes_that_real_people_did_not_see_are_refused(amt: Path) -> None:
    with pytest.raises(DataError, match="Class 'dog' is neither a wnid nor a name of"):
        workers.amt_structured_noise(amt, ["cat", "dog"], 2, 0)
    with pytest.raises(DataError, match="A class is given twice"):
        workers.amt_structured_noise(amt, ["cat", "n01"], 2, 0)


def test_a_class_that_nobody_chose_is_refused(amt: Path) -> None:
    published = json.loads((amt / "group_workers.json").read_text())
    for person in published["group_workers"]["0"]:
        person[0] = [0, 4, 0, 0]
    (amt / "group_workers.json").write_text(json.dumps(published))
    with pytest.raises(DataError, match="Nobody chose any of the given classes for class 'cat'"):
        workers.amt_structured_noise(amt, ["cat", "car"], 2, 0)


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}", '{"imagenet100": 1, "imagenet100_name": 2}'])
def test_broken_counts_are_refused(amt: Path, text: str) -> None:
    (amt / "group_workers.json").write_text(text)
    with pytest.raises(DataError, match=r"is not as published .* fetch both again"):
        workers.amt_population_counts(amt, ["cat", "car"])


def test_amt_folder_is_found(amt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workers.amt_folder(str(amt)) == amt
    monkeypatch.setenv("ASKLESS_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "amt").symlink_to(amt)
    assert workers.amt_folder(None) == tmp_path / "data" / "amt"


@pytest.mark.parametrize("name", ["group_workers.json", "groups.txt"])
def test_missing_counts_are_explained(amt: Path, name: str) -> None:
    (amt / name).unlink()
    with pytest.raises(DataError) as refused:
        workers.amt_folder(str(amt))
    for part in (
        f"are not in {amt}; fetch them there by `askless data get amt --folder {amt}`",
        "data/group_workers.json",
        "data/groups.txt",
        "fidler-lab/efficient-annotation-cookbook/8d02da8",
        "crowd.amt_folder",
    ):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("experiment", "structured", "evenly"),
    [("imagenet_split_0", 0.445, 0.445), ("imagenet_100_classes", 0.682, 0.679)],
)
def test_amt_skill_is_that_of_the_paper(shared: Path, experiment: str, structured: float, evenly: float) -> None:
    folder = shared / "amt_imagenet100"
    wnids = json.loads((folder / "experiments.json").read_text())[experiment]["wnids"]
    for draw, skill in ((workers.amt_structured_noise, structured), (workers.amt_uniform_noise, evenly)):
        confusion = draw(folder, wnids, 50, 123)
        assert_distributions(confusion)
        assert mean_skill(confusion) == pytest.approx(skill, abs=0.001)
