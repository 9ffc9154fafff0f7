"""Gold questions before a campaign."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from small_simulation import configure, write_folder

from askless.core.confusion import gold_prior_counts
from askless.errors import ConfigError
from askless.settings import SimulationConfig
from askless.simulate import run
from askless.simulate.crowd import Crowd
from askless.simulate.crowds import make_crowd
from askless.simulate.experiment import Row
from askless.simulate.gold import ask_gold
from askless.simulate.run import simulate
from askless.simulate.sources import Source, load
from killing import until_it_lives
from small_campaign import read_file

GOLD = ["learner_method=ds_model", "gold.n_per_class=2"]
N_GOLD = 2 * 3 * 7
"""Two items of three classes for seven people."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("gold") / "small")


def parts(config: SimulationConfig) -> tuple[Source, Crowd]:
    source = load(config)
    return source, make_crowd(config, source)


def test_everybody_answers_so_many_of_each_class(folder: Path) -> None:
    source, crowd = parts(configure(folder, *GOLD))
    gold = ask_gold(crowd, source, 2, 5)
    assert len(gold) == N_GOLD
    assert set(gold.item) <= set(source.prototypes.item)
    assert set(Counter(zip(gold.annotator.tolist(), source.truth[gold.item].tolist(), strict=True)).values()) == {2}
    assert len(set(zip(gold.annotator.tolist(), gold.item.tolist(), strict=True))) == N_GOLD
    drawn = {j: frozenset(gold.item[gold.annotator == j].tolist()) for j in range(7)}
    assert len(set(drawn.values())) > 1
    again = ask_gold(crowd, source, 2, 5)
    np.testing.assert_array_equal(gold.label, again.label)
    np.testing.assert_array_equal(gold.item, again.item)
    assert ask_gold(crowd, source, 2, 6).item.tolist() != gold.item.tolist()


@pytest.mark.parametrize("prior", ["class", "annotator", "both"])
def test_gold_is_the_prior_of_the_campaign(folder: Path, prior: str) -> None:
    config = configure(folder, *GOLD, f"gold.prior={prior}", "prior.strength=4")
    source, crowd = parts(config)
    gold = ask_gold(crowd, source, 2, config.seed)
    counts = np.zeros((7, 3, 3))
    for item, j, label in zip(gold.item, gold.annotator, gold.label, strict=True):
        counts[j, source.truth[item], label] += 1
    campaign = run._create(None, config, source, crowd)
    np.testing.assert_array_equal(campaign.prior_counts, gold_prior_counts(counts, config.gold.prior, 4))
    assert len(campaign.annotations()) == 0
    campaign.close()


def test_gold_costs_what_other_answers_do(folder: Path, tmp_path: Path) -> None:
    rows: list[Row] = []
    summary = simulate(configure(folder, *GOLD, "budget=70"), tmp_path / "run", on_round=rows.append)
    assert (rows[0]["n_annotations"], rows[0]["n_gold"]) == (N_GOLD, N_GOLD)
    assert rows[0]["annotations_per_item"] == N_GOLD / 39
    assert (summary["n_annotations"], summary["n_gold"], summary["stopped_because"]) == (70, N_GOLD, "budget")
    assert summary["annotations_per_item"] == 70 / 39
    said = [entry for entry in read_file(tmp_path / "run" / "log.db") if entry.kind == "answered"]
    assert len(said) == 70 - N_GOLD

    with (tmp_path / "run" / "gold.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == N_GOLD
    assert list(table[0]) == ["annotator", "item", "truth", "label"]
    assert all(int(row["item"][-5:]) % 3 == int(row["truth"]) for row in table)


def test_a_budget_that_gold_spends_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"42 answers to gold questions spend the whole budget=42; raise it"):
        simulate(configure(folder, *GOLD, "budget=42"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert simulate(configure(folder, *GOLD, "budget=43"))["n_annotations"] == 43


def test_without_gold_nothing_is_said_of_it(folder: Path, tmp_path: Path) -> None:
    rows: list[Row] = []
    summary = simulate(configure(folder, "learner_method=ds_model"), tmp_path / "run", on_round=rows.append)
    assert "n_gold" not in summary
    assert "n_gold" not in rows[0]
    assert not (tmp_path / "run" / "gold.csv").exists()


def test_people_who_have_not_seen_the_prototypes_cannot_be_asked(folder: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "answers.csv"
    recorded.write_text("item,annotator,label\n" + "".join(f"{i},p{j},0\n" for i in range(30) for j in range(3)))
    settings = ["simulation=replay", "crowd.skill=1", "crowd.kind=replay", f"crowd.recorded={recorded}"]
    message = r"gold\.n_per_class=2, but 'p0' can be asked about 0 prototypes of class '0' only; set gold\.n_per_class"
    with pytest.raises(ConfigError, match=message):
        simulate(configure(folder, *GOLD, *settings))


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2])
def test_killed_and_resumed(folder: Path, tmp_path: Path, n: int) -> None:
    config = configure(folder, *GOLD)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    simulate(config, whole)
    n_deaths = until_it_lives(
        lambda: simulate(config, killed, resume=killed.exists()), n, is_committed=True, after_death=lambda: None
    )
    assert n_deaths >= 3
    assert read_file(killed / "log.db") == read_file(whole / "log.db")
    for name in ("gold.csv", "labels.csv", "riskiest.json"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
