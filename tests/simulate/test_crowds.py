import json
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askless.config import CrowdKind, CrowdSettings, PriorKind, PriorSettings, SimulationConfig
from askless.errors import ConfigError, DataError
from askless.simulate import crowds
from askless.simulate.crowds import Crowd, make_crowd, structured_noise, uniform
from askless.simulate.sources import Source
from askless.types import Answer, Batch, Dataset, Features, FloatArray, Prototypes

SEEDS = st.integers(0, 2**40)


def assert_distributions(confusion: FloatArray) -> None:
    assert confusion.dtype == np.float64
    assert (confusion >= 0).all()
    assert (confusion <= 1).all()
    np.testing.assert_allclose(confusion.sum(axis=-1), 1, rtol=0, atol=1e-12)


def mean_skill(confusion: FloatArray) -> float:
    return float(np.diagonal(confusion, axis1=1, axis2=2).mean())


def a_crowd(n_items: int = 4000, n_classes: int = 4, n_annotators: int = 3, seed: int = 5) -> Crowd:
    confusion = uniform(n_annotators, n_classes, 0.6, 0.2, seed)
    truth = np.random.default_rng(0).integers(n_classes, size=n_items)
    return Crowd(crowds.annotator_names(n_annotators), confusion, truth, seed, confusion.mean(axis=0))


def labels(crowd: Crowd, annotator: str, items: list[int]) -> list[int]:
    answers = crowd.answer(Batch(0, annotator, tuple(items), 0.0))
    assert [answer.item for answer in answers] == items
    return [int(answer.label or 0) for answer in answers]


def a_source(classes: tuple[str, ...], n_items: int = 60) -> Source:
    rng = np.random.default_rng(1)
    truth = np.arange(n_items) % len(classes)
    features = Features((rng.normal(size=(n_items, 5)) + truth[:, None]).astype(np.float32))
    return Source(Dataset(tuple(map(str, range(n_items))), classes), features, truth, Prototypes.none())


# Confusions


@given(n_annotators=st.integers(1, 4), n_classes=st.integers(2, 12))
def test_perfect_people_are_always_right(n_annotators: int, n_classes: int) -> None:
    confusion = crowds.perfect(n_annotators, n_classes)
    assert confusion.shape == (n_annotators, n_classes, n_classes)
    assert_distributions(confusion)
    assert mean_skill(confusion) == 1


@given(n_classes=st.integers(2, 12), skill=st.floats(0, 1), spread=st.floats(0, 0.49), seed=SEEDS)
def test_uniform_rows_are_distributions(n_classes: int, skill: float, spread: float, seed: int) -> None:
    confusion = uniform(2, n_classes, skill, spread, seed)
    assert confusion.shape == (2, n_classes, n_classes)
    assert_distributions(confusion)
    np.testing.assert_array_equal(confusion, uniform(2, n_classes, skill, spread, seed))
    np.testing.assert_array_equal(confusion[:1], uniform(1, n_classes, skill, spread, seed))


def test_uniform_has_the_skill_asked_for() -> None:
    confusion = uniform(50, 20, 0.7, 0.1, 0)
    assert mean_skill(confusion) == pytest.approx(0.7, abs=0.01)
    assert np.diagonal(confusion, axis1=1, axis2=2).std() == pytest.approx(0.1, abs=0.01)
    assert mean_skill(uniform(2, 3, 1, 0, 0)) == 1


@given(
    n_classes=st.integers(2, 12),
    n_dimensions=st.integers(1, 3),
    skill=st.floats(0, 1, allow_subnormal=False),
    share=st.floats(0, 0.99),
    seed=SEEDS,
)
def test_structured_rows_are_distributions(
    n_classes: int, n_dimensions: int, skill: float, share: float, seed: int
) -> None:
    means = np.random.default_rng(seed).integers(0, 3, (n_classes, n_dimensions)).astype(float)
    spread = share * np.sqrt(skill * (1 - skill))
    confusion = structured_noise(2, means, skill, spread, seed)
    assert confusion.shape == (2, n_classes, n_classes)
    assert_distributions(confusion)
    np.testing.assert_array_equal(confusion, structured_noise(2, means, skill, spread, seed))
    np.testing.assert_array_equal(confusion[:1], structured_noise(1, means, skill, spread, seed))


