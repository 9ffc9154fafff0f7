"""/api/manage: who may do what, what is told, what an order leaves in the log."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from small_server import DAY, START, Served, serve

from askless.core.forecast import Forecast
from askless.data.item_table import ItemRow, to_csv
from askless.data.labels_out.formats import FORMATS
from askless.server.app import create_app
from askless.server.live import LiveCampaign
from askless.server.manage import router
from askless.store.entries import Kind
from askless.types import Answer
from small_folder import CLASSES, ITEMS, TRUTH

READERS, ADMIN = {"viewer", "admin"}, {"admin"}
EVERYBODY = ("nobody", "forger", "never", "ended", "revoked", "annotator", "viewer", "admin")
STRANGERS = ("nobody", "forger", "never", "ended", "revoked")
ROUTES = {
    ("GET", "/api/manage/summary"): (READERS, None),
    ("GET", "/api/manage/curves"): (READERS, None),
    ("GET", "/api/manage/annotators"): (READERS, None),
    ("GET", "/api/manage/confusion"): (READERS, None),
    ("GET", "/api/manage/items"): (READERS, None),
    ("GET", "/api/manage/invitations"): (READERS, None),
    ("GET", "/api/manage/export/{form}"): (READERS, None),
    ("GET", "/api/manage/invitations/{id}/link"): (ADMIN, None),
    ("POST", "/api/manage/pause"): (ADMIN, None),
    ("POST", "/api/manage/resume"): (ADMIN, None),
    ("POST", "/api/manage/settings"): (ADMIN, {"max_risk": 0.2}),
    ("POST", "/api/manage/invitations"): (ADMIN, {"name": "zoe"}),
    ("POST", "/api/manage/revoke"): (ADMIN, {"id": "of spare"}),
    ("POST", "/api/manage/ban"): (ADMIN, {"name": "bob"}),
    ("POST", "/api/manage/unban"): (ADMIN, {"name": "bob"}),
}
"""Who may use a route, and what is sent to it. A route without a line here fails the test."""


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that only read."""
    with serve(tmp_path_factory.mktemp("read") / "campaign") as served:
        yield served


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests whose orders are in nobody's way."""
    with serve(tmp_path_factory.mktemp("order") / "campaign") as served:
        yield served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path / "campaign") as served:
        yield served


def id_of(served: Served, name: str) -> int:
    return next(one.id for one in served.live.campaign.invitations() if one.name == name)


def send(served: Served, method: str, path: str, body: object, who: str) -> int:
    spare = id_of(served, "spare")
    path = path.replace("{form}", "csv").replace("{id}", str(spare))
    body = {"id": spare} if body == {"id": "of spare"} else body
    response = served.get(path, who) if method == "GET" else served.post(path, body, who)
    return int(response.status_code)


