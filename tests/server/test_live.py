"""A campaign being served: one process at a time, links that hold what they promise, settings of its pages."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from askless.errors import ConfigError, DataError, StoreError
from askless.server.live import LiveCampaign
from askless.server.settings import PageSettings, change_price, read_page_settings
from askless.workspace import ServedError, open_campaign
from small_campaign import Clock
from small_folder import CLASSES, make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "birds", has_features=False)


def test_one_process_at_a_time(folder: Path) -> None:
    with closing(LiveCampaign(folder)) as live:
        assert [one.name for one in live.classes] == list(CLASSES)
        with pytest.raises(ServedError, match="Another process"):
            LiveCampaign(folder)
    LiveCampaign(folder).close()


def test_a_campaign_that_cannot_be_opened_is_given_back(folder: Path) -> None:
    (folder / "secret").write_bytes(b"short")
    for _ in range(2):
        with pytest.raises(StoreError, match="no secret"):
            LiveCampaign(folder)
    with pytest.raises(DataError):
        LiveCampaign(folder / "nowhere")


def test_a_network_file_system_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("askless.store.file_system.file_system", lambda path: "nfs4")
    with pytest.raises(StoreError, match="nfs4"):
        LiveCampaign(folder)


def test_a_link_is_good_until_it_ends_or_is_revoked(folder: Path) -> None:
    clock = Clock()
    with closing(LiveCampaign(folder, clock=clock)) as live:
        ann = live.campaign.invite("ann", "annotator", clock() + 60)
        boss = live.campaign.invite("boss", "viewer")
        link = live.link(ann, "http://here/")
        assert re.fullmatch(r"http://here/#[\w.-]+", link)
        assert live.link(boss, "https://there").startswith("https://there/manage#")
        token = link.partition("#")[2]
        invited = live.invitation(token)
        assert invited is not None
        assert (invited.id, invited.name) == (ann, "ann")
        clock.now += 60
        assert live.invitation(token) is None
        token = live.links.token(boss)
        assert live.invitation(token) == live.campaign.invitation(boss)
        live.campaign.revoke(boss)
        for useless in (token, None, "", "nonsense", live.links.token(999)):
            assert live.invitation(useless) is None
        with pytest.raises(DataError, match="no invitation 999"):
            live.link(999, "http://here")


def test_the_admin_is_invited_once_and_again_after_being_revoked(folder: Path) -> None:
    with closing(LiveCampaign(folder)) as live:
        live.campaign.invite("somebody", "admin", 10.0)
        first = live.admin()
        assert live.admin() == first
        live.campaign.revoke(first)
        second = live.admin()
        assert second != first
    with closing(LiveCampaign(folder)) as live:
        assert live.admin() == second


def test_what_it_serves_can_be_opened_after(folder: Path) -> None:
    with closing(LiveCampaign(folder)) as live:
        live.campaign.join(["ann"])
    with closing(open_campaign(folder)) as campaign:
        assert campaign.annotators == ("ann",)


def test_page_settings_have_their_own_table(folder: Path) -> None:
    assert read_page_settings(folder / "askless.toml") == PageSettings()
    (folder / "askless.toml").write_text('[campaign]\nseed = 1\n[page]\ntitle = "Vögel"\nahead = 4\n', encoding="utf-8")
    with closing(LiveCampaign(folder)) as live:
        assert (live.page.title, live.page.ahead, live.page.refresh_answers) == ("Vögel", 4, 200)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('titel = "x"', "There is no setting 'titel'; did you mean 'title'"),
        ("ahead = 0", "ahead=0 does not fit"),
        ("price_per_answer = nan", "price_per_answer=nan does not fit"),
        ("refresh_seconds = 'soon'", "refresh_seconds='soon' does not fit: allowed is a number"),
        ("= 3", "not valid TOML"),
    ],
)
def test_page_settings_that_cannot_be(tmp_path: Path, table: str, complaint: str) -> None:
    file = tmp_path / "askless.toml"
    file.write_text(f"[page]\n{table}\n")
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        read_page_settings(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_page_settings(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("seed = 1\n", "seed = 1\n\n[page]\nprice_per_answer = 0.5\n"),
        (
            "[page]\ntitle = 'x'\nprice_per_answer = 2\n[other]\nprice_per_answer = 3\n",
            "[page]\nprice_per_answer = 0.5\ntitle = 'x'\n[other]\nprice_per_answer = 3\n",
        ),
    ],
)
def test_another_price_is_one_other_line(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "askless.toml"
    file.write_text(before)
    file.chmod(0o600)  # it may hold the password of a database
    assert change_price(file, 0.5).price_per_answer == 0.5
    assert file.read_text() == after
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ['page = { title = "x" }\n', 'page.title = "x"\n'])
def test_where_a_price_cannot_be_written_the_file_stays_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "askless.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="write the table as"):
        change_price(file, 0.5)
    assert file.read_text() == text