@pytest.mark.parametrize(("skill", "spread"), [(0.7, 0.1), (0.4, 0.2), (0.9, 0.05), (0.5, 0.0)])
def test_structured_has_the_skill_and_spread_asked_for(skill: float, spread: float) -> None:
    confusion = structured_noise(400, np.random.default_rng(0).normal(size=(10, 8)), skill, spread, 3)
    own = np.diagonal(confusion, axis1=1, axis2=2).mean(axis=1)
    within = crowds.CLASS_VARIATION * min(skill, 1 - skill) / np.sqrt(3 * 10)
    assert own.mean() == pytest.approx(skill, abs=4 * np.hypot(spread, within) / 20)
    assert own.std() == pytest.approx(np.hypot(spread, within), rel=0.15)


@pytest.mark.parametrize("skill", [0.0, 1.0])
def test_extreme_skill_leaves_no_spread(skill: float) -> None:
    confusion = structured_noise(3, np.eye(4), skill, 0.1, 0)
    np.testing.assert_array_equal(np.diagonal(confusion, axis1=1, axis2=2), skill)
    assert_distributions(confusion)


def test_a_spread_that_no_skill_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mean crowd\.skill=0\.9 .* crowd\.spread=0\.4; set .* below 0\.3"):
        structured_noise(3, np.eye(4), 0.9, 0.4, 0)


def test_near_classes_are_confused_more_often_than_far_ones() -> None:
    positions = np.array([0.0, 1.0, 2.5, 10.0, 11.0, 13.0])
    mean = structured_noise(40, positions[:, None], 0.6, 0.1, 0).mean(axis=0)
    for y in range(len(positions)):
        by_distance = [z for z in np.argsort(abs(positions - positions[y]), kind="stable") if z != y]
        assert all(mean[y, near] >= mean[y, far] - 1e-3 for near, far in pairwise(by_distance))
        assert mean[y, by_distance[0]] > 2 * mean[y, by_distance[-1]]


def test_people_confuse_in_their_own_way_around_a_common_one() -> None:
    means = np.random.default_rng(0).normal(size=(6, 2))
    confusion = structured_noise(300, means, 0.5, 0.05, 0)
    wrong = np.where(np.eye(6, dtype=bool), 0, confusion)
    wrong /= wrong.sum(axis=-1, keepdims=True)
    assert wrong[:, 0].std(axis=0).max() > 0.05
    distance = np.linalg.norm(means[0] - means, axis=1)
    weights = np.exp(-((distance / distance[1:].min()) ** 2))[1:]
    np.testing.assert_allclose(wrong[:, 0, 1:].mean(axis=0), weights / weights.sum(), atol=0.02)


def test_identical_class_means_are_confused_evenly() -> None:
    mean = structured_noise(500, np.ones((4, 3)), 0.4, 0.1, 0).mean(axis=0)
    np.testing.assert_allclose(mean[~np.eye(4, dtype=bool)], 0.2, atol=0.02)


def test_a_thousand_classes() -> None:
    confusion = structured_noise(2, np.random.default_rng(0).normal(size=(1000, 16)), 0.7, 0.1, 0)
    assert_distributions(confusion)


@given(seed=SEEDS, n_items=st.integers(1, 40))
def test_class_means(seed: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_items, 3)).astype(np.float16)
    truth = rng.integers(0, 4, n_items)
    means = crowds.class_means(Features(values), truth, 5)
    for y in range(5):
        own = values[truth == y] if (truth == y).any() else values
        np.testing.assert_allclose(means[y], own.astype(float).mean(axis=0), atol=1e-12)


