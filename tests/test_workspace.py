"""A campaign folder opens with what it has: with features or without, with prototypes or without."""

import json
from pathlib import Path

import numpy as np
import pytest

from askless.core.risk import ItemStatus
from askless.errors import ConfigError, DataError
from askless.types import Answer
from askless.workspace import annotation_table, feature_licences, open_campaign, take_outcome
from small_folder import CLASSES, ITEMS, N_ITEMS, TRUTH, answer_some, make_folder

QUICK = "learner.max_epochs = 5\n"


def test_a_folder_begins_its_log_once_and_opens_it_later(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    campaign = open_campaign(folder)
    assert (campaign.seed, campaign.config.learner.algo) == (3, "mlp")
    assert (campaign.dataset.items, campaign.dataset.classes) == (ITEMS, CLASSES)
    assert campaign.prototypes.item.tolist() == list(range(6))
    campaign.record("ann", [Answer(9, 0)])
    campaign.close()
    again = open_campaign(folder)
    assert list(again.answers()) == [("ann", Answer(9, 0))]
    again.close()


def test_without_features_people_decide_alone_until_there_are_some(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    features = (folder / "features.npy").read_bytes()
    (folder / "features.npy").unlink()
    campaign = open_campaign(folder)
    campaign.record("ann", [Answer(9, 0)])
    campaign.refresh()
    assert campaign.estimate.machine is None
    campaign.close()
    (folder / "features.npy").write_bytes(features)
    for _ in range(2):
        again = open_campaign(folder)
        assert again.config.learner.algo == "mlp"
        assert again.estimate.machine is not None
        assert list(again.answers()) == [("ann", Answer(9, 0))]
        again.close()


def test_without_prototypes_the_machine_is_cross_validated(tmp_path: Path) -> None:
    campaign = open_campaign(make_folder(tmp_path / "birds", n_prototypes=0, settings=QUICK))
    assert (campaign.config.learner.calibrate, campaign.config.learner.prototype_as_val) == ("cv_3", False)
    campaign.close()
    plain = make_folder(tmp_path / "plain", n_prototypes=0, settings='learner_method = "ds_model"\n')
    campaign = open_campaign(plain)
    assert campaign.config.learner.algo == "dummy"
    campaign.close()


@pytest.mark.parametrize("what", ["items", "classes", "settings", "no features"])
def test_what_does_not_fit_is_one_sentence(tmp_path: Path, what: str) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    open_campaign(folder).close()
    match what:
        case "items":
            text = (folder / "items.csv").read_text()
            (folder / "items.csv").write_text(text.replace("a/same.png,", "renamed.png,", 1))
            expected = pytest.raises(DataError, match=r"Item 0 was 'a/same\.png' and is 'renamed\.png'")
        case "classes":
            (folder / "classes.json").write_text('["cat", "dog/wolf"]')
            (folder / "items.csv").write_text((folder / "items.csv").read_text().replace(",other,", ",cat,"))
            expected = pytest.raises(DataError, match="Class 2 was 'other' and is missing")
        case "no features":
            (folder / "features.npy").unlink()
            expected = pytest.raises(DataError, match=r"features\.npy, by which the machine .* learns, is gone")
        case _:
            (folder / "log.db").unlink()
            (folder / "askless.toml").write_text("[campaign]\nseeed = 3\n")
            expected = pytest.raises(ConfigError, match="did you mean 'seed'")
    with expected:
        open_campaign(folder)


@pytest.mark.parametrize("has_features", [True, False])
def test_new_items_are_taken_up_and_old_answers_stay(tmp_path: Path, has_features: bool) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK, has_features=has_features)
    campaign = open_campaign(folder)
    campaign.record("ann", [Answer(9, 0)])
    campaign.refresh()
    campaign.close()
    with (folder / "items.csv").open("a") as file:
        file.write(f"new.png,new.png,8,8,1,{'0' * 32},,\n")
    if has_features:
        values = np.load(folder / "features.npy")
        np.save(folder / "features.npy", np.concatenate([values, values[-1:]]))
    again = open_campaign(folder)
    assert again.dataset.items == (*ITEMS, "new.png")
    assert take_outcome(again, "birds").posterior.shape == (N_ITEMS + 1, 3)
    assert list(again.answers()) == [("ann", Answer(9, 0))]
    again.close()


def test_the_outcome_knows_every_answer(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    answer_some(folder)
    campaign = open_campaign(folder)
    campaign.record("new", [Answer(20, 2)])
    outcome = take_outcome(campaign, "birds", feature_licences(folder))
    assert outcome.result.n_annotations[20] == 1
    assert outcome.upto > 39, "it was not refreshed after the last answer"
    assert outcome.made_at == campaign.refreshed_at
    assert campaign.status().n_new == 0
    assert outcome.posterior.shape == (N_ITEMS, 3)
    assert len(outcome.skill) == 4
    assert len(outcome.answers) == 37
    assert len(list(outcome.annotations())) == 35
    assert set(outcome.decided_by) == {"known", "both", "machine"}
    assert (outcome.result.status == ItemStatus.KNOWN).sum() == 6
    assert outcome.licences == ("Features: pixels from https://example.org/pixels, MIT",)
    campaign.close()


def test_licences_of_features(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "birds", has_features=False)
    assert feature_licences(folder) == ()
    (folder / "features.json").write_text(json.dumps({"model": "mine", "source": "/home/me/mine.onnx"}))
    assert feature_licences(folder) == ("Features: mine, licence not known",)
    for bad in ({"source": "x"}, ["model"]):
        (folder / "features.json").write_text(json.dumps(bad))
        with pytest.raises(DataError, match=r"features\.json does not say how"):
            feature_licences(folder)


def test_the_annotations_of_a_campaign_are_a_table(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    campaign = open_campaign(folder)
    with pytest.raises(DataError, match="Nobody has annotated anything"):
        annotation_table(campaign)
    campaign.record("ann", [Answer(9, 0), Answer(7, 1), Answer(8, None)])
    table = annotation_table(campaign)
    assert (table.items, table.annotators, table.classes) == ((ITEMS[7], ITEMS[9]), ("ann",), CLASSES)
    assert table.annotations.item.tolist() == [1, 0]
    assert table.annotations.label.tolist() == [0, 1]
    campaign.close()


def test_a_prior_in_the_folder_is_taken_up_and_must_fit(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "birds", settings=QUICK)
    open_campaign(folder).close()
    knows = 0.94 * np.eye(3, dtype=np.float32)[TRUTH] + np.float32(0.02)
    np.save(folder / "prior.npy", knows)
    campaign = open_campaign(folder)
    machine = campaign.estimate.machine
    assert machine is not None
    assert (machine.argmax(axis=1) == TRUTH).all()
    assert campaign.n_refreshes == 1
    campaign.close()
    np.save(folder / "prior.npy", knows[:, :2])
    with pytest.raises(DataError, match=r"24 items and 3 classes that .*; run `askless embed .*--prior, or delete"):
        open_campaign(folder)
    (folder / "prior.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="is no belief about the 24 items"):
        open_campaign(folder)
    (folder / "prior.npy").unlink()
    open_campaign(folder).close()
