"""What `benchmarks/efficiency/limits.py` gives away reaches the campaign, and nothing else does."""

import os
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from limits import LIMITS, main, run_knowing
from sets import SETS, Run, Set, cost_of, read

from askless.campaign import Campaign
from askless.config import compose
from askless.core import people, pool, sampler
from askless.core.sampler import Workload, plan
from askless.simulate.crowds import make_crowd
from askless.simulate.experiment import run_rounds
from askless.simulate.sources import load
from askless.types import Estimate

SMALL = "dataset=digits n_data_per_class=12 n_prototypes_per_class=1 crowd.n_annotators=8 crowd.spread=0.2"
CONFIG = compose([*SMALL.split(), "learner_method=askless", "budget=60", "batch_size=6"])
SOURCE = load(CONFIG)
CROWD = make_crowd(CONFIG, SOURCE)
BATCH = 6


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    settings = "dataset=digits n_data_per_class=6"
    monkeypatch.setitem(SETS, "tiny", Set(settings, (0.9, 0.95, 1.0), 0.4))
    return "tiny"


def estimate_under(limit: str) -> Estimate:
    with ExitStack() as replaced:
        for replacement in LIMITS[limit](CONFIG, SOURCE, CROWD):
            replaced.enter_context(replacement)
        campaign = Campaign.create(
            None, SOURCE.dataset, SOURCE.features, CONFIG.campaign, prototypes=SOURCE.prototypes, seed=0
        )
        with closing(campaign):
            for _ in run_rounds(campaign, CROWD):
                pass
            return campaign.estimate


def asked_under(limit: str, n_asked: list[int]) -> list[int]:
    """Whom a plan asks, in its order, who have been asked about so many items each and of whom nothing is known."""
    N, K = SOURCE.dataset.n_items, SOURCE.dataset.n_classes
    with ExitStack() as replaced:
        for replacement in LIMITS[limit](CONFIG, SOURCE, CROWD):
            replaced.enter_context(replacement)
        batches = plan(
            np.full((N, K), 1 / K),
            np.full(N, 1 - 1 / K),
            SimpleNamespace(crowd=CROWD.confusion.mean(axis=0), diagonal=np.full((8, K), 0.5), n_classes=K),
            np.ones(N, bool),
            [Workload(j, np.arange(n), N) for j, n in enumerate(n_asked)],
            n_batches=8,
            batch_size=BATCH,
            budget=None,
            max_risk=0.1,
            settings=CONFIG.sampler,
            rng=np.random.default_rng(0),
        )
    return [batch.annotator for batch in batches]


@pytest.mark.parametrize(("limit", "is_known"), [("askless", False), ("people", True), ("both", True)])
def test_true_confusions_are_given_away(limit: str, is_known: bool) -> None:
    believed = estimate_under(limit).confusion.matrices(range(8))
    assert np.allclose(believed, CROWD.confusion, atol=1e-12) == is_known


@pytest.mark.parametrize(("limit", "is_known"), [("whom", False), ("machine", True), ("both", True)])
def test_the_machine_is_given_all_labels_but_an_items_own(limit: str, is_known: bool) -> None:
    machine = estimate_under(limit).machine
    truth = np.eye(SOURCE.dataset.n_classes)[SOURCE.truth]
    every = np.ones(len(truth), bool)
    told = pool.fit(SOURCE.features, SOURCE.prototypes, truth, every, 50 * truth, CONFIG.learner.pool)
    assert machine is not None
    assert told is not None
    assert np.array_equal(machine, told.of_all()) == is_known
    assert 0.8 < (told.of_all().argmax(axis=1) == SOURCE.truth).mean() < 1


def test_the_best_people_are_asked_first_and_spared_unless_nobody_is() -> None:
    best_first = np.argsort(-CROWD.skill).tolist()
    best, others = best_first[0], best_first[1:]
    assert asked_under("whom", [0] * 8) == asked_under("unspared", [0] * 8) == best_first
    assert asked_under("askless", [0] * 8) != best_first
    n_asked = [0] * 8
    n_asked[best] = 10 * BATCH
    assert asked_under("whom", n_asked) == [*others, best]
    assert asked_under("unspared", n_asked) == best_first


@pytest.mark.slow
def test_the_command_keeps_what_it_ran_and_prints_a_row_for_each_limit(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = people.fit, pool.fit, sampler._by_drawn_skill, sampler.CERTAINTY, sampler.MAX_AHEAD
    one = Run(tiny, "askless", 50, 10, 0)
    for limit in LIMITS:
        run_knowing(limit, one, tmp_path)
    assert before == (people.fit, pool.fit, sampler._by_drawn_skill, sampler.CERTAINTY, sampler.MAX_AHEAD)

    files = sorted(tmp_path.rglob("*.csv"))
    assert [file.parent.name for file in files] == sorted(LIMITS)
    for file in files:
        os.utime(file, (0, 0))
    monkeypatch.setattr("sys.argv", ["limits.py", tiny, "--seeds", "0", "--jobs", "1", "--out", str(tmp_path)])
    main()
    assert all(file.stat().st_mtime == 0 for file in files)
    title, *rows = capsys.readouterr().out.strip().splitlines()
    assert (
        title
        == "tiny: answers an image to reach 90%, 95%, 100%, and the ratio; right at the end, of all and of finished"
    )
    assert [row.split()[0] for row in rows] == list(LIMITS)
    assert rows[0].count("1.00;") == 3
    assert ">0.40" in rows[0]

    tables = {limit: read(one.file(tmp_path / limit)) for limit in LIMITS}
    for row, table in zip(rows, tables.values(), strict=True):
        assert f" {table[-1]['posterior_all_top1']:.3f} {table[-1]['finished_accuracy']:.3f}  (1 seeds)" in row
    for level in (0.9, 0.95):
        costs = {limit: cost_of(rows, level) for limit, rows in tables.items()}
        assert costs["both"] <= min(costs["people"], costs["machine"]) <= costs["askless"]


def test_a_set_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["limits.py", "nosy", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    assert "there is no set nosy; choose some of digits" in capsys.readouterr().err
