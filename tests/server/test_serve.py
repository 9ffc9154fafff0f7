"""`askless serve` and `askless quickstart` as processes, and what they refuse."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import weakref
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from askless.cli import app
from askless.cli import quickstart as quickstart_module
from askless.cli.browser import has_display
from askless.data.folder import CampaignFolder
from askless.data.serving import find_server
from askless.errors import ConfigError, DataError
from askless.server.live import LiveCampaign
from askless.server.serve import _run, is_own, serve
from askless.workspace import ServedError
from served_campaign import draw, make_campaign
from server_process import TABLES, started


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_cleanly_and_promises_stay(tmp_path: Path, ending: signal.Signals) -> None:
    folder = make_campaign(tmp_path / "shapes", settings=TABLES)
    place = CampaignFolder(folder)
    with started("serve", folder) as (process, said):
        announced = find_server(place)
        assert announced is not None
        assert (announced.url, announced.pid) == (said["url"], process.pid)
        admin = {"Authorization": f"Bearer {said['admin'].partition('#')[2]}"}
        with httpx.Client(base_url=said["url"], headers=admin, timeout=20) as client:
            made = client.post("/api/manage/invitations", json={"name": "ann"}).raise_for_status().json()
            token = {"Authorization": f"Bearer {made['link'].partition('#')[2]}"}
            held = client.post("/api/batches", json={}, headers=token).raise_for_status().json()["batches"]
            result = CliRunner().invoke(app, ["pause", str(folder)])
            assert result.exit_code == 0, result.output
            process.send_signal(ending)
            assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert not list(folder.glob("serving-*"))
    with closing(LiveCampaign(folder)) as live:
        assert live.campaign.is_paused
        assert [batch.id for batch in live.campaign.leased("ann")] == [batch["id"] for batch in held] != []


@pytest.mark.slow
def test_a_killed_server_is_believed_by_nobody_and_its_announcement_goes_with_the_next(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "shapes")
    with started("serve", folder) as (process, _):
        process.kill()
        process.wait(30)
    (left,) = folder.glob("serving-*.json")
    assert CliRunner().invoke(app, ["status", str(folder)]).exit_code == 0
    with (
        closing(LiveCampaign(folder)),
        pytest.raises(ServedError, match="Another process is at work"),
        closing(LiveCampaign(folder)),
    ):
        pass
    with started("serve", folder) as (process, said):
        (new,) = folder.glob("serving-*.json")
        assert new != left
        twice = CliRunner().invoke(app, ["serve", str(folder), "--port", "0"])
        assert f"is served at {said['url']} by process {process.pid}" in str(twice.exception)


@pytest.mark.slow
def test_quickstart_from_a_folder_of_pictures_and_again(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(12):
        draw(i).save(photos / f"{i:02}.jpg")
    (photos / "notes.txt").write_text("no picture")
    arguments = ("quickstart", photos, "--classes", "circle,square", "--campaign", tmp_path / "c", "--annotators", 2)
    links = []
    for _ in range(2):
        with started(*arguments) as (process, said):
            links.append(
                (said["admin"].partition("#")[2], [one.partition("#")[2] for one in said["annotators"].values()])
            )
            token = {"Authorization": f"Bearer {links[0][1][0]}"}
            with httpx.Client(base_url=said["url"], headers=token, timeout=20) as client:
                (batch, *_) = client.post("/api/batches", json={}).raise_for_status().json()["batches"]
                picture = client.get(f"/api/image/{batch['items'][0]['item']}").raise_for_status()
                assert picture.headers["content-type"] == "image/webp"
                assert [one["name"] for one in client.get("/api/session").json()["classes"]].count("other") == 1
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
    assert links[0] == links[1]
    assert list(said["annotators"]) == ["annotator-1", "annotator-2"]


@pytest.mark.slow
def test_a_server_started_in_the_background_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell script's `&` has it start with SIGINT ignored; the signal comes before uvicorn listens for it."""
    folder = make_campaign(tmp_path / "shapes")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: pytest.fail("It went on."))
    try:
        serve(
            folder,
            host="127.0.0.1",
            port=0,
            public_url=None,
            on_ready=lambda live, url: os.kill(os.getpid(), signal.SIGINT),
        )
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_serving_ends_though_the_collector_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised in a callback of the collector is lost, and with it a Ctrl-C in the first moment."""

    class Garbage:
        pass

    def collect() -> int:
        garbage = Garbage()
        _ = weakref.ref(garbage, lambda _: signal.raise_signal(signal.SIGINT))
        del garbage
        return 0

    monkeypatch.setattr("askless.server.serve.gc.collect", collect)
    monkeypatch.setattr("askless.server.serve.gc.freeze", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(KeyboardInterrupt):
        _run(FastAPI(), listener)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    folder = make_campaign(tmp_path / "shapes")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", str(folder), "--port", str(port)])
    assert isinstance(result.exception, ConfigError)
    assert f"http://127.0.0.1:{port}" in str(result.exception)
    with closing(LiveCampaign(folder)), closing(socket.create_server(("127.0.0.1", 0))) as taken:
        result = CliRunner().invoke(app, ["serve", str(folder), "--port", str(taken.getsockname()[1])])
        assert isinstance(result.exception, ServedError), "who has it comes before the port"
        nowhere = CliRunner().invoke(app, ["serve", str(tmp_path / "no"), "--port", str(taken.getsockname()[1])])
        assert isinstance(nowhere.exception, DataError)
    LiveCampaign(folder).close()


@pytest.mark.parametrize(
    ("host", "complaint"), [("0.0.0.0", "--public-url"), ("::", "--public-url"), ("no.such.host.invalid", "Nobody can")]
)
def test_addresses_that_cannot_be_served(tmp_path: Path, host: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        serve(make_campaign(tmp_path / "shapes"), host=host, port=0)


def test_which_addresses_are_this_machine_only() -> None:
    assert [is_own(host) for host in ("127.0.0.1", "127.8.8.8", "localhost", "::1")] == [True] * 4
    assert [is_own(host) for host in ("0.0.0.0", "192.168.1.7", "example.org", "")] == [False] * 4


def test_an_open_network_is_warned_of(tmp_path: Path) -> None:
    def stderr(*arguments: str) -> str:
        return CliRunner().invoke(app, ["serve", str(tmp_path / "none"), *arguments]).stderr

    assert "without TLS" in stderr("--host", "192.168.1.7")
    assert "without TLS" in stderr("--host", "0.0.0.0", "--public-url", "http://here")
    assert "without TLS" not in stderr("--host", "0.0.0.0", "--public-url", "https://here")
    assert "without TLS" not in stderr()


def serve_once(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command prints before it is ended, at once, by Ctrl-C."""
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: os.kill(os.getpid(), signal.SIGINT))
    result = CliRunner().invoke(app, [*map(str, arguments), "--port", "0"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_serve_prints_the_managers_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = serve_once("serve", make_campaign(tmp_path / "shapes"), monkeypatch=monkeypatch)
    assert "/manage#" in output
    assert "askless invite" in output


def test_serve_warns_of_a_learner_without_known_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_campaign(tmp_path / "shapes", settings="learner.algo = 'mlp'")
    assert "can swap whole classes" not in serve_once("serve", folder, monkeypatch=monkeypatch)  # no features yet
    CampaignFolder(folder).log.unlink()
    np.save(CampaignFolder(folder).features, np.eye(24, 5, dtype=np.float32))
    assert "can swap whole classes" in serve_once("serve", folder, "--json", monkeypatch=monkeypatch)


def test_quickstart_prints_links_and_opens_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for i in range(3):
        draw(i).save(f"photos/{i}.png")
    opened: list[str] = []

    def look(url: str) -> None:
        page = Path(url2pathname(urlsplit(url).path))
        assert page.stat().st_mode & 0o077 == 0
        opened.append(page.read_text())

    monkeypatch.setattr("webbrowser.open", look)
    monkeypatch.setattr(quickstart_module, "has_display", lambda: True)
    output = serve_once("quickstart", "photos", "--classes", "a,b", "--qr", monkeypatch=monkeypatch)
    assert output.count("http://127.0.0.1") == 4
    assert "good until you take it back" in output
    assert "3 items, 2 classes and `other`." in output
    assert "█" in output
    assert len(opened) == 1
    (link,) = re.findall(r"0; url=(http://[^ \"]+/manage#[^\"]+)\"", opened[0])
    assert link in output.replace("\n", "")
    assert not CampaignFolder(tmp_path / "photos-campaign").opening.exists()
    assert (tmp_path / "photos-campaign" / "features.npy").exists()
    shutil.rmtree("photos")
    serve_once("serve", "photos-campaign", monkeypatch=monkeypatch)


def test_quickstart_with_a_promise_has_a_link_for_the_auditor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for i in range(3):
        draw(i).save(f"photos/{i}.png")
    arguments = ("quickstart", "photos", "--classes", "a,b", "--annotators", 1, "--target-accuracy", "0.95")
    output = serve_once(*arguments, monkeypatch=monkeypatch)
    assert [line.split()[0] for line in output.splitlines() if "http:" in line] == ["manager", "annotator-1", "auditor"]
    assert "ask only people whom you trust (promise.auditors): auditor." in output
    told = json.loads(serve_once(*arguments, "--json", monkeypatch=monkeypatch).splitlines()[-1])
    assert (list(told["annotators"]), list(told["auditors"])) == (["annotator-1"], ["auditor"])
    assert told["auditors"]["auditor"].partition("#")[2] in output


def test_a_browser_is_opened_only_where_one_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert not has_display()