def test_class_means_over_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source(("a", "b", "c"))
    expected = crowds.class_means(source.features, source.truth, 3)
    monkeypatch.setattr("askless.types.ROWS_PER_BLOCK", 7)
    np.testing.assert_allclose(crowds.class_means(source.features, source.truth, 3), expected)


# Answers


def test_names_sort_by_index() -> None:
    assert crowds.annotator_names(2) == ("annotator-00", "annotator-01")
    assert crowds.annotator_names(101)[99:] == ("annotator-099", "annotator-100")
    assert list(crowds.annotator_names(120)) == sorted(crowds.annotator_names(120))


def test_everyone_is_available() -> None:
    assert a_crowd().available() == ("annotator-00", "annotator-01", "annotator-02")


def test_skill_is_the_mean_right_rate() -> None:
    crowd = a_crowd()
    np.testing.assert_allclose(crowd.skill, [np.diag(matrix).mean() for matrix in crowd.confusion])


@given(items=st.lists(st.integers(0, 49), unique=True, min_size=1), seed=SEEDS)
def test_a_label_depends_on_annotator_and_item_only(items: list[int], seed: int) -> None:
    crowd = a_crowd(n_items=50, seed=seed)
    together = labels(crowd, "annotator-01", list(range(50)))
    crowd.answer(Batch(0, "annotator-00", (1, 2), 0.0))
    assert labels(crowd, "annotator-01", items) == [together[item] for item in items]
    assert labels(a_crowd(n_items=50, seed=seed), "annotator-01", items) == [together[item] for item in items]


def test_people_and_seeds_differ() -> None:
    items = list(range(200))
    crowd = a_crowd(seed=1)
    said = [labels(crowd, name, items) for name in crowd.names]
    assert len({tuple(row) for row in said}) == 3
    other = Crowd(crowd.names, crowd.confusion, crowd.truth, 2, crowd.population_counts)
    assert labels(other, "annotator-00", items) != said[0]


def test_answers_follow_the_confusion() -> None:
    crowd = a_crowd(n_items=40_000)
    for j, name in enumerate(crowd.names):
        said = np.array(labels(crowd, name, list(range(40_000))))
        for y in range(4):
            counts = np.bincount(said[crowd.truth == y], minlength=4)
            expected = counts.sum() * crowd.confusion[j, y]
            chi_square = ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum()
            assert chi_square < 16.3  # 0.001 of chi-square with 3 degrees of freedom


def test_answers_are_plain_values() -> None:
    (answer,) = a_crowd().answer(Batch(3, "annotator-00", (7,), 0.0))
    assert answer == Answer(7, answer.label)
    assert type(answer.item) is int
    assert type(answer.label) is int
    assert a_crowd().answer(Batch(3, "annotator-00", (), 0.0)) == []


def test_impossible_labels_are_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    class Extreme:
        def __init__(self, value: float) -> None:
            self.value = value

        def random(self, n: int) -> FloatArray:
            return np.full(n, self.value)

    row = np.array([0.0, 0.1, 0.2, 0.3, 0.4 - 1e-13, 0.0])
    crowd = Crowd(("a",), np.tile(row, (1, 6, 1)), np.arange(6), 0, np.eye(6))
    for value, label in ((0.0, 1), (np.nextafter(1.0, 0.0), 4)):
        monkeypatch.setattr(crowds, "generator", lambda *_, value=value: Extreme(value))
        assert labels(crowd, "a", [0, 5]) == [label, label]


def test_strange_batches_are_refused() -> None:
    with pytest.raises(DataError, match="no annotator 'bob'; this crowd has annotator-00 to annotator-02"):
        a_crowd().answer(Batch(0, "bob", (1,), 0.0))
    for item in (-1, 4000):
        with pytest.raises(DataError, match=f"Batch 9 asks for items .*{item}.*; this crowd knows 0 to 3999"):
            a_crowd().answer(Batch(9, "annotator-00", (item,), 0.0))


