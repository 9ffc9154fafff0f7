"""Gold: items whose label is known, slipped in among the others to see how good people are."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import islice

import numpy as np

from askless.settings import AnnotatorSettings
from askless.types import IntArray, SkipReason


class Standing(StrEnum):
    """new: has said nothing yet; qualifying: is asked about gold alone; working: is asked about everything;
    unqualified: too few right, banned: by whoever runs the campaign; both are asked about nothing more."""

    NEW = "new"
    QUALIFYING = "qualifying"
    WORKING = "working"
    UNQUALIFIED = "unqualified"
    BANNED = "banned"


def standing(said: Mapping[int, int | SkipReason], gold: Mapping[int, int], settings: AnnotatorSettings) -> Standing:
    """Where an annotator stands who is not banned.

    Args:
        said: by item, in the order of answering.
        gold: known label by item.
        settings: how many of them come first, and which share must be right; a skip is not right.
    """
    if not said:
        return Standing.NEW
    if n_left_to_qualify(said, gold, settings):
        return Standing.QUALIFYING
    is_right = _first_answers(said, gold, settings)
    return Standing.WORKING if sum(is_right) >= settings.qualification_share * len(is_right) else Standing.UNQUALIFIED


def n_left_to_qualify(
    said: Mapping[int, int | SkipReason], gold: Mapping[int, int], settings: AnnotatorSettings
) -> int:
    """Gold items that an annotator is still to answer before anything else. With fewer than `n_qualification`, all."""
    return min(settings.n_qualification, len(gold)) - len(_first_answers(said, gold, settings))


def _first_answers(
    said: Mapping[int, int | SkipReason], gold: Mapping[int, int], settings: AnnotatorSettings
) -> list[bool]:
    """Whether the answers by which an annotator qualifies were right, as far as they are there."""
    n_wanted = min(settings.n_qualification, len(gold))
    return list(islice((label == gold[item] for item, label in said.items() if item in gold), n_wanted))


def slip_in(items: IntArray, gold: IntArray, rate: float, rng: np.random.Generator) -> IntArray:
    """As many items, some of them gold: at each place with the chance `rate`, while there is gold. The last of `items`
    give way."""
    places = rng.permutation(np.flatnonzero(rng.random(len(items)) < rate))[: len(gold)]
    is_gold = np.zeros(len(items), bool)
    is_gold[places] = True
    mixed = np.empty(len(items), np.int64)
    mixed[is_gold] = rng.choice(gold, len(places), replace=False)
    mixed[~is_gold] = items[: len(items) - len(places)]
    return mixed
