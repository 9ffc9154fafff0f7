"""The commands about a campaign say the same to its server as to the campaign itself."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import pytest
from typer.testing import CliRunner

from askless.campaign import Campaign
from askless.cli import app
from askless.data.folder import CampaignFolder
from askless.data.serving import find_server
from askless.errors import DataError, StoreError
from askless.server.live import LiveCampaign
from askless.server.reach import reach
from askless.store.snapshot import load_estimate
from askless.types import Answer
from askless.workspace import ServedError, open_campaign
from served_campaign import announced, make_campaign
from small_campaign import read_file
from stores import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign of which two people have answered 18 images each, one of them well."""
    folder = make_campaign(tmp_path / "shapes", n_gold=2)
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        for name, shift in (("ann", 0), ("bob [2]", 1)):
            campaign.record(name, [Answer(i, (i + shift * (i % 2)) % 3, 900) for i in range(6, 24)])
        campaign.take(campaign.infer_now())
    return folder


@pytest.fixture(params=["alone", "served"])
def campaign(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Its folder, while nobody serves it, and while somebody does."""
    if request.param == "alone":
        yield folder
        return
    with closing(LiveCampaign(folder)) as live, announced(live):
        yield folder


def run(*arguments: object) -> Any:
    """What a command prints with --json."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def say(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_status(campaign: Path) -> None:
    summary = run("status", campaign)
    assert (summary["state"], summary["n_answers"], summary["images"]["total"]) == ("running", 36, 22)
    text = say("status", campaign)
    assert "36 by 2 people" in text
    assert "0 changes not yet inferred" in text


@pytest.mark.parametrize("n_known", [0, 2, 4])
def test_status_notes_that_people_contradict_each_other_and_nothing_says_who_is_right(
    tmp_path: Path, n_known: int
) -> None:
    folder = make_campaign(tmp_path / "swapped", n_gold=n_known)
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        for j, name in enumerate(("ann", "bob")):
            campaign.record(name, [Answer(i, (i + j * (i > 1)) % 3) for i in range(12)])
    notes = [line.split(maxsplit=1)[1] for line in say("status", folder).splitlines() if line.startswith("note")]
    contradiction = "Of 12 images with two answers only 2 have the same twice, and not every class"
    assert [note.startswith(contradiction) for note in notes] == [True] * (n_known < 3)


def test_pause_and_resume(campaign: Path) -> None:
    assert run("pause", campaign) == {"is_paused": True}
    assert run("status", campaign)["state"] == "paused"
    assert "Resumed" in say("resume", campaign)
    assert run("status", campaign)["state"] == "running"


def test_invite_list_and_revoke(campaign: Path) -> None:
    eve, joe = run("invite", campaign, "eve", "joe", "--days", "7")
    assert (eve["name"], eve["role"], eve["is_revoked"]) == ("eve", "annotator", False)
    assert urlsplit(eve["link"])[:3] in (("https", "label.example", "/"), ("http", "127.0.0.1:8000", "/"))
    boss = say("invite", campaign, "boss", "--role", "viewer", "--qr")
    assert "/manage#" in boss
    assert "boss's link is good until 20" in boss
    assert "█" in say("invite", campaign, "guest", "--qr")
    assert [one["name"] for one in run("invite", campaign, "--revoke", joe["id"]) if one["is_revoked"]] == ["joe"]
    lines = say("invite", campaign).splitlines()
    assert [line.split()[-1] == "revoked" for line in lines if " joe " in line] == [True]
    assert [line.split()[1] for line in lines if " admin " not in line] == ["eve", "joe", "boss", "guest"]


def test_who_is_invited_again_gets_the_standing_link(campaign: Path) -> None:
    (first,) = run("invite", campaign, "eve")
    assert run("invite", campaign, "eve", "--days", "3") == [first]
    assert "eve has a link already, until 20" in say("invite", campaign, "eve")
    (viewer,) = run("invite", campaign, "eve", "--role", "viewer")
    (second,) = run("invite", campaign, "eve", "--new")
    run("invite", campaign, "--revoke", first["id"])
    run("invite", campaign, "--revoke", second["id"])
    (third,) = run("invite", campaign, "eve")
    assert len({one["link"] for one in (first, viewer, second, third)}) == 4
    assert [one["name"] for one in run("invite", campaign) if one["name"] != "admin"] == ["eve"] * 4


def test_annotators_ban_and_unban(campaign: Path) -> None:
    ann, bob = run("annotators", campaign)
    assert (ann["name"], ann["n_answers"], ann["standing"]) == ("ann", 18, "working")
    assert ann["gold"]["share"] == 1
    assert 0 < bob["skill"]["low"] < bob["skill"]["share"] < bob["skill"]["high"] < 1
    assert run("annotators", campaign, "--ban", "bob [2]")[1]["standing"] == "banned"
    text = say("annotators", campaign)
    assert "bob [2]" in text
    assert "100% of 2" in text
    assert run("annotators", campaign, "--unban", "bob [2]")[1]["standing"] == "working"


@pytest.mark.parametrize(
    "arguments", [["invite", "--revoke", "999"], ["annotators", "--ban", "nobody"], ["invite", "x", "--role", "king"]]
)
def test_what_the_manager_refuses_is_a_sentence(campaign: Path, arguments: list[str]) -> None:
    command, *rest = arguments
    before = len(read_file(campaign / "log.db"))
    result = CliRunner().invoke(app, [command, str(campaign), *rest])
    assert isinstance(result.exception, DataError)
    assert str(result.exception).endswith(".")
    assert len(read_file(campaign / "log.db")) == before


def test_an_announcement_is_believed_only_if_that_very_process_answers(folder: Path) -> None:
    place = CampaignFolder(folder)
    with closing(LiveCampaign(folder)) as live, announced(live) as server:
        assert find_server(place) == server
        (file,) = folder.glob("serving-*.json")
        assert file.stat().st_mode & 0o077 == 0
        content = json.loads(file.read_text())
        with pytest.raises(ServedError, match=f"is served at {server.url} by process {os.getpid()}; use that"):
            LiveCampaign(folder)
        for wrong in (
            {"url": "http://127.0.0.1:9"},
            {"url": "nonsense"},
            {"url": f"{server.url}/nowhere"},
            {"token": "of another"},
            {"token": live.links.token(live.admin())},
            {"more": 3},
        ):
            file.write_text(json.dumps(content | wrong))
            assert find_server(place) is None
            with pytest.raises(ServedError, match="Another process is at work"), reach(folder):
                pass
        file.write_text("{")
        assert find_server(place) is None
    assert not list(folder.glob("serving-*"))


def test_an_open_is_without_a_question_to_whoever_was_announced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("askless.workspace.find_server", lambda place: pytest.fail("It was asked."))
    LiveCampaign(folder).close()


def test_what_is_left_of_servers_of_this_machine_goes(folder: Path) -> None:
    killed, elsewhere = (folder / f"serving-77@{name}.json" for name in (socket.gethostname(), "another.example"))
    for file in (killed, elsewhere):
        file.write_text(json.dumps({"url": "http://127.0.0.1:9", "public_url": "", "pid": 77, "token": "x"}))
    with closing(LiveCampaign(folder)) as live, announced(live) as server:
        assert not killed.exists()
        assert find_server(CampaignFolder(folder)) == server
    assert elsewhere.exists()


def test_a_server_that_ends_meanwhile_is_said(folder: Path) -> None:
    with ExitStack() as ends, closing(LiveCampaign(folder)) as live:
        ends.enter_context(announced(live))
        with reach(folder) as manager:
            ends.close()
            with pytest.raises(StoreError, match="does not answer"):
                manager.get("/summary")


def test_an_answer_that_is_none(folder: Path) -> None:
    with closing(LiveCampaign(folder)) as live, announced(live), reach(folder) as manager, pytest.raises(DataError):
        manager.get("/nowhere")


def test_rebuild_finds_what_was_kept(folder: Path) -> None:
    made = run("rebuild", folder)
    assert made == {"n_entries": len(read_file(folder / "log.db")), "n_refreshes": 1, "n_different": 0, "difference": 0}
    assert "All is as it was kept" in say("rebuild", folder)
    with closing(LiveCampaign(folder)), pytest.raises(ServedError), closing(LiveCampaign(folder)):
        pass


def test_rebuild_mends_what_is_gone_or_damaged(folder: Path) -> None:
    (kept,) = folder.glob("log.db.estimate-*.npz")
    content = dict(np.load(kept))
    kept.unlink()
    assert "now there is one" in say("rebuild", folder)
    assert np.load(kept)["posterior"].tolist() == content["posterior"].tolist()
    np.savez(kept.with_suffix(""), **(content | {"posterior": content["posterior"][:, ::-1]}))
    result = CliRunner().invoke(app, ["rebuild", str(folder)])
    assert result.exit_code == 1
    assert "was damaged" in result.output
    with closing(open_campaign(folder)) as campaign:
        estimate = load_estimate(folder / "log.db", campaign.estimate.upto, campaign.prior_counts)
        assert estimate is not None
        assert estimate.posterior.tolist() == content["posterior"].tolist()


def test_rebuild_where_the_machine_computes_differently(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("askless.estimates.digest", lambda estimate: "something else")
    result = CliRunner().invoke(app, ["rebuild", str(folder)])
    assert result.exit_code == 1
    assert "1 came out otherwise" in result.output


def test_rebuild_before_any_inference(tmp_path: Path) -> None:
    assert "Nothing was inferred yet" in say("rebuild", make_campaign(tmp_path / "new"))


def test_an_estimate_that_is_gone_makes_an_inference_due(folder: Path) -> None:
    (kept,) = folder.glob("log.db.estimate-*.npz")
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        assert campaign.n_new == 0
    kept.unlink()
    with closing(open_campaign(folder, keeps_estimates=True)) as campaign:
        assert campaign.n_new is None
        assert isinstance(campaign, Campaign)


def test_other_commands_while_it_is_served(folder: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("item,annotator,label\n3,eve,circle\n")
    with closing(LiveCampaign(folder)):
        before = read_file(folder / "log.db")
        refused = CliRunner().invoke(app, ["import", str(folder), str(answers)])
        assert isinstance(refused.exception, ServedError)
        assert "of its last inference" in say("export", folder, "--out", tmp_path / "out")
        run("aggregate", folder, "-o", tmp_path / "labels.csv")
        assert read_file(folder / "log.db") == before
    say("import", folder, answers)
    assert len(read_file(folder / "log.db")) == len(before) + 2


def test_a_campaign_that_nobody_has_answered_claims_nothing(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "shapes")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert run("status", folder)["images"] == {"total": 24, "finished": 0, "open": 24, "exhausted": 0, "broken": 0}
    assert "accuracy     - (Nothing yet: nobody has answered.)" in say("status", folder)
    assert say("annotators", folder) == "Nobody has answered yet.\n"
    assert run("invite", folder) == []
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "serving.lock"}
    assert after == before


def test_without_an_estimate_nothing_is_claimed_of_the_answers(folder: Path) -> None:
    for kept in folder.glob("log.db.estimate-*.npz"):
        kept.unlink()
    told = run("status", folder)
    assert (told["n_answers"], told["accuracy"]["estimated"], told["cost"]["n_to_come"]) == (36, None, None)
    text = say("status", folder)
    assert "images       22; the first inference will say which are finished" in text
    assert "accuracy     - (Nothing yet: nothing has been inferred from the answers so far.)" in text
    assert f"from the answers yet; do so by askless serve {folder}, or askless rebuild {folder}" in text
    say("rebuild", folder)
    assert "0 changes not yet inferred" in say("status", folder)


def test_looking_leaves_the_log_as_it_is(folder: Path) -> None:
    before = read_file(folder / "log.db")
    for command in ("status", "annotators", "invite"):
        run(command, folder)
    assert read_file(folder / "log.db") == before


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--days", "0"], "days=0.0 does not fit: allowed is greater than 0."),
        (["--role", "boss"], "role='boss' is not known; allowed: annotator, viewer, admin."),
        (["--revoke", "77"], "There is no invitation 77; see who is invited."),
    ],
)
def test_a_wrong_invitation_is_refused_in_one_sentence(tmp_path: Path, options: list[str], complaint: str) -> None:
    folder = make_campaign(tmp_path / "shapes")
    result = CliRunner().invoke(app, ["invite", str(folder), "eve", *options])
    assert str(result.exception) == complaint


