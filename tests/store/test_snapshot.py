"""Files of estimates: exact, replaceable, and never trusted."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from askless.campaign import Campaign
from askless.estimates import Estimates
from askless.store.snapshot import load_estimate, remove_older_estimates, save_estimate
from small_campaign import PROTOTYPES, QUICK_LEARNER, answers, assert_same_estimate, create, reopen

LEARNERS = {
    "none": {},
    "keeps the best": {"learner": QUICK_LEARNER | {"early_stop_scope": "global"}},
    "pool": {"learner": {"algo": "pool"}, "aggregator": {"algo": "pooled"}},
}


def worked(path: Path, learner: str = "keeps the best", **given: object) -> Campaign:
    """A campaign after three refreshes, in which an estimate depends on the one before."""
    campaign = create(path, prototypes=PROTOTYPES, **LEARNERS[learner], **given)
    for label in (None, 1):
        for batch in campaign.ask(["ann", "bob", "cy"]):
            campaign.tell(batch.id, answers(batch, label))
        campaign.refresh()
    return campaign


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    made = worked(tmp_path_factory.mktemp("made") / "bees [1]*.db")
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bees [1]*.db"


def files(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("*estimate*"))


@pytest.mark.parametrize("with_machine", [True, False])
def test_an_estimate_comes_back_bit_by_bit(campaign: Campaign, path: Path, with_machine: bool) -> None:
    estimate = campaign.estimate
    assert estimate.machine is not None
    if not with_machine:
        estimate = replace(estimate, machine=None, machine_loss=np.inf)
    save_estimate(path, 12, estimate)
    assert files(path) == ["bees [1]*.db.estimate-12.npz"]
    loaded = load_estimate(path, 12, campaign.prior_counts)
    assert loaded is not None
    assert_same_estimate(loaded, estimate)


def test_only_that_of_the_position_is_loaded(campaign: Campaign, path: Path) -> None:
    save_estimate(path, 12, campaign.estimate)
    assert load_estimate(path, 11, campaign.prior_counts) is None
    assert load_estimate(path.with_name("other.db"), 12, campaign.prior_counts) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_whatever_is_in_the_file_is_as_it_was_or_nothing(campaign: Campaign, path: Path, data: st.DataObject) -> None:
    save_estimate(path, 12, campaign.estimate)
    file = path.with_name("bees [1]*.db.estimate-12.npz")
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    loaded = load_estimate(path, 12, campaign.prior_counts)
    if loaded is not None:
        assert_same_estimate(loaded, campaign.estimate)


@pytest.mark.parametrize("content", [b"", b"garbage" * 99, b"PK\x03\x04", b"\x80\x04\x95", None])
def test_garbage_is_no_estimate(campaign: Campaign, path: Path, content: bytes | None) -> None:
    file = path.with_name("bees [1]*.db.estimate-12.npz")
    if content is None:
        with file.open("wb") as stream:
            np.save(stream, np.zeros(3))
    else:
        file.write_bytes(content)
    assert load_estimate(path, 12, campaign.prior_counts) is None
    with file.open("wb") as stream:
        np.savez(stream, posterior=np.zeros(3))
    assert load_estimate(path, 12, campaign.prior_counts) is None


def test_a_kill_while_writing_leaves_the_old_file(
    campaign: Campaign, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_estimate(path, 12, campaign.estimate)

    def cut(entry: object, _: object) -> None:
        entry.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", cut)
    with pytest.raises(KeyboardInterrupt):
        save_estimate(path, 12, replace(campaign.estimate, upto=99))
    loaded = load_estimate(path, 12, campaign.prior_counts)
    assert loaded is not None
    assert loaded.upto == campaign.estimate.upto


def test_only_older_files_of_the_same_log_are_removed(campaign: Campaign, path: Path) -> None:
    for position in (2, 9, 10, 11):
        save_estimate(path, position, campaign.estimate)
    stays = ["bees [1]*.db.estimate-x.npz", "bees 1.db.estimate-2.npz", "bees [1]*.db", "other.db.estimate-2.npz"]
    for name in [*stays, "bees [1]*.db.estimate-3.tmp", "bees [1]*.db.estimate-11.tmp"]:
        path.with_name(name).touch()
    remove_older_estimates(path, 10)
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(
        [*stays, *(f"bees [1]*.db.estimate-{name}" for name in ("10.npz", "11.npz", "11.tmp"))]
    )


class TestReopening:
    @pytest.mark.parametrize("learner", LEARNERS)
    @pytest.mark.parametrize("harm", ["none", "missing", "truncated", "garbage", "zero bytes", "of another refresh"])
    def test_the_estimate_is_as_before_whatever_befell_its_file(self, path: Path, learner: str, harm: str) -> None:
        campaign = worked(path, learner)
        campaign.close()
        if learner == "none":
            assert files(path) == [], "without a memory there is nothing to keep"
            (path.with_name(f"{path.name}.estimate-1.npz")).touch()
        (name,) = files(path)
        file = path.with_name(name)
        match harm:
            case "missing":
                file.unlink()
            case "truncated":
                os.truncate(file, file.stat().st_size // 2)
            case "garbage":
                file.write_bytes(os.urandom(999))
            case "zero bytes":
                file.write_bytes(b"")
            case "of another refresh":
                save_estimate(path, int(file.stem.rpartition("-")[2]), next(campaign.replay()))
        again = reopen(path)
        assert_same_estimate(again.estimate, campaign.estimate)
        assert again.status() == campaign.status()
        again.close()

    def test_replay_is_spared_where_the_file_is_whole(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        campaign = worked(path)
        campaign.close()
        again = reopen(path)
        monkeypatch.setattr(Estimates, "infer", lambda *_: pytest.fail("inferred"))
        assert_same_estimate(again.estimate, campaign.estimate)
        again.close()

    def test_with_the_pool_only_the_last_refresh_is_inferred_again(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign = worked(path, "pool")
        campaign.close()
        (name,) = files(path)
        path.with_name(name).unlink()
        inferred: list[int] = []
        infer = Estimates.infer
        monkeypatch.setattr(Estimates, "infer", lambda self, *given: inferred.append(given[1]) or infer(self, *given))
        again = reopen(path)
        assert_same_estimate(again.estimate, campaign.estimate)
        assert len(inferred) == 1 < again.n_refreshes
        again.close()

    def test_one_file_is_kept(self, path: Path) -> None:
        campaign = worked(path)
        (entry,) = (entry for entry in campaign._journal.ledger.refreshes[-1:])
        assert files(path) == [f"bees [1]*.db.estimate-{(entry.payload or {})['upto']}.npz"]
        campaign.close()

    def test_replay_warns_where_results_differ(self, path: Path) -> None:
        campaign = worked(path, seed=1)
        positions = [entry.position for entry in campaign._journal.ledger.refreshes]
        campaign._estimates._seed = 2
        with pytest.warns(UserWarning, match=r"differs from the one made then; .* compute differently") as caught:
            list(campaign.replay())
        assert [f"log entry {position} " in str(w.message) for position, w in zip(positions, caught, strict=True)]
        campaign.close()