def test_every_route_has_a_line_in_the_table(quiet: Served) -> None:
    routes = {
        (method, route.path)
        for route in router(quiet.live).routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert routes == set(ROUTES)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_may_do_what(ordered: Served, method: str, path: str, who: str) -> None:
    allowed, body = ROUTES[method, path]
    before = list(ordered.live.campaign.entries())
    status = send(ordered, method, path, body, who)
    if who in allowed:
        assert status in (200, 201, 204)
    else:
        assert status == (401 if who in STRANGERS else 403)
        assert list(ordered.live.campaign.entries()) == before


def test_every_order_is_refused_if_it_is_garbage(ordered: Served) -> None:
    garbage: list[object] = [None, [], "pause", 7, {"nonsense": 1}, {"name": ""}, {"name": "x" * 999}, {"id": "one"}]
    garbage += [{"max_risk": 2}, {"budget": 0}, {"price": -1}, {"gold_rate": 1}, {"max_per_item": None}]
    garbage += [{"name": "ann", "role": "owner"}, {"name": "ann", "days": 0}, {"name": "bad\x07", "role": "viewer"}]
    before = list(ordered.live.campaign.entries())
    for method, path in ROUTES:
        if method == "POST" and not path.endswith(("pause", "resume")):
            for body in garbage:
                response = ordered.post(path, body)
                assert response.status_code in (400, 404, 422), (path, body)
                assert isinstance(response.json()["detail"], str)
            response = ordered.client.post(path, content=b'{"max_risk": NaN', headers=ordered.headers("admin"))
            assert response.status_code == 422
    assert list(ordered.live.campaign.entries()) == before


def test_the_summary_says_what_is_to_be_done(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.get("/api/manage/summary").json()["notes"] == []
    np.save(served.live.place.features, np.zeros((3, 3)))
    (note,) = served.get("/api/manage/summary").json()["notes"]
    assert note.startswith("There are new images, labels or features in the campaign's folder. To use them, end")
    monkeypatch.setattr("askless.server.overview.advise", lambda config, n_known: f"{n_known} known.")
    assert served.get("/api/manage/summary").json()["notes"] == ["6 known.", note]


def test_the_summary_says_whom_an_audit_asks(tmp_path: Path) -> None:
    promise = "max_risk = 1.0\n[campaign.promise]\ntarget_accuracy = 0.7\nmax_audit_share = 1.0\n"
    with serve(tmp_path / "audited", settings=promise) as served:
        assert served.live.campaign.estimate.risk.max() < 1, "all items are finished"
        (note,) = served.get("/api/manage/summary").json()["notes"]
        assert "only its auditors are asked now: auditor." in note
        served.tokens["auditor"] = served.live.links.token(served.live.invite_for_good("auditor", "annotator"))
        asked = {who: served.post("/api/batches", {}, who).json()["batches"] for who in ("annotator", "auditor")}
        assert asked["annotator"] == []
        assert asked["auditor"][0]["items"]
        assert len(served.post("/api/batches", {}, "auditor").json()["batches"][0]["items"]) == len(
            asked["auditor"][0]["items"]
        )


def test_what_the_summary_tells(quiet: Served) -> None:
    told = quiet.get("/api/manage/summary").json()
    assert (told["title"], told["role"], told["state"], told["reason"]) == ("campaign", "admin", "running", None)
    images = told["images"]
    assert images["total"] == 18 == sum(images[kind] for kind in ("finished", "open", "exhausted", "broken"))
    assert (told["n_answers"], told["n_skips"], told["n_annotators"], told["n_active"]) == (19, 2, 3, 3)
    assert told["last_answer"] == START + 90
    assert told["per_hour"] is None, "they began a minute and a half ago"
    assert told["has_gold"]
    gold = told["accuracy"]["gold"]
    assert (gold["n"], gold["share"]) == (6, 5 / 6), "three each by ann and bob, who is wrong about item 4"
    assert "6 answers about gold images" in told["accuracy"]["rests_on"]
    assert told["images"]["broken"] == 0, "one person alone breaks nothing"
    assert told["inference"]["n_behind"] == 0
    assert told["formats"] == list(FORMATS)


@pytest.mark.parametrize("path", ["summary", "curves", "annotators", "confusion", "items?sort=disputed", "invitations"])
def test_nothing_is_sent_while_nothing_has_changed(quiet: Served, path: str) -> None:
    first = quiet.get(f"/api/manage/{path}")
    since = f"{path}{'&' if '?' in path else '?'}since={first.json()['version']}"
    quiet.clock.now += 5
    again = quiet.get(f"/api/manage/{since}")
    quiet.clock.now -= 5
    assert (again.status_code, again.content) == (204, b"")
    assert quiet.get(f"/api/manage/{since}x").json() == first.json()


def test_an_answer_is_news(served: Served) -> None:
    version = served.get("/api/manage/summary").json()["version"]
    served.live.campaign.record("ann", [Answer(20, 1, 500)])
    news = served.get(f"/api/manage/summary?since={version}").json()
    assert (news["n_answers"], news["inference"]["n_behind"]) == (20, 1)
    assert news["version"] != version


def test_what_is_told_of_annotators(quiet: Served) -> None:
    ann, bob, eve = quiet.get("/api/manage/annotators").json()["annotators"]
    assert [ann["name"], bob["name"], eve["name"]] == ["ann", "bob", "eve"]
    assert (ann["n_answers"], ann["n_skips"], ann["median_ms"], ann["last"]) == (9, 0, 1007, START + 90)
    assert (eve["n_answers"], eve["n_skips"], eve["median_ms"], eve["gold"]) == (1, 2, 700, None)
    assert ann["gold"]["share"] == 1
    assert ann["gold"]["low"] == pytest.approx(0.025 ** (1 / 3)), "three of three (Clopper and Pearson)"
    assert ann["skill"]["low"] < ann["skill"]["share"] <= ann["skill"]["high"]
    assert ann["skill"]["share"] > bob["skill"]["share"]
    assert ann["flags"] == bob["flags"] == eve["flags"] == []


def test_a_spammer_is_flagged(served: Served) -> None:
    others = list(range(3, 24))
    served.live.campaign.record("spam", [Answer(i, 2, 90) for i in others])
    served.live.campaign.refresh()
    people = {one["name"]: one for one in served.get("/api/manage/annotators").json()["annotators"]}
    assert "run" in people["spam"]["flags"]
    assert people["spam"]["median_ms"] == 90
    assert people["ann"]["flags"] == []


def test_a_banned_person_counts_no_longer_and_is_paid(served: Served) -> None:
    assert served.post("/api/manage/ban", {"name": "bob"}).status_code == 204
    assert [entry.annotator for entry in served.log(Kind.BANNED)] == [1]
    people = served.get("/api/manage/annotators").json()["annotators"]
    assert people[1]["standing"] == "banned"
    told = served.get("/api/manage/summary").json()
    assert (told["n_answers"], told["accuracy"]["gold"]["share"]) == (19, 1)
    assert all(
        vote["is_banned"] == (vote["annotator"] == "bob")
        for one in served.get("/api/manage/items?sort=risk&n=60").json()["items"]
        for vote in one["votes"]
    )
    served.post("/api/manage/settings", {"budget": 20})
    assert served.get("/api/manage/summary").json()["cost"]["n_to_come"] <= 1
    assert served.post("/api/manage/unban", {"name": "bob"}).status_code == 204
    assert len(served.log(Kind.UNBANNED)) == 1
    assert served.get("/api/manage/annotators").json()["annotators"][1]["standing"] != "banned"


@pytest.mark.parametrize("order", ["ban", "unban"])
def test_a_stranger_cannot_be_banned(quiet: Served, order: str) -> None:
    response = quiet.post(f"/api/manage/{order}", {"name": "<b>nobody</b>"})
    assert response.status_code == 404
    assert "has answered here" in response.json()["detail"]


def test_pause_and_resume(served: Served) -> None:
    assert served.live.campaign.ask(["ann"])
    for _ in range(2):
        assert served.post("/api/manage/pause").status_code == 204
    assert served.get("/api/manage/summary").json()["state"] == "paused"
    assert served.live.campaign.ask(["bob"]) == []
    served.post("/api/manage/resume")
    assert served.get("/api/manage/summary").json()["state"] == "running"
    assert [len(served.log(kind)) for kind in (Kind.PAUSED, Kind.RESUMED)] == [1, 1]


def test_settings_hold_from_now_on_and_are_in_the_log(served: Served) -> None:
    change = {"budget": 500, "max_risk": 0.05, "max_per_item": 7, "gold_rate": 0.2, "price": 0.03}
    before = served.live.place.settings.read_text(encoding="utf-8")
    assert served.post("/api/manage/settings", change).status_code == 204
    told = served.get("/api/manage/summary").json()
    assert told["settings"] == change
    assert told["cost"]["spent"] == pytest.approx(19 * 0.03)
    config = served.live.campaign.config
    assert (config.budget, config.max_risk, config.sampler.max_per_item) == (500, 0.05, 7)
    assert len(served.log(Kind.CHANGED)) == 1
    assert served.live.place.settings.read_text(encoding="utf-8").startswith(before.rstrip())
    served.post("/api/manage/settings", {"budget": None})
    assert served.get("/api/manage/summary").json()["settings"] == change | {"budget": None}
    served.post("/api/manage/settings", {})
    assert len(served.log(Kind.CHANGED)) == 2


def test_people_are_paid_their_own_prices(served: Served) -> None:
    served.post("/api/manage/settings", {"price": 0.1})
    of = {one["name"]: one["n_answers"] for one in served.get("/api/manage/annotators").json()["annotators"]}
    served.live.campaign.change(**{"annotators.prices": {"bob": 3.0, "who never came": 9.0}})
    told = served.get("/api/manage/summary").json()
    n, of_bob = sum(of.values()), of["bob"]
    assert 0 < of_bob < n
    assert told["cost"]["spent"] == pytest.approx(0.1 * (n + 2 * of_bob))
    assert told["cost"]["price"] == pytest.approx(0.1 * (n + 2 * of_bob) / n)
    assert told["settings"]["price"] == 0.1


def test_a_rate_comes_with_minutes_of_answers(served: Served) -> None:
    for minutes, rate in ((1, None), (4, 19 * 60 / 7)):
        served.clock.now += 60 * minutes
        assert served.get("/api/manage/summary").json()["per_hour"] == rate


def test_no_more_is_to_come_than_can_be_asked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = served.live.campaign
    status, labels = campaign.result().status, campaign.result().n_annotations
    n_askable = int((campaign.config.sampler.max_per_item - labels[status == "open"]).sum())
    assert n_askable > 0
    monkeypatch.setattr(campaign, "forecast", lambda: Forecast(10_000, 9_000, 11_000))
    cost = served.get("/api/manage/summary").json()["cost"]
    assert {cost[name] for name in ("n_to_come", "n_to_come_low", "n_to_come_high")} == {n_askable}
    monkeypatch.setattr(campaign, "forecast", lambda: None)
    assert served.get("/api/manage/summary").json()["cost"]["n_to_come"] <= n_askable


def test_a_spent_budget_leaves_nothing_to_come(served: Served) -> None:
    served.post("/api/manage/settings", {"budget": 25})
    assert served.get("/api/manage/summary").json()["cost"]["n_to_come"] <= 6
    served.post("/api/manage/settings", {"budget": 5})
    assert served.get("/api/manage/summary").json()["cost"]["n_to_come"] == 0


def test_an_invitation_is_a_link_and_a_code_for_admins_alone(served: Served) -> None:
    made = served.post("/api/manage/invitations", {"name": "zoë <3", "days": 2})
    assert made.status_code == 201
    place, token = made.json()["id"], made.json()["link"].partition("#")[2]
    invitation = served.live.invitation(token)
    assert invitation
    assert (invitation.id, invitation.name, invitation.role) == (place, "zoë <3", "annotator")
    assert invitation.ends == served.clock.now + 2 * DAY
    assert made.json()["qr"].startswith("data:image/svg+xml")
    assert served.get(f"/api/manage/invitations/{place}/link").json() | {"is_new": True} == made.json()
    for who in ("viewer", "admin"):
        listed = served.get("/api/manage/invitations", who)
        (mine,) = [one for one in listed.json()["invitations"] if one["id"] == place]
        assert (mine["name"], mine["role"], mine["ends"], mine["is_revoked"]) == (
            "zoë <3",
            "annotator",
            invitation.ends,
            False,
        )
        assert token not in listed.text
    assert served.get("/api/manage/invitations/1/link").status_code == 404

    assert served.post("/api/manage/revoke", {"id": place}).status_code == 204
    assert served.live.invitation(token) is None
    assert served.log(Kind.REVOKED)[-1].payload == {"invitation": place}


def test_a_link_leads_to_where_people_reach_the_server(served: Served) -> None:
    made = served.post("/api/manage/invitations", {"name": "zoe"}).json()
    assert made["link"].startswith("http://testserver/#")
    served.live.public_url = "https://label.example.org"
    made = served.post("/api/manage/invitations", {"name": "zoe"}).json()
    assert made["link"].startswith("https://label.example.org/#")


def test_nobody_takes_the_own_link_back(served: Served) -> None:
    mine = id_of(served, "admin")
    response = served.post("/api/manage/revoke", {"id": mine})
    assert response.status_code == 409
    assert "another one" in response.json()["detail"]
    assert served.post("/api/manage/revoke", {"id": 10**30}).status_code == 404


def test_who_is_invited_again_is_given_the_link_that_is_good(served: Served) -> None:
    first = served.post("/api/manage/invitations", {"name": "zoe", "days": 2}).json()
    again = served.post("/api/manage/invitations", {"name": "zoe"})
    assert (again.status_code, again.json()) == (200, first | {"is_new": False})
    viewer = served.post("/api/manage/invitations", {"name": "zoe", "role": "viewer"})
    longer = served.post("/api/manage/invitations", {"name": "zoe", "is_new": True})
    assert [viewer.status_code, longer.status_code] == [201, 201]
    assert len({one["id"] for one in (first, viewer.json(), longer.json())}) == 3
    assert served.post("/api/manage/invitations", {"name": "zoe"}).json() == longer.json() | {"is_new": False}
    served.post("/api/manage/revoke", {"id": longer.json()["id"]})
    assert served.post("/api/manage/invitations", {"name": "zoe"}).json()["id"] == first["id"]
    served.clock.now += 2 * DAY
    assert served.post("/api/manage/invitations", {"name": "zoe"}).json()["is_new"]


def test_an_invitation_without_an_end(served: Served) -> None:
    made = served.post("/api/manage/invitations", {"name": "watcher", "role": "viewer", "days": None}).json()
    invitation = served.live.campaign.invitation(made["id"])
    assert invitation
    assert invitation.ends is None
    assert "/manage#" in made["link"]


def test_the_riskiest_come_first_page_by_page(quiet: Served) -> None:
    whole = quiet.get("/api/manage/items?sort=risk&n=60").json()
    risks = [1 - one["probability"] for one in whole["items"]]
    assert risks == sorted(risks, reverse=True)
    assert whole["total"] == len(whole["items"])
    assert all(one["status"] in ("open", "exhausted") for one in whole["items"])
    pages = [quiet.get(f"/api/manage/items?sort=risk&start={start}&n=5").json()["items"] for start in range(0, 60, 5)]
    assert [one for page in pages for one in page] == whole["items"]


def test_the_disputed_come_with_their_votes(quiet: Served) -> None:
    shown = quiet.get("/api/manage/items?sort=disputed").json()
    (item,) = [one for one in shown["items"] if one["item"] == 8]
    assert item["id"] == ITEMS[8]
    votes = [(vote["annotator"], vote["label"]) for vote in item["votes"]]
    assert votes == [("ann", CLASSES[TRUTH[8]]), ("bob", CLASSES[(TRUTH[8] + 1) % 3])]
    assert 4 not in [one["item"] for one in shown["items"]], "it is gold"
    assert 7 not in [one["item"] for one in shown["items"]], "they agree"


def test_broken_images_say_who_said_so(quiet: Served) -> None:
    (item,) = quiet.get("/api/manage/items?sort=broken").json()["items"]
    assert item["item"] == 12
    assert item["votes"] == [{"annotator": "eve", "label": None, "reason": "broken", "is_banned": False}]


def test_confusion_is_of_answers_and_rows_sum_to_one(quiet: Served) -> None:
    told = quiet.get("/api/manage/confusion").json()
    assert told["classes"] == list(CLASSES)
    for row, n in zip(told["shares"], told["n"], strict=True):
        assert sum(row) == pytest.approx(1 if n else 0, abs=1e-3)
    assert sum(told["n"]) == pytest.approx(19, abs=0.2)
    assert all(one["truth"] != one["label"] for one in told["top"])


def test_curves_have_a_row_per_refresh_and_per_hour(quiet: Served) -> None:
    told = quiet.get("/api/manage/curves").json()
    assert (told["time"], told["n_answers"], told["n_items"]) == ([START + 90], [19], 18)
    assert told["finished"][0] + told["open"][0] + told["exhausted"][0] == 18
    assert sum(told["per_hour"]) == 19
    assert told["hour"][0] <= START < told["hour"][-1] + 3600


@pytest.mark.parametrize("form", FORMATS)
def test_every_export_is_a_zip_and_leaves_nothing_behind(quiet: Served, form: str) -> None:
    root = quiet.live.place.root
    before = sorted(root.rglob("*"))
    response = quiet.get(f"/api/manage/export/{form}", "viewer")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == f"attachment; filename*=UTF-8''campaign-{form}.zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert len(names) > 1
    assert any(name.endswith(("card.md", "README.md")) for name in names)
    assert sorted(root.rglob("*")) == before


def test_an_export_does_not_wait_for_an_inference(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.live.campaign.record("ann", [Answer(20, 1, 500)])
    monkeypatch.setattr(served.live.campaign, "refresh", None)
    assert served.get("/api/manage/export/csv").status_code == 200


def test_an_export_that_cannot_be_made_says_why(served: Served) -> None:
    assert served.get("/api/manage/export/..%2Fcsv").status_code == 404
    assert "There is no format" in served.get("/api/manage/export/pdf").json()["detail"]
    for photo in (served.live.place.root.parent / "campaign-photos").rglob("*.png"):
        photo.unlink()
    gone = served.get("/api/manage/export/imagefolder")
    assert gone.status_code == 400
    assert "put it back" in gone.json()["detail"]


def test_an_empty_campaign_has_a_page(tmp_path: Path) -> None:
    with serve(tmp_path / "campaign", is_answered=False) as served:
        told = served.get("/api/manage/summary").json()
        assert (told["n_answers"], told["per_hour"], told["last_answer"]) == (0, None, None)
        assert told["cost"]["n_to_come"] is None
        assert told["accuracy"]["rests_on"] == "Nothing yet: nobody has answered."
        for path in ("annotators", "curves", "confusion", "items", "items?sort=disputed", "items?sort=broken"):
            assert served.get(f"/api/manage/{path}").status_code == 200
        assert served.get("/api/manage/annotators").json()["annotators"] == []
        assert served.get("/api/manage/export/csv").status_code == 200


def test_a_look_at_a_large_campaign_takes_no_time(tmp_path: Path) -> None:
    """`benchmarks/manager.py` has the figures of a larger one."""
    n_items, n_people = 5000, 50
    rows = [ItemRow(f"{i}", f"{i}.png", 8, 8, 8, f"{i:032x}", "", "") for i in range(n_items)]
    (tmp_path / "items.csv").write_text(to_csv([ItemRow._fields, *rows]))
    (tmp_path / "classes.json").write_text('["ant", "bee", "cat"]')
    (tmp_path / "askless.toml").write_text("format = 1\n[campaign]\n")
    with closing(LiveCampaign(tmp_path)) as live:
        for j in range(n_people):
            live.campaign.record(f"p{j}", [Answer(i, i * j % 3, 900) for i in range(j, n_items, 5)])
        live.campaign.refresh()
        n_answers = live.campaign.status().n_annotations
        client = TestClient(create_app(live))
        headers = {"Authorization": f"Bearer {live.links.token(live.admin())}"}
        seconds = []
        for i in range(10):
            live.campaign.record("late", [Answer(i, 0, 900)])
            start = perf_counter()
            assert client.get("/api/manage/summary", headers=headers).json()["n_answers"] == n_answers + i + 1
            seconds.append(perf_counter() - start)
        assert median(seconds) < 1
