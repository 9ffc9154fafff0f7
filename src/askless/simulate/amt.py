"""People made from the paper's Mechanical Turk workers on ImageNet-100: counts in two files, published with its code.

J annotators, K classes. Confusion matrices are (J, K, K) float64; row = truth, rows sum to 1.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from askless.data.catalogue import CATALOGUE
from askless.errors import DataError
from askless.simulate.noise import fill_rows
from askless.types import BoolArray, FloatArray

LEAK = 0.03  # share of an AMT annotator's labels that fall outside the group of the true class


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


def amt_structured_noise(
    folder: Path, classes: Sequence[str], n_annotators: int, seed: int, *, has_other: bool = False
) -> FloatArray:
    """(J, K, K) of annotators made from real people on ImageNet-100, as the paper's StructuredNoiseWorker.

    For each group of classes one real person of that group is drawn; their counts, ten times, are added to
    the counts of everyone in the group. The groups' sums are added and their rows scaled to 1. Of each row a
    LEAK is then spread evenly over the classes outside the true class's group, if there are any.

    The catch-all class stands for all classes of ImageNet-100 that are not given. It is in no group: others leak into
    it, its own row leaks nothing (as in the paper's code).

    Args:
        folder: of `group_workers.json` and `groups.txt`.
        classes: K classes, each by its wnid or its name in `imagenet100_name`, in upper or lower case.
        n_annotators: J.
        seed: of the crowd; 123 gives the very crowd of the paper's default seed.
        has_other: whether the last class is the catch-all, whatever its name.

    Raises:
        DataError: files not as published, a class not in them or twice, a class whose row is empty.
    """
    people = _read_people(folder, classes, has_other)
    rows = [_rows(people, counts) for counts in _draw_counts(people, n_annotators, seed, n_drawn=1)]
    return np.stack([_leak(confusion, people.same_group) for confusion in rows])


def amt_uniform_noise(
    folder: Path, classes: Sequence[str], n_annotators: int, seed: int, *, has_other: bool = False
) -> FloatArray:
    """(J, K, K) as `amt_structured_noise`, with evenly spread wrong labels (the paper's UniformNoiseWorker).

    Ten people are drawn per group and the first is used; the even spread comes before the LEAK.
    """
    people = _read_people(folder, classes, has_other)
    confusion = np.empty((n_annotators, len(classes), len(classes)))
    for j, counts in enumerate(_draw_counts(people, n_annotators, seed, n_drawn=10)):
        right = np.diagonal(_rows(people, counts))
        fill_rows(confusion[j], right, np.full(counts.shape, 1 / (len(classes) - 1)))
        confusion[j] = _leak(confusion[j], people.same_group)
    return confusion


def amt_population_counts(folder: Path, classes: Sequence[str], *, has_other: bool = False) -> FloatArray:
    """(K, K): how often real people chose each class for each true class, summed over all of them.

    The row of the catch-all class is the mean of the classes that it stands for, so that it weighs as much as one.
    """
    people = _read_people(folder, classes, has_other)
    return sum((group.sum(axis=0) for group in people.groups), np.zeros((len(classes),) * 2))


@dataclass(frozen=True, eq=False)
class _People:
    """Real people: per group, in the file's order, (people, K, K) counts; which classes share a group."""

    classes: tuple[str, ...]
    groups: tuple[FloatArray, ...]
    same_group: BoolArray


def _read_people(folder: Path, classes: Sequence[str], has_other: bool) -> _People:
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

    named = classes[: len(classes) - has_other]
    unknown = [name for name in named if name.lower() not in index]
    if unknown:
        raise DataError(
            f"Class {unknown[0]!r} is neither a wnid nor a name of {path}; choose classes of ImageNet-100 or "
            "another crowd.kind."
        )
    kept = np.array([index[name.lower()] for name in named], dtype=np.int64)
    if len(set(kept.tolist())) < len(kept):
        raise DataError("A class is given twice, by wnid and by name or in two spellings; name each class once.")
    group = np.array([group_of.get(int(y), -1) for y in kept])
    same_group = group[:, None] == group[None, :]
    member = np.eye(len(published["imagenet100"]))[kept]
    if has_other:
        member = np.vstack([member, member.sum(axis=0) == 0])
        same_group = np.pad(same_group, ((0, 1), (0, 1)))
        same_group[-1] = True
    mean = member / np.maximum(member.sum(axis=1, keepdims=True), 1)
    return _People(tuple(classes), tuple(mean @ people @ member.T for people in counts), same_group)


def _draw_counts(people: _People, n_annotators: int, seed: int, n_drawn: int) -> list[FloatArray]:
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


def _rows(people: _People, counts: FloatArray) -> FloatArray:
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