def test_a_crowd_that_does_not_fit_is_refused() -> None:
    eye = np.eye(2)[None]
    with pytest.raises(DataError, match=r"2 annotators need confusions .*not \(1, 2, 2\) and \(2, 2\)"):
        Crowd(("a", "b"), eye, np.array([0, 1]), 0, eye[0])
    with pytest.raises(DataError, match=r"not \(1, 2, 2\) and \(3, 3\)"):
        Crowd(("a",), eye, np.array([0, 1]), 0, np.eye(3))
    with pytest.raises(DataError, match="Each row of a confusion must be a distribution"):
        Crowd(("a",), eye * 0.9, np.array([0, 1]), 0, eye[0])
    with pytest.raises(DataError, match="truth has a class outside 0 to 1"):
        Crowd(("a",), eye, np.array([0, 2]), 0, eye[0])


@pytest.mark.parametrize("kind", ["perfect", "uniform", "structured_noise"])
def test_made_crowds_without_real_people(kind: CrowdKind) -> None:
    settings = CrowdSettings(kind=kind, n_annotators=12, skill=0.6, spread=0.05)
    source = a_source(("a", "b", "c"))
    crowd = make_crowd(SimulationConfig(crowd=settings, seed=4), source)
    assert crowd.names[-1] == "annotator-11"
    assert crowd.seed == 4
    assert_distributions(crowd.confusion)
    assert crowd.skill.mean() == pytest.approx(1 if kind == "perfect" else 0.6, abs=0.06)
    np.testing.assert_allclose(crowd.population_counts, crowd.confusion.mean(axis=0))
    assert crowd.truth is source.truth


def test_priors_know_this_crowd() -> None:
    crowd = a_crowd()
    for kind in get_args(PriorKind):
        counts = crowds.prior_counts(PriorSettings(kind=kind, strength=10), crowd)
        assert counts.shape == ((3, 4, 4) if kind.startswith("heterogeneous") else (4, 4))
    np.testing.assert_allclose(
        crowds.prior_counts(PriorSettings(kind="heterogeneous_perfect"), crowd), 10 * crowd.confusion
    )
    np.testing.assert_allclose(
        crowds.prior_counts(PriorSettings(kind="homogeneous_perfect"), crowd), 10 * crowd.confusion.mean(axis=0)
    )


# Real people (AMT)


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
    confusion = crowds.amt_structured_noise(amt, ["n01", "n02", "n03", "n04"], 8, 123)
    assert_distributions(confusion)
    for j in range(8):
        _, person = people_drawn(123 + j, 1)
        counts = np.array([[5, 3], [1, 7]]) + 10 * np.array([[[3, 1], [0, 4]], [[2, 2], [1, 3]]])[person]
        rows = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(confusion[j, :2, :2], 0.97 * rows)
        np.testing.assert_allclose(confusion[j, :2, 2:], 0.015)
    assert len({matrix.tobytes() for matrix in confusion}) > 1


def test_amt_uniform_by_hand(amt: Path) -> None:
    confusion = crowds.amt_uniform_noise(amt, ["n04", "n03", "n01"], 8, 123)
    assert_distributions(confusion)
    for j in range(8):
        person, _ = people_drawn(123 + j, 10)
        counts = np.array([[6, 2], [3, 5]]) + 10 * np.array([[[4, 0], [0, 4]], [[2, 2], [3, 1]]])[person]
        right = counts[0, 0] / counts[0].sum()
        wrong = (1 - right) / 2
        leaked = 0.03 * (right + wrong)
        np.testing.assert_allclose(confusion[j, 0], [0.97 * right, 0.97 * wrong, wrong + leaked])


