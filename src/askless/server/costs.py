"""What the labels of a campaign have cost, and what is still to come."""

from askless.campaign import Campaign
from askless.results import Status
from askless.server import insight
from askless.server.manage_replies import Cost
from askless.server.settings import PageSettings


def cost_of(campaign: Campaign, status: Status, page: PageSettings, n_answers: int) -> Cost:
    """By the campaign's own forecast, or, while there is none, by what finished images have cost.

    Args:
        n_answers: labels that somebody is paid for, those of banned people too; the budget is spent on them.
    """
    budget = campaign.config.budget
    n_left = None if budget is None else max(budget - n_answers, 0)
    n_finished, n_open = status.n_confident + status.n_exhausted, 0 if status.stopped else status.n_open
    n_to_come = insight.forecast(status.n_annotations, n_finished, n_open, n_left)
    n_low = n_high = None
    if made := None if status.stopped else campaign.forecast():
        n_to_come, n_low, n_high = (
            _at_most(max(n - status.n_annotations, 0), n_left) for n in (made.n_answers, made.low, made.high)
        )
    return Cost(
        price=page.price_per_answer,
        currency=page.currency,
        spent=n_answers * page.price_per_answer,
        to_come=None if n_to_come is None else n_to_come * page.price_per_answer,
        n_to_come=n_to_come,
        n_to_come_low=n_low,
        n_to_come_high=n_high,
        budget=budget,
    )


def _at_most(n: int, most: int | None) -> int:
    return n if most is None else min(n, most)
