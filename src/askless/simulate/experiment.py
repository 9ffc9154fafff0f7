"""A simulated crowd drives a campaign: the same calls as people make, and measurements against the truth."""

from collections.abc import Iterator
from typing import TypeAlias

from askless.campaign import Campaign
from askless.core.risk import ItemStatus, StopReason
from askless.cores import side_by_side
from askless.metrics import accuracy_metrics, precision
from askless.simulate.crowd import Crowd
from askless.simulate.sources import Source

Row: TypeAlias = dict[str, int | float | None]
"""One line of `metrics.csv`, see `measure`."""

ACCURACY_LEVELS = (0.80, 0.85, 0.90, 0.95)


def run_rounds(campaign: Campaign, crowd: Crowd) -> Iterator[None]:
    """The loop: ask, tell, refresh, until the campaign stops. Yields after every refresh, the first one included.

    A campaign that was cut off anywhere goes on as if it had not been: batches still out are answered first, and
    answers that no refresh has seen are refreshed before anyone is asked anew.
    """
    campaign.join(crowd.available())
    if campaign.n_refreshes == 0:
        campaign.refresh()
    yield
    while not (status := campaign.status()).stopped:
        batches = campaign.leased()
        is_auditing = status.promise is not None and status.promise.is_auditing
        if not batches and (is_auditing or not status.n_new):
            batches = campaign.ask(crowd.available(), askable=crowd.askable)
            if not batches:
                campaign.stop(StopReason.NO_ANNOTATOR)
                return
        with campaign.transaction():
            for batch in batches:
                campaign.tell(batch.id, crowd.answer(batch))
        if not campaign.stopped:
            campaign.refresh()
            yield
    if status.n_new:  # answers to an audit that ended the campaign
        campaign.refresh()
        yield


def measure(campaign: Campaign, source: Source, n_gold: int = 0) -> Row:
    """How good the current estimate is, over the items to label (prototypes left out).

    Counts per status; for posterior and machine apart, and for the items of each status and all of them:
    `{posterior|machine}_{all|confident|open|exhausted}_{top1|top5|top10|correct|ece}`. With distractors the same for
    those of the classes looked for (`wanted`) and the distractors (`other`), and how many of the items labelled
    `other` are distractors. With prices what the annotations cost per item, in usual prices. With a promise the items
    that auditors have labelled, and between which bounds the accuracy of the set was, as of the last audit. `n_gold`
    answers were bought before the campaign; they count among the annotations, but not among what these cost.
    """
    status, estimate = campaign.status(), campaign.estimate
    n_annotations = status.n_annotations + n_gold
    item_status = campaign.result().status
    to_label = item_status != ItemStatus.KNOWN
    scopes = {"all": to_label} | {
        name: item_status == name for name in (ItemStatus.CONFIDENT, ItemStatus.OPEN, ItemStatus.EXHAUSTED)
    }
    truth, other = source.truth, source.dataset.n_classes - 1
    if source.has_other:
        scopes |= {"wanted": to_label & (truth != other), "other": to_label & (truth == other)}
    with side_by_side():
        accuracies = {
            f"{name}_{key}": value
            for name, probability in (("posterior", estimate.posterior), ("machine", estimate.machine))
            for key, value in accuracy_metrics(probability, truth, scopes).items()
        }
    row = {
        "round": campaign.n_refreshes - 1,
        "n_annotations": n_annotations,
        "annotations_per_item": n_annotations / status.n_items,
        "mean_risk": status.mean_risk,
        "n_confident": status.n_confident,
        "n_open": status.n_open,
        "n_exhausted": status.n_exhausted,
        "finished_share": status.n_confident / status.n_items,
        "finished_accuracy": accuracies["posterior_confident_top1"],
        **accuracies,
    }
    if source.has_other:
        row["other_precision"] = precision(estimate.label[to_label], truth[to_label], other)
    if (settings := campaign.config.annotators).prices:
        price = [settings.price_of(name) for name in campaign.annotators]
        paid = sum(price[j] for j in campaign.annotations().annotator.tolist())
        row["cost_per_item"] = paid / status.n_items
    if status.promise:
        row |= {
            "n_audited": status.promise.n_audited,
            "accuracy_low": status.promise.low,
            "accuracy_high": status.promise.high,
        }
    return row | ({"n_gold": n_gold} if n_gold else {})


def reached(rows: list[Row]) -> dict[str, float | None]:
    """Annotations per item of the first round with at least each of `ACCURACY_LEVELS`; None where none had."""
    return {
        f"{level:.2f}": next(
            (row["annotations_per_item"] for row in rows if (row["posterior_all_top1"] or 0) >= level), None
        )
        for level in ACCURACY_LEVELS
    }
