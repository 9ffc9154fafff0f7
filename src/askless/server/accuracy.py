"""How right the labels are believed to be, what has checked them, and how that is said."""

from collections.abc import Sequence
from math import ceil, floor

from askless.results import Promise, Status
from askless.server.manage_replies import Accuracy, Audited, Share
from askless.store.entries import Entry


def accuracy_of(status: Status, gold: Share | None, verdicts: Sequence[Entry], *, is_inferred: bool) -> Accuracy:
    """What is known of the accuracy of a campaign, in numbers and in words.

    Args:
        status: of the campaign.
        gold: how often people agree with it.
        verdicts: the end of each audit, as it is in the log.
        is_inferred: whether anything has been inferred from the answers.
    """
    audited = None if status.promise is None else _audited(status.promise, verdicts)
    return Accuracy(
        estimated=1 - status.mean_risk if is_inferred else None,
        gold=gold,
        audited=audited,
        rests_on=_rests_on(status, gold, audited, is_inferred=is_inferred),
    )


def _audited(promise: Promise, verdicts: Sequence[Entry]) -> Audited | None:
    if promise.is_auditing:
        n, n_wrong = promise.n_audited, None
    else:
        ended = [verdict.payload or {} for verdict in verdicts]
        n, n_wrong = (sum(payload[key] for payload in ended) for key in ("n_audited", "n_wrong"))
    if not n:
        return None
    return Audited(
        n=n,
        n_wrong=n_wrong,
        low=floor(1000 * promise.low) / 1000,
        high=ceil(1000 * promise.high) / 1000,
        target=promise.target_accuracy,
        confidence=promise.confidence,
    )


def _rests_on(status: Status, gold: Share | None, audited: Audited | None, *, is_inferred: bool) -> str:
    if not status.n_annotations:
        return "Nothing yet: nobody has answered."
    if not is_inferred:
        return "Nothing yet: nothing has been inferred from the answers so far."
    believed = f"The model's own opinion of its labels for {status.n_items:,} images"
    if audited is None:
        sentences = [f"{believed}; nothing else has checked them yet."]
    else:
        sentences = [f"{believed}.", _shown_by(audited, is_over=status.stopped is not None)]
    if gold is not None:
        share, low, high = (f"{100 * value:.0f}" for value in (gold.share, gold.low, gold.high))
        sentences.append(
            f"People are checked: {share} % of their {gold.n:,} answers about gold images are right (95 % interval: "
            f"{low} to {high} %)."
        )
    return " ".join(sentences)


def _shown_by(audited: Audited, *, is_over: bool) -> str:
    """One sentence on what audits have found; labels that may move on are spoken of as they were."""
    images = f"{audited.n:,} {'image' if audited.n == 1 else 'images'}"
    if audited.n_wrong is None:
        found, are = f"An audit is under way, {images} checked so far", "are"
    else:
        but = f" but {audited.n_wrong:,}" if audited.n_wrong else ""
        found, are = f"Audits have checked {images} and confirmed all labels{but}", "are" if is_over else "were then"
    low, high = 100 * audited.low, 100 * audited.high
    return (
        f"{found}: with {100 * audited.confidence:g} % confidence, {low:.1f} to {high:.1f} % of all labels {are} right "
        f"(target: {100 * audited.target:g} %)."
    )