def test_one_group_leaks_nothing(amt: Path) -> None:
    confusion = crowds.amt_structured_noise(amt, ["n01", "n02"], 2, 0)
    assert_distributions(confusion)
    _, person = people_drawn((123 + 2 * (0 - 123)) % 2**32, 1)
    assert confusion[0, 1, 1] == pytest.approx((7 + 10 * (4, 3)[person]) / 48)


def test_crowds_of_neighbouring_seeds_share_nobody(shared: Path) -> None:
    folder = shared / "amt_imagenet100"
    wnids = json.loads((folder / "experiments.json").read_text())["imagenet_100_classes"]["wnids"]
    first, second = (crowds.amt_structured_noise(folder, wnids, 5, seed) for seed in (123, 124))
    assert not any(np.array_equal(a, b) for a in first for b in second)
    np.testing.assert_array_equal(second, crowds.amt_structured_noise(folder, wnids, 5, 124))


def test_amt_population_counts(amt: Path) -> None:
    expected = [[5, 3, 0, 0], [1, 7, 0, 0], [0, 0, 5, 3], [0, 0, 2, 6]]
    np.testing.assert_array_equal(
        crowds.amt_population_counts(amt, ["CAT", "n02", "Car", "N04"]), np.array(expected, float)
    )


def test_amt_crowd_knows_its_population(amt: Path) -> None:
    settings = CrowdSettings(kind="amt_uniform_noise", n_annotators=3, amt_folder=str(amt))
    crowd = make_crowd(SimulationConfig(crowd=settings), a_source(("cat", "dog, hound", "bus")))
    np.testing.assert_array_equal(crowd.population_counts, crowds.amt_population_counts(amt, ["n01", "n02", "n04"]))
    np.testing.assert_array_equal(crowd.confusion, crowds.amt_uniform_noise(amt, ["n01", "n02", "n04"], 3, 123))


def test_classes_that_real_people_did_not_see_are_refused(amt: Path) -> None:
    with pytest.raises(DataError, match="Class 'dog' is neither a wnid nor a name of"):
        crowds.amt_structured_noise(amt, ["cat", "dog"], 2, 0)
    with pytest.raises(DataError, match="A class is given twice"):
        crowds.amt_structured_noise(amt, ["cat", "n01"], 2, 0)


def test_a_class_that_nobody_chose_is_refused(amt: Path) -> None:
    published = json.loads((amt / "group_workers.json").read_text())
    for person in published["group_workers"]["0"]:
        person[0] = [0, 4, 0, 0]
    (amt / "group_workers.json").write_text(json.dumps(published))
    with pytest.raises(DataError, match="Nobody chose any of the given classes for class 'cat'"):
        crowds.amt_structured_noise(amt, ["cat", "car"], 2, 0)


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}", '{"imagenet100": 1, "imagenet100_name": 2}'])
def test_broken_counts_are_refused(amt: Path, text: str) -> None:
    (amt / "group_workers.json").write_text(text)
    with pytest.raises(DataError, match=r"is not as published .* fetch both again"):
        crowds.amt_population_counts(amt, ["cat", "car"])


def test_amt_folder_is_found(amt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert crowds.amt_folder(str(amt)) == amt
    monkeypatch.setenv("ASKLESS_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "amt").symlink_to(amt)
    assert crowds.amt_folder(None) == tmp_path / "data" / "amt"


@pytest.mark.parametrize("name", ["group_workers.json", "groups.txt"])
def test_missing_counts_are_explained(amt: Path, name: str) -> None:
    (amt / name).unlink()
    with pytest.raises(DataError) as refused:
        crowds.amt_folder(str(amt))
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
    for draw, skill in ((crowds.amt_structured_noise, structured), (crowds.amt_uniform_noise, evenly)):
        confusion = draw(folder, wnids, 50, 123)
        assert_distributions(confusion)
        assert mean_skill(confusion) == pytest.approx(skill, abs=0.001)