def test_a_name_that_is_refused_hides_no_link_that_was_made(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "shapes")
    result = CliRunner().invoke(app, ["invite", str(folder), "eve", "", "--json"])
    assert str(result.exception) == "name is empty; give a name."
    (eve,) = json.loads(result.stdout)
    assert eve["name"] == "eve"
    assert run("invite", folder, "eve") == [eve]
    refused = CliRunner().invoke(app, ["invite", str(folder), "", "--json"])
    assert (str(refused.exception), refused.stdout) == (str(result.exception), "")


def test_where_there_is_no_campaign_it_is_said_how_one_is_made(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", str(tmp_path / "nosuch")])
    assert (
        str(result.exception)
        == f"There is no campaign at {tmp_path / 'nosuch'} (no items.csv is in it); make one by `askless init`."
    )


@pytest.fixture
def shared_folder(tmp_path: Path, postgres: str) -> Iterator[Path]:
    """A campaign whose log is in PostgreSQL."""
    folder = make_campaign(tmp_path / "shapes")
    store = Store(f"{postgres}?schema=test_{uuid4().hex}")
    settings = CampaignFolder(folder).settings
    settings.write_text(f'store = "{store.place}"\n{settings.read_text()}')
    yield folder
    store.close()


def test_commands_find_a_server_of_a_campaign_in_postgres(shared_folder: Path) -> None:
    with closing(LiveCampaign(shared_folder)) as live, announced(live, public_url="http://labels.example:8766"):
        (eve,) = run("invite", shared_folder, "eve")
        assert eve["link"].startswith("http://labels.example:8766/#")
    (joe,) = run("invite", shared_folder, "joe")
    assert joe["link"].startswith("http://127.0.0.1:8000/#")


def test_of_several_servers_any_may_end_first(shared_folder: Path) -> None:
    place = CampaignFolder(shared_folder)
    with ExitStack() as ends_first, closing(LiveCampaign(shared_folder)) as one, announced(one, pid=1) as server:
        other = ends_first.enter_context(closing(LiveCampaign(shared_folder)))
        found = ends_first.enter_context(announced(other, pid=2))
        assert find_server(place) in (server, found)
        assert len(list(shared_folder.glob("serving-*.json"))) == 2
        ends_first.close()
        assert find_server(place) == server
    assert find_server(place) is None
