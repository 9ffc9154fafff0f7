"""The loop of a simulation, and what it measures."""

from pathlib import Path

import numpy as np
import pytest
from small_simulation import configure, write_folder

from askless.campaign import Campaign
from askless.core.risk import StopReason
from askless.simulate.crowd import Crowd
from askless.simulate.crowds import annotator_names
from askless.simulate.drawn import ConfusionCrowd
from askless.simulate.experiment import ACCURACY_LEVELS, Row, measure, reached, run_rounds
from askless.simulate.noise import perfect, uniform
from askless.simulate.run import simulate
from askless.simulate.sources import Source
from small_campaign import PROTOTYPES, TRUTH, K, N, create, read


def crowd(n: int = 5, skill: float = 1.0) -> Crowd:
    confusion = perfect(n, K) if skill == 1 else uniform(n, K, skill, 0.1, 3)
    return ConfusionCrowd(annotator_names(n), confusion, TRUTH, 3, confusion.mean(axis=0))


def run_to_end(campaign: Campaign, people: Crowd) -> str | None:
    for _ in run_rounds(campaign, people):
        pass
    reason = campaign.status().stopped
    campaign.close()
    return reason


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("source") / "small")


class TestReasonsToStop:
    def test_finished(self) -> None:
        assert run_to_end(create(), crowd()) == StopReason.FINISHED

    def test_budget(self) -> None:
        campaign = create(budget=21)
        assert run_to_end(campaign, crowd()) == StopReason.BUDGET
        assert campaign._journal.ledger.n_annotations == 21

    def test_no_annotator(self) -> None:
        campaign = create(max_risk=0.0, sampler={"max_per_item": 3})
        assert run_to_end(campaign, crowd(2)) == StopReason.NO_ANNOTATOR
        assert campaign._journal.ledger.n_labels.tolist() == [2] * N

    def test_no_annotator_since_all_have_done_enough(self) -> None:
        campaign = create(sampler={"max_per_annotator": 5})
        assert run_to_end(campaign, crowd(3)) == StopReason.NO_ANNOTATOR
        assert campaign._journal.ledger.n_annotations == 15

    def test_early_stop(self, folder: Path) -> None:
        """Everybody is trusted too much, so that items which looked finished are not any more."""
        crowded = ["crowd.n_annotators=25", "crowd.skill=0.4", "batch_size=1000", "n_batches=1"]
        rows: list[Row] = []
        summary = simulate(
            configure(
                folder,
                *crowded,
                "learner_method=ds_model",
                "early_stop=true",
                "sampler.max_per_item=25",
                "sampler.fill_batches=true",
                "aggregator.max_em_steps=0",
                "seed=24",
            ),
            on_round=rows.append,
        )
        assert summary["stopped_because"] == StopReason.EARLY_STOP
        confident = [row["n_confident"] for row in rows]
        assert max(confident[:-5]) > max(confident[-5:])


def test_rounds_begin_with_the_first_refresh_and_yield_after_each() -> None:
    campaign, people = create(), crowd()
    n_refreshes = [campaign.n_refreshes for _ in run_rounds(campaign, people)]
    assert n_refreshes == list(range(1, len(n_refreshes) + 1))
    kinds = [entry.kind.value for entry in read(campaign)]
    assert kinds[:6] == ["joined"] * 5 + ["refreshed"]
    assert kinds[-2:] == ["refreshed", "stopped"]
    campaign.close()


def test_rounds_of_a_campaign_that_is_over() -> None:
    campaign, people = create(), crowd()
    list(run_rounds(campaign, people))
    before = read(campaign)
    assert len(list(run_rounds(campaign, people))) == 1
    assert read(campaign) == before
    campaign.close()


def test_measures_are_those_of_the_items_to_label() -> None:
    campaign = create(prototypes=PROTOTYPES)
    people = crowd(3, 0.6)
    truth = TRUTH.copy()
    source = Source(campaign.dataset, campaign._features, truth, PROTOTYPES)
    rounds = run_rounds(campaign, people)
    for _ in range(4):
        next(rounds)
    row = measure(campaign, source)
    estimate, result = campaign.estimate, campaign.result()
    is_right = (estimate.label == truth)[6:]
    is_confident = result.status[6:] == "confident"
    assert row["round"] == 3
    assert row["n_annotations"] == len(campaign.annotations()) > 0
    assert row["annotations_per_item"] == row["n_annotations"] / 54
    assert row["posterior_all_top1"] == pytest.approx(is_right.mean())
    assert row["posterior_confident_top1"] == row["finished_accuracy"] == pytest.approx(is_right[is_confident].mean())
    assert row["finished_share"] == pytest.approx(is_confident.mean())
    assert row["n_confident"] + row["n_open"] + row["n_exhausted"] == 54
    assert row["mean_risk"] == pytest.approx(estimate.risk[6:].mean())
    assert row["machine_all_top1"] is None
    campaign.close()


def test_what_annotations_cost_where_people_have_prices() -> None:
    """By those who cost half, who get more of the work."""
    cheap = dict.fromkeys(annotator_names(6)[:3], 0.5)
    campaign = create(max_risk=0.0, n_batches=1, sampler={"whom": "thompson"}, annotators={"prices": cheap})
    for _, _ in zip(run_rounds(campaign, crowd(6, 0.8)), range(20), strict=False):
        pass
    of_annotator = np.bincount(campaign.annotations().annotator, minlength=6)
    row = measure(campaign, Source(campaign.dataset, campaign._features, TRUTH, PROTOTYPES))
    n_cheap, n = of_annotator[:3].sum(), of_annotator.sum()
    assert n_cheap > 0.6 * n
    assert row["cost_per_item"] == pytest.approx((n - 0.5 * n_cheap) / N)
    campaign.close()


def test_measures_before_anything_is_finished() -> None:
    campaign = create()
    row = measure(campaign, Source(campaign.dataset, campaign._features, TRUTH, PROTOTYPES))
    assert (row["round"], row["n_annotations"], row["finished_share"], row["finished_accuracy"]) == (0, 0, 0, None)
    campaign.close()


def test_reached() -> None:
    def row(accuracy: float | None, cost: float) -> Row:
        return {"posterior_all_top1": accuracy, "annotations_per_item": cost}

    rows = [row(None, 0), row(0.79, 0.5), row(0.9, 1.0), row(0.84, 1.5), row(0.93, 2.0)]
    assert reached(rows) == {"0.80": 1.0, "0.85": 1.0, "0.90": 1.0, "0.95": None}
    assert list(reached([])) == [f"{level:.2f}" for level in ACCURACY_LEVELS]


def test_answers_do_not_depend_on_the_method() -> None:
    """Runs are paired: whoever is asked about an item says the same in every campaign."""
    said = []
    for sampler in ("random", "greedy_task_assignment"):
        campaign = create(max_risk=0.0, sampler={"algo": sampler, "max_per_item": 3})
        list(run_rounds(campaign, crowd(4, 0.6)))
        columns = campaign.annotations()
        said.append(
            dict(
                zip(
                    zip(columns.item.tolist(), columns.annotator.tolist(), strict=True),
                    columns.label.tolist(),
                    strict=True,
                )
            )
        )
        campaign.close()
    shared = said[0].keys() & said[1].keys()
    assert len(shared) > N
    assert all(said[0][pair] == said[1][pair] for pair in shared)
    assert np.mean([said[0][item, j] == TRUTH[item] for item, j in said[0]]) == pytest.approx(0.6, abs=0.1)
