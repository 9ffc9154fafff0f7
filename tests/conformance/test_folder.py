"""A campaign folder whose settings name a store, and several servers of it at once."""

import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from askless.backup import back_up
from askless.data.classes import parse_classes
from askless.data.folder import CampaignFolder
from askless.data.intake import init
from askless.errors import ConfigError, DataError, StoreError
from askless.server.live import LiveCampaign
from askless.store.log import has_log
from askless.types import Answer
from askless.workspace import open_beside, open_campaign
from small_campaign import assert_same_estimate
from small_folder import TRUTH, make_folder
from stores import Store


def folder_of(tmp_path: Path, store: Store) -> Path:
    folder = make_folder(tmp_path / "birds", settings='learner_method = "ds_model"\nbatch_size = 4\n')
    if isinstance(store.place, str):
        name_store(folder, store.place)
    else:
        store.place = folder / "log.db"
    return folder


def name_store(folder: Path, address: object) -> None:
    settings = folder / "askless.toml"
    settings.write_text(f"store = {address!r}\n{settings.read_text()}")


def test_a_folder_begins_its_log_once_and_opens_it_later(tmp_path: Path, kept_store: Store) -> None:
    folder = folder_of(tmp_path, kept_store)
    assert kept_store.place is not None
    for n_answers in range(3):
        campaign = open_campaign(folder)
        assert len(campaign.annotations()) == n_answers
        campaign.record("ann", [Answer(9 + n_answers, 0)])
        campaign.close()
    assert has_log(kept_store.place)
    assert (folder / "log.db").exists() == isinstance(kept_store.place, Path)


def test_what_one_process_infers_another_reads(tmp_path: Path, kept_store: Store) -> None:
    folder = folder_of(tmp_path, kept_store)
    web = open_campaign(folder, keeps_estimates=True)
    child = open_beside(folder)
    web.record("ann", [Answer(9, int(TRUTH[9]))])
    refresh = child.infer_now()
    assert web.take(refresh)
    assert web.estimate.upto == refresh.upto
    assert [file.name for file in folder.glob("*.npz")] == [f"log.db.estimate-{refresh.upto}.npz"]
    web.close()
    child.close()


def test_a_backup_is_restored_without_the_store(tmp_path: Path, kept_store: Store) -> None:
    folder = folder_of(tmp_path, kept_store)
    place, file = CampaignFolder(folder), tmp_path / "monday.tar"
    if isinstance(kept_store.place, str):
        with pytest.raises(
            StoreError, match=r"There is no log in PostgreSQL yet; nothing has been asked or answered\.$"
        ):
            back_up(place, file)
    with closing(open_campaign(folder)) as campaign:
        (batch,) = campaign.ask(["ann"], 1)
        campaign.tell(batch.id, [Answer(item, int(TRUTH[item]), 700, bytes(range(16))) for item in batch.items[:1]])
        campaign.refresh()
        entries, estimate = list(campaign.entries()), campaign.estimate
        with campaign.transaction():
            campaign.record("not committed yet", [Answer(9, 0)])
            back_up(place, file)
    kept_store.close()
    (folder / "log.db").unlink(missing_ok=True)
    with tarfile.open(file) as tar:
        tar.extractall(folder, filter="data")
    assert place.store == place.log
    with closing(open_campaign(folder)) as campaign:
        assert list(campaign.entries()) == entries
        assert_same_estimate(campaign.estimate, estimate)
        assert campaign.config.batch_size == 4
        campaign.record("bob", [Answer(9, 0)])


def test_two_processes_that_begin_it_at_once(
    tmp_path: Path, kept_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path, kept_store)
    first = open_campaign(folder)
    answers = iter([False])  # the second looked before the first had made it
    monkeypatch.setattr("askless.workspace.has_log", lambda place: next(answers, True))
    monkeypatch.setattr(CampaignFolder, "log", property(lambda place: place.root / "elsewhere.db"))
    monkeypatch.setattr(CampaignFolder, "store", property(lambda place: kept_store.place))
    second = open_campaign(folder)
    first.record("ann", [Answer(9, 0)])
    assert second.annotators == ("ann",)
    first.close()
    second.close()


def test_several_servers_share_a_campaign_in_postgres_and_none_in_a_file(tmp_path: Path, kept_store: Store) -> None:
    folder = folder_of(tmp_path, kept_store)
    first = LiveCampaign(folder)
    if isinstance(kept_store.place, Path):
        with pytest.raises(StoreError, match="Another process is at work in"):
            LiveCampaign(folder)
        first.close()
        return
    second = LiveCampaign(folder)
    (mine,), (theirs,) = first.campaign.ask(["ann"]), second.campaign.ask(["bob"])
    assert not set(mine.items) & set(theirs.items)
    first.campaign.tell(mine.id, [Answer(mine.items[0], 0, id=bytes(16))])
    assert second.campaign.undo("ann", bytes(16))
    assert len(first.campaign.annotations()) == 0
    token = first.links.token(first.campaign.invite("eve", "annotator"))
    invitation = second.invitation(token)
    assert invitation is not None
    assert invitation.name == "eve"
    second.campaign.pause()
    assert first.campaign.ask(["cy"]) == []
    first.close()
    second.close()


def test_answers_in_the_folder_are_not_left_behind(tmp_path: Path, kept_store: Store) -> None:
    folder = make_folder(tmp_path / "birds")
    open_campaign(folder).close()
    if isinstance(kept_store.place, str):
        name_store(folder, kept_store.place)
        with pytest.raises(DataError, match=r"The answers of this campaign are in .*log\.db, but .* take `store` out"):
            open_campaign(folder)
        assert not has_log(kept_store.place)


@pytest.mark.parametrize("store", [3, "elsewhere.db", ["a"]])
def test_a_store_that_is_none(tmp_path: Path, store: object) -> None:
    folder = make_folder(tmp_path / "birds")
    name_store(folder, store)
    with pytest.raises(ConfigError, match=r"store in .*askless\.toml is .*; write the address of a database, or leave"):
        open_campaign(folder)


def test_init_writes_down_what_it_is_given(tmp_path: Path) -> None:
    make_folder(tmp_path / "birds")  # its pictures
    place = CampaignFolder(tmp_path / "new")
    address = "postgresql://ann@h/d?schema=new"
    init(place, tmp_path / "birds-photos", parse_classes("a,b"), store=address)
    assert place.store == address
    init(place, tmp_path / "birds-photos", parse_classes("a,b"))
    with pytest.raises(ConfigError, match=r"made with other images or settings"):
        init(place, tmp_path / "birds-photos", parse_classes("a,b"), store=f"{address}2")
