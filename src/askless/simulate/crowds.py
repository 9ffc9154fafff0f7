"""Simulated annotators: the only place, beside the metrics, that holds the truth.

J annotators, K classes, N items, D dimensions. True confusion matrices are (J, K, K) float64; row = truth,
rows sum to 1.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist

from askless.config import PriorSettings, SimulationConfig
from askless.core.confusion import prior_counts as dirichlet_counts
from askless.data.catalogue import CATALOGUE
from askless.errors import ConfigError, DataError
from askless.randomness import generator
from askless.simulate.sources import Source
from askless.types import Answer, Batch, BoolArray, Features, FloatArray, IntArray

CLASS_VARIATION = (
    0.25  # how far a class's right-rate strays from the annotator's skill, relative to min(skill, 1 - skill)
)
HABIT_STRENGTH = 20.0  # Dirichlet counts behind an annotator's own wrong labels: the fewer, the more people differ
LEAK = 0.03  # share of an AMT annotator's labels that fall outside the group of the true class


@dataclass(frozen=True, eq=False)
class Crowd:
    """Annotators who answer by their true confusion matrices.

    A label depends on (seed, annotator, item) only, not on what was asked before: runs of different methods
    are paired, and a resumed run gets the same answers.

    Args:
        names: J annotators.
        confusion: (J, K, K).
        truth: (N,) index of the class of each item.
        seed: of the answers.
        population_counts: (K, K), row = truth: what an oracle prior knows of the population; raw counts of
            real people where there are such, else the mean of `confusion`.

    Raises:
        DataError: shapes that do not fit, rows that are no distributions, truth outside the classes.
    """

    names: tuple[str, ...]
    confusion: FloatArray
    truth: IntArray
    seed: int
    population_counts: FloatArray

    def __post_init__(self) -> None:
        K = self.confusion.shape[-1]
        if self.confusion.shape != (len(self.names), K, K) or self.population_counts.shape != (K, K):
            raise DataError(
                f"{len(self.names)} annotators need confusions (J, K, K) and population counts (K, K), not "
                f"{self.confusion.shape} and {self.population_counts.shape}; give one square matrix each."
            )
        if (self.confusion < 0).any() or (abs(self.confusion.sum(axis=-1) - 1) > 1e-9).any():
            raise DataError("Each row of a confusion must be a distribution; give rows of 0 or more that sum to 1.")
        if self.truth.size and not 0 <= self.truth.min() <= self.truth.max() < K:
            raise DataError(f"The truth has a class outside 0 to {K - 1}; give indices of the {K} classes.")

    @cached_property
    def skill(self) -> FloatArray:
        """(J,): the true chance that each annotator is right, for classes that are equally frequent."""
        skill: FloatArray = np.diagonal(self.confusion, axis1=1, axis2=2).mean(axis=1)
        return skill

    def available(self) -> tuple[str, ...]:
        """The annotators who can be asked now: all of them."""
        return self.names

    def answer(self, batch: Batch) -> list[Answer]:
        """What the batch's annotator says of each of its items, in their order.

        Raises:
            DataError: an annotator or an item that this crowd does not know.
        """
        if batch.annotator not in self.names:
            raise DataError(
                f"There is no annotator {batch.annotator!r}; this crowd has {self.names[0]} to {self.names[-1]}."
            )
        items = np.asarray(batch.items, dtype=np.int64)
        if items.size and not 0 <= items.min() <= items.max() < len(self.truth):
            raise DataError(
                f"Batch {batch.id} asks for items {items.min()} to {items.max()}; this crowd knows 0 to "
                f"{len(self.truth) - 1}."
            )
        j = self.names.index(batch.annotator)
        position = generator(self.seed, "answer", j).random(len(self.truth))[items]
        cumulative = self.confusion[j, self.truth[items]].cumsum(axis=1)
        cumulative /= cumulative[:, -1:]  # ends at exactly 1, above every position
        labels = (cumulative > position[:, None]).argmax(axis=1)
        return [Answer(int(item), int(label)) for item, label in zip(items, labels, strict=True)]


def make_crowd(config: SimulationConfig, source: Source) -> Crowd:
    """The crowd of `config.crowd` for the classes of a source.

    Raises:
        ConfigError: no distribution of skill has the mean and the spread asked for.
        DataError: the counts of real people are not there or do not know a class.
    """
    settings, seed, n_annotators = config.crowd, config.seed, config.crowd.n_annotators
    classes = source.dataset.classes
    population: FloatArray | None = None
    match settings.kind:
        case "perfect":
            confusion = perfect(n_annotators, len(classes))
        case "uniform":
            confusion = uniform(n_annotators, len(classes), settings.skill, settings.spread, seed)
        case "structured_noise":
            means = class_means(source.features, source.truth, len(classes))
            confusion = structured_noise(n_annotators, means, settings.skill, settings.spread, seed)
        case "amt_structured_noise" | "amt_uniform_noise":
            folder = amt_folder(settings.amt_folder)
            draw = amt_structured_noise if settings.kind == "amt_structured_noise" else amt_uniform_noise
            confusion = draw(folder, classes, n_annotators, seed)
            population = amt_population_counts(folder, classes)
    return Crowd(
        names=annotator_names(n_annotators),
        confusion=confusion,
        truth=source.truth,
        seed=seed,
        population_counts=confusion.mean(axis=0) if population is None else population,
    )


def annotator_names(n_annotators: int) -> tuple[str, ...]:
    """annotator-00, annotator-01 and so on; alphabetical order is the order of their indices."""
    width = max(2, len(str(n_annotators - 1)))
    return tuple(f"annotator-{j:0{width}}" for j in range(n_annotators))


def prior_counts(settings: PriorSettings, crowd: Crowd) -> FloatArray:
    """The prior of `core.confusion.prior_counts`, told what it asks about this crowd: (K, K) or (J, K, K)."""
    K = crowd.confusion.shape[-1]
    return dirichlet_counts(settings, K, crowd.population_counts, crowd.confusion)


def perfect(n_annotators: int, n_classes: int) -> FloatArray:
    """(J, K, K): everyone is always right."""
    return np.tile(np.eye(n_classes), (n_annotators, 1, 1))


def uniform(n_annotators: int, n_classes: int, skill: float, spread: float, seed: int) -> FloatArray:
    """(J, K, K) without structure, as the paper's UniformWorker.

    The right-rate of each annotator and class is drawn from normal(skill, spread), cut to 0..1. The rest of a
    row goes to the wrong labels by random weights: K uniform numbers, divided by their sum, of which the
    right label's own share is spread evenly over the others.
    """
    confusion = np.empty((n_annotators, n_classes, n_classes))
    for j in range(n_annotators):
        rng = generator(seed, "confusion", j)
        right = rng.normal(skill, spread, n_classes).clip(0, 1)
        weights = rng.random((n_classes, n_classes))
        weights /= weights.sum(axis=1, keepdims=True)
        weights += np.diagonal(weights)[:, None] / (n_classes - 1)
        _fill(confusion[j], right, weights)
    return confusion


def structured_noise(n_annotators: int, class_means: FloatArray, skill: float, spread: float, seed: int) -> FloatArray:
    """(J, K, K) where classes that look alike are confused more often, each person in their own way.

    For annotator j, true class y and a wrong label z:

        s_j ~ Beta with mean `skill` and standard deviation `spread`
        P(y | y) = s_j + CLASS_VARIATION * min(s_j, 1 - s_j) * u,           u ~ uniform(-1, 1)
        P(z | y) = (1 - P(y | y)) * h_z,         h ~ Dirichlet(HABIT_STRENGTH * w_y)
        w_y(z) ~ exp(-(d(y, z) / d(y))^2), scaled to sum to 1

    d(y, z) is the Euclidean distance of the class means, d(y) that of y to its nearest class. (The Beta's two
    counts are `skill * n` and `(1 - skill) * n` with n = skill * (1 - skill) / spread^2 - 1.) An expected
    skill of 0 or 1 leaves no room to vary, so everyone has it. A smaller crowd is the start of a larger one.

    Args:
        n_annotators: J.
        class_means: (K, D).
        skill: expected mean of the diagonal.
        spread: standard deviation of skill between annotators.
        seed: of the crowd.

    Raises:
        ConfigError: no Beta distribution has this mean and standard deviation.
    """
    n_classes = len(class_means)
    counts = _beta_counts(skill, spread)
    likeness = HABIT_STRENGTH * _likeness(class_means)
    confusion = np.empty((n_annotators, n_classes, n_classes))
    for j in range(n_annotators):
        rng = generator(seed, "confusion", j)
        own = rng.beta(*counts) if counts else skill
        right = own + CLASS_VARIATION * min(own, 1 - own) * rng.uniform(-1, 1, n_classes)
        habits = rng.standard_gamma(likeness)
        habits /= habits.sum(axis=1, keepdims=True)
        _fill(confusion[j], right, habits)
    return confusion


def class_means(features: Features, truth: IntArray, n_classes: int) -> FloatArray:
    """(K, D) mean features of each class, read in blocks; a class without items gets the overall mean."""
    totals = np.zeros((n_classes, features.values.shape[1]))
    for start, block in features.blocks():
        y = truth[start : start + len(block)]
        member = sparse.csr_array((np.ones(len(y)), (y, np.arange(len(y)))), shape=(n_classes, len(y)))
        totals += member @ block.astype(np.float64)
    n_items = np.bincount(truth, minlength=n_classes)[:, None]
    return np.where(n_items > 0, totals / np.maximum(n_items, 1), totals.sum(axis=0) / len(truth))


def amt_folder(setting: str | None) -> Path:
    """Where the counts of real people lie: the setting, else where `askless data get amt` puts them.

    Raises:
        DataError: the files are not there.
    """
    data = CATALOGUE["amt"]
    folder = Path(setting) if setting else data.default_folder
    if not data.is_in(folder):
        raise DataError(
            f"The counts of the paper's annotators are not in {folder}; fetch them there by `"
            f"{shlex.join(['askless', 'data', 'get', 'amt', '--folder', str(folder)])}`, or put "
            f"{' and '.join(file.url for file in data.files)} into one folder by other means and point "
            "crowd.amt_folder to it."
        )
    return folder


def amt_structured_noise(folder: Path, wnids: Sequence[str], n_annotators: int, seed: int) -> FloatArray:
    """(J, K, K) of annotators made from real people on ImageNet-100, as the paper's StructuredNoiseWorker.

    For each group of classes one real person of that group is drawn; their counts, ten times, are added to
    the counts of everyone in the group. The groups' sums are added and their rows scaled to 1. Of each row a
    LEAK is then spread evenly over the classes outside the true class's group, if there are any.

    Args:
        folder: of `group_workers.json` and `groups.txt`.
        wnids: K classes, each by its wnid or its name in `imagenet100_name`, in upper or lower case.
        n_annotators: J.
        seed: of the crowd; 123 gives the very crowd of the paper's default seed.

    Raises:
        DataError: files not as published, a class not in them or twice, a class whose row is empty.
    """
    people = _read_people(folder, wnids)
    rows = [_rows(people, counts) for counts in _draw_counts(people, n_annotators, seed, n_drawn=1)]
    return np.stack([_leak(confusion, people.same_group) for confusion in rows])


def amt_uniform_noise(folder: Path, wnids: Sequence[str], n_annotators: int, seed: int) -> FloatArray:
    """(J, K, K) as `amt_structured_noise`, with evenly spread wrong labels (the paper's UniformNoiseWorker).

    Ten people are drawn per group and the first is used; the even spread comes before the LEAK.
    """
    people = _read_people(folder, wnids)
    confusion = np.empty((n_annotators, len(wnids), len(wnids)))
    for j, counts in enumerate(_draw_counts(people, n_annotators, seed, n_drawn=10)):
        right = np.diagonal(_rows(people, counts))
        _fill(confusion[j], right, np.full(counts.shape, 1 / (len(wnids) - 1)))
        confusion[j] = _leak(confusion[j], people.same_group)
    return confusion


def amt_population_counts(folder: Path, wnids: Sequence[str]) -> FloatArray:
    """(K, K): how often real people chose each class for each true class, summed over all of them."""
    return sum((group.sum(axis=0) for group in _read_people(folder, wnids).groups), np.zeros((len(wnids),) * 2))


@dataclass(frozen=True, eq=False)
class _People:
    """Real people: per group, in the file's order, (people, K, K) counts; which classes share a group."""

    classes: tuple[str, ...]
    groups: tuple[IntArray, ...]
    same_group: BoolArray


def _read_people(folder: Path, wnids: Sequence[str]) -> _People:
    path = folder / "group_workers.json"
    try:
        published = json.loads(path.read_text())
        index = {name.lower(): y for y, name in enumerate(published["imagenet100_name"])}
        index |= {wnid.lower(): y for y, wnid in enumerate(published["imagenet100"])}
        counts = [np.array(group, dtype=np.int64) for group in published["group_workers"].values()]
        group_of = {
            index[wnid.lower()]: number
            for number, group in enumerate((folder / "groups.txt").read_text().split("\n\n"))
            for wnid in group.split()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} or groups.txt beside it is not as published ({error!r}); fetch both again.") from error

    unknown = [name for name in wnids if name.lower() not in index]
    if unknown:
        raise DataError(
            f"Class {unknown[0]!r} is neither a wnid nor a name of {path}; choose classes of ImageNet-100 or "
            "another crowd.kind."
        )
    kept = np.array([index[name.lower()] for name in wnids], dtype=np.int64)
    if len(set(kept.tolist())) < len(kept):
        raise DataError("A class is given twice, by wnid and by name or in two spellings; name each class once.")
    group = np.array([group_of.get(int(y), -1) for y in kept])
    return _People(
        classes=tuple(wnids),
        groups=tuple(people[:, kept][:, :, kept] for people in counts),
        same_group=group[:, None] == group[None, :],
    )


def _draw_counts(people: _People, n_annotators: int, seed: int, n_drawn: int) -> list[IntArray]:
    """(K, K) counts of each annotator.

    The paper seeds annotator i with seed + i, so crowds of neighbouring seeds share people. These seeds never
    meet for crowds of one size, and are the paper's own at its default seed 123.
    """
    everyone = sum((group.sum(axis=0) for group in people.groups), np.zeros_like(people.groups[0][0]))
    drawn = []
    for j in range(n_annotators):
        rng = np.random.RandomState((123 + n_annotators * (seed - 123) + j) % 2**32)
        firsts = [group[rng.choice(len(group), n_drawn)[0]] for group in people.groups]
        drawn.append(everyone + 10 * np.sum(firsts, axis=0))
    return drawn


def _rows(people: _People, counts: IntArray) -> FloatArray:
    totals = counts.sum(axis=1, keepdims=True)
    if not totals.all():
        name = people.classes[int(np.argmin(totals))]
        raise DataError(f"Nobody chose any of the given classes for class {name!r}; leave it out or add classes.")
    rows: FloatArray = counts / totals
    return rows


def _leak(confusion: FloatArray, same_group: BoolArray) -> FloatArray:
    n_outside = (~same_group).sum(axis=1, keepdims=True)
    leak = np.where(n_outside > 0, LEAK, 0.0)
    inside = np.where(same_group, confusion, 0).sum(axis=1, keepdims=True)
    rows: FloatArray = np.where(
        same_group, confusion * (1 - leak), confusion + leak * inside / np.maximum(n_outside, 1)
    )
    return rows


def _beta_counts(skill: float, spread: float) -> tuple[float, float] | None:
    """Counts of the Beta distribution with this mean and standard deviation; none if it cannot vary."""
    widest = float(np.sqrt(skill * (1 - skill)))
    if spread == 0 or widest == 0:
        return None
    n = min(widest / float(spread), 1e6) ** 2 - 1
    if n <= 0:
        raise ConfigError(
            f"No Beta distribution has mean crowd.skill={skill:g} and standard deviation crowd.spread={spread:g}; "
            f"set crowd.spread below {widest:.3g}."
        )
    return skill * n, (1 - skill) * n


def _likeness(class_means: FloatArray) -> FloatArray:
    """(K, K) weights of the wrong labels, rows sum to 1, diagonal 0; see `structured_noise`."""
    distance = cdist(class_means, class_means)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1, keepdims=True)
    scale = np.where(nearest > 0, nearest, nearest.mean())  # of identical means, the usual distance
    relative = np.minimum(distance / np.where(scale > 0, scale, 1), 100)  # exp(-100^2) is 0 already
    weights: FloatArray = np.exp(-(relative**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _fill(confusion: FloatArray, right: FloatArray, weights: FloatArray) -> None:
    """Writes (K, K) rows: `right` (K,) on the diagonal, the rest by `weights`, which sum to 1 off it."""
    np.multiply(weights, (1 - right)[:, None], out=confusion)
    np.fill_diagonal(confusion, right)
