"""What the labels of a campaign have cost, and what is still to come."""

from collections.abc import Mapping

from askless.campaign import Campaign
from askless.results import Status
from askless.server import insight
from askless.server.manage_replies import Cost
from askless.server.settings import PageSettings


def cost_of(campaign: Campaign, status: Status, page: PageSettings, n_of: Mapping[str, int]) -> Cost:
    """By the campaign's own forecast, or, while there is none, by what finished images have cost; no more than open
    images can still be asked about, if no auditor comes after that, and no more than what is left of the budget.

    Args:
        n_of: by name, labels that somebody is paid for, those of banned people too; the budget is spent on them.

    Returns:
        The price is what an answer has cost so far, on average.
    """
    budget, settings = campaign.config.budget, campaign.config.annotators
    n_answers = sum(n_of.values())
    n_usual_prices = sum(n * settings.price_of(name) for name, n in n_of.items())
    price = page.price_per_answer * (n_usual_prices / n_answers if n_answers else 1.0)
    n_left = None if budget is None else max(budget - n_answers, 0)
    n_askable = None if status.promise else status.n_askable
    is_inferred = campaign.estimate.upto > 0
    n_finished = status.n_confident + status.n_exhausted if is_inferred else 0
    n_to_come = insight.forecast(status.n_annotations, n_finished, 0 if status.stopped else status.n_open, n_left)
    n_low = n_high = None
    if made := campaign.forecast() if is_inferred and not status.stopped else None:
        n_to_come, n_low, n_high = (max(n - status.n_annotations, 0) for n in (made.n_answers, made.low, made.high))
    n_to_come, n_low, n_high = (_at_most(n, n_left, n_askable) for n in (n_to_come, n_low, n_high))
    return Cost(
        price=price,
        currency=page.currency,
        spent=n_answers * price,
        to_come=None if n_to_come is None else n_to_come * price,
        n_to_come=n_to_come,
        n_to_come_low=n_low,
        n_to_come_high=n_high,
        budget=budget,
    )


def _at_most(n: int | None, *limits: int | None) -> int | None:
    return None if n is None else min([n, *(limit for limit in limits if limit is not None)])
