"""Where every item stands, and when a campaign is over."""

from collections.abc import Sequence
from enum import StrEnum
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from askless.settings import CampaignConfig
from askless.types import BoolArray, FloatArray, IntArray, Prototypes


class ItemStatus(StrEnum):
    """open: to be asked about; confident: risk below `max_risk`; exhausted: risky, but asked about often
    enough; broken: people say that there is nothing to see; known: a prototype."""

    OPEN = "open"
    CONFIDENT = "confident"
    EXHAUSTED = "exhausted"
    BROKEN = "broken"
    KNOWN = "known"


class StopReason(StrEnum):
    """finished: no item is open; budget: spent; early_stop: the paper's rule; no_annotator: nobody who is there
    may be asked about any open item; promise_kept: the set is as accurate as was asked for; cannot_be_reached: it will
    not be, by as many audits as are allowed."""

    FINISHED = "finished"
    BUDGET = "budget"
    EARLY_STOP = "early_stop"
    NO_ANNOTATOR = "no_annotator"
    PROMISE_KEPT = "promise_kept"
    CANNOT_BE_REACHED = "cannot_be_reached"


LOOKS_AT: dict[str | None, tuple[str, ...]] = {
    None: ("max_risk", "sampler.max_per_item", "promise"),
    StopReason.FINISHED: ("max_risk", "sampler.max_per_item", "promise"),
    StopReason.BUDGET: ("budget",),
    StopReason.EARLY_STOP: ("max_risk", "batch_size"),
    StopReason.NO_ANNOTATOR: (
        "max_risk",
        "sampler",
        "annotators.n_qualification",
        "annotators.qualification_share",
        "promise",
    ),
    StopReason.PROMISE_KEPT: ("promise",),
    StopReason.CANNOT_BE_REACHED: ("max_risk", "sampler.max_per_item", "promise"),
}
"""The settings that a campaign stands on while it is stopped for such a reason; none: while it goes on, or audits."""


def starts_anew(stopped: str | None, before: CampaignConfig, after: CampaignConfig) -> bool:
    """Whether other settings undo what a campaign has come to: a stop, an audit, the refreshes that it is judged by."""
    settings = attrgetter(*LOOKS_AT[stopped])
    return bool(settings(before) != settings(after))


def item_status(
    risk: FloatArray,
    n_annotations: IntArray,
    prototypes: Prototypes,
    config: CampaignConfig,
    is_broken: BoolArray | None = None,
) -> npt.NDArray[np.str_]:
    """(N,) values of `ItemStatus`, from the risk (N,) of each item, the number of labels (N,) it has, and whether
    people call it broken (N,)."""
    is_exhausted = n_annotations >= config.sampler.max_per_item
    status = np.where(is_exhausted, ItemStatus.EXHAUSTED.value, ItemStatus.OPEN.value)
    status = np.where(risk < config.max_risk, ItemStatus.CONFIDENT.value, status)
    if is_broken is not None:
        status[is_broken] = ItemStatus.BROKEN.value
    status[prototypes.item] = ItemStatus.KNOWN.value
    return status


def stop_reason(
    n_open: int, n_annotations: int, n_items: int, confident_history: Sequence[int], config: CampaignConfig
) -> StopReason | None:
    """Why the campaign is over, or none.

    Args:
        n_open: open items.
        n_annotations: labels so far.
        n_items: items to label, prototypes left out.
        confident_history: number of confident items after each refresh.
    """
    if n_open == 0 and config.promise.target_accuracy is None:
        return StopReason.FINISHED
    if config.budget is not None and n_annotations >= config.budget:
        return StopReason.BUDGET
    per_round = config.batch_size * config.n_batches
    if config.early_stop and has_stalled(confident_history, n_annotations, n_items, per_round):
        return StopReason.EARLY_STOP
    return None


def has_stalled(confident_history: Sequence[int], n_annotations: int, n_items: int, per_round: int) -> bool:
    """The paper's global early stop (as the paper's code): the record number of confident items is not recent.

    Recent means within the last m = max(5000 // per_round, 5) refreshes; before more than m refreshes or
    half an annotation per item it never fires.
    """
    recent = max(5000 // per_round, 5)
    if len(confident_history) <= recent or n_annotations < n_items / 2:
        return False
    return max(confident_history) not in confident_history[-recent:]
