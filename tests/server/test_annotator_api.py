"""The annotator's interface: what it gives to whom, what it refuses, and that a refusal loses nothing."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image

import askless.server
from askless.data.folder import CampaignFolder
from askless.errors import StoreError
from askless.server import pictures
from askless.server.answers import State
from askless.server.app import create_app
from askless.server.guard import MAX_BODY_BYTES
from askless.server.live import LiveCampaign
from askless.store.entries import Kind
from askless.types import Answer
from served_campaign import CLASSES, draw, make_campaign
from small_campaign import Clock, read

CLASS_TABLES = (
    {"name": "circle", "description": "Round.", "aliases": ["disc"], "examples": ["images/0.png", "images/none.png"]},
    {"name": "square", "parent": "with corners"},
    {"name": "triangle", "parent": "with corners"},
    {"name": "other"},
)


class Site:
    """One served campaign without a network, and a person at it."""

    def __init__(self, root: Path, **campaign: Any) -> None:
        self.clock = Clock()
        self.live = LiveCampaign(make_campaign(root, **{"classes": CLASS_TABLES, **campaign}), clock=self.clock)
        self.client = TestClient(create_app(self.live), raise_server_exceptions=False)
        self.ann = self.headers("ann")

    def headers(self, name: str, role: Any = "annotator", ends: float | None = None) -> dict[str, str]:
        token = self.live.links.token(self.live.campaign.invite(name, role, ends))
        return {"Authorization": f"Bearer {token}"}

    def hold(self, who: dict[str, str] | None = None) -> Any:
        response = self.client.post("/api/batches", json={}, headers=who or self.ann)
        assert response.status_code == 200, response.text
        return response.json()

    def tell(self, *events: dict[str, Any], who: dict[str, str] | None = None) -> Response:
        return self.client.post("/api/events", json={"events": events}, headers=who or self.ann)

    def number(self, item: dict[str, str]) -> int:
        return self.live.item_names.item(item["item"])

    def entries(self, *kinds: Kind) -> int:
        return sum(entry.kind in kinds for entry in read(self.live.campaign))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "shapes")
    yield made
    made.live.close()


def answer(held: Any, place: int = 0, **fields: Any) -> dict[str, Any]:
    batch = held["batches"][0]
    of_item = {"kind": "answer", "batch": batch["id"], "item": batch["items"][place]["item"]}
    return {"id": str(uuid4()), **of_item, "label": 1, "reason": None, "response_ms": 900, "undoes": None, **fields}


def undo(told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "id": str(uuid4()), "kind": "undo", "label": None, "response_ms": None, "undoes": told["id"]}


ROUTES = (
    ("GET", "/api/session"),
    ("POST", "/api/batches"),
    ("POST", "/api/events"),
    ("GET", f"/api/image/{'0' * 16}"),
    ("GET", "/api/example/0/0"),
    ("GET", "/api/manage/image/0"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_comes_in_without_a_link_that_is_valid_now(site: Site, method: str, path: str) -> None:
    ended, revoked = site.headers("eve", ends=site.clock.now + 10), site.headers("bob")
    site.live.campaign.revoke(site.live.campaign.invitations()[-1].id)
    site.clock.now += 11
    foreign = {"Authorization": "Bearer MQ.c2lnbmF0dXJl"}
    for headers in ({}, ended, revoked, foreign, {"Authorization": "Bearer "}, {"Authorization": "Basic YTpi"}):
        response = site.client.request(method, path, json={"events": []}, headers=headers)
        assert response.status_code == 401, (headers, response.text)
        assert response.json()["detail"].startswith("This link is not valid")
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_only_annotators_answer_and_only_they_are_kept_from_pictures(site: Site, role: str) -> None:
    headers = site.headers("mia", role)
    for method, path in ROUTES[:4]:
        assert site.client.request(method, path, json={"events": []}, headers=headers).status_code == 403
    assert site.client.get("/api/manage/image/0", headers=headers).status_code == 200
    assert site.client.get("/api/manage/image/0", headers=site.ann).status_code == 403


def test_a_session_says_who_one_is_and_what_the_classes_are(tmp_path: Path) -> None:
    site = Site(
        tmp_path / "shapes", page='title = "Shapes <b>"', instructions="# Look\n\n<script>alert(1)</script>\n\n*well*"
    )
    session = site.client.get("/api/session", headers=site.ann).json()
    assert (session["name"], session["campaign"], session["other"], session["state"]) == (
        "ann",
        "Shapes <b>",
        3,
        "working",
    )
    assert session["instructions"].split() == ["<h2>Look</h2>", "<p><em>well</em></p>"]
    assert {one["label"]: (one["name"], one["group"], one["n_examples"]) for one in session["classes"]} == {
        0: ("circle", None, 2),
        1: ("square", "with corners", 0),
        2: ("triangle", "with corners", 0),
        3: ("other", None, 0),
    }
    site.live.close()


def test_each_annotator_has_an_order_of_classes_that_stays(site: Site) -> None:
    orders = []
    for number in range(12):
        links = [site.headers(f"p{number}") for _ in "12"]
        twice = [
            [one["label"] for one in site.client.get("/api/session", headers=headers).json()["classes"]]
            for headers in links
        ]
        assert twice[0] == twice[1]
        orders.append(tuple(twice[0]))
    assert len(set(orders)) > 5


def test_what_is_held_is_given_again_and_filled_up(site: Site) -> None:
    first = site.hold()
    assert first == {**site.hold(), "now": first["now"]}
    assert sum(len(batch["items"]) for batch in first["batches"]) == 8
    assert site.tell(answer(first, 0), answer(first, 1)).json()["n_answered"] == 2
    again = site.hold()
    assert again["batches"][0]["id"] == first["batches"][0]["id"]
    assert len(again["batches"][0]["items"]) == 6
    assert len(again["batches"]) == 2


def test_two_people_hold_no_image_in_common(site: Site) -> None:
    held = [
        {item["item"] for batch in site.hold(who)["batches"] for item in batch["items"]}
        for who in (site.ann, site.headers("bob"))
    ]
    assert not held[0] & held[1]


def test_the_same_event_again_changes_nothing(site: Site) -> None:
    event = answer(site.hold())
    for status in ("kept", "repeated", "repeated"):
        reply = site.tell(event).json()
        assert [(one["id"], one["status"]) for one in reply["results"]] == [(event["id"], status)]
        assert reply["n_answered"] == 1
    other_body = site.tell({**event, "label": 2}).json()["results"][0]
    other_item = site.tell({**answer(site.hold()), "id": event["id"]}).json()["results"][0]
    assert other_body["status"] == other_item["status"] == "refused"
    assert other_body["detail"].startswith("You have said something else")
    assert site.entries(Kind.ANSWERED) == 1


def test_an_undo_is_an_event_too_and_a_late_repeat_does_not_bring_the_answer_back(site: Site) -> None:
    told = answer(site.hold())
    taken_back = undo(told)
    anew = {**told, "id": str(uuid4()), "label": 2}
    for statuses in (["kept"] * 3, ["repeated"] * 3):
        reply = site.tell(told, taken_back, anew).json()
        assert [one["status"] for one in reply["results"]] == statuses
        assert reply["n_answered"] == 1
    assert site.live.campaign.annotations().label.tolist() == [2]


def test_one_refused_event_costs_the_others_nothing(site: Site) -> None:
    held = site.hold()
    foreign = site.hold(site.headers("bob"))
    wrong = [
        answer(held, label=99),
        answer(held, batch=10**9),
        answer(held, item="f" * 16),
        {**answer(foreign), "batch": answer(held)["batch"]},
        answer(foreign),
        undo(answer(held)),
        answer(held, 2, response_ms=2**62),
    ]
    reply = site.tell(answer(held, 0), *wrong, answer(held, 1)).json()["results"]
    assert [one["status"] for one in reply] == ["kept", *["refused"] * 6, "kept", "kept"]
    assert all(one["detail"].endswith(".") for one in reply[1:7])
    assert not any("tem " in one["detail"] for one in reply[1:5])
    assert site.entries(Kind.ANSWERED) == 3


def test_somebody_elses_answer_cannot_be_undone(site: Site) -> None:
    told = answer(site.hold())
    site.tell(told)
    assert site.tell(undo(told), who=site.headers("bob")).json()["results"][0]["status"] == "refused"
    assert site.entries(Kind.UNDONE) == 0


GARBAGE: tuple[Any, ...] = (
    None,
    [],
    {},
    {"events": None},
    {"events": [1]},
    {"events": [], "more": 1},
    {"events": [{}]},
    {"events": [{"id": "x"}]},
)
WRONG_FIELDS = (
    {"kind": "delete"},
    {"label": -1},
    {"label": "1"},
    {"label": 2**63},
    {"label": 1.5},
    {"item": None},
    {"item": 3},
    {"item": "../../etc/passwd"},
    {"batch": True},
    {"reason": "tired"},
    {"reason": "skip"},
    {"response_ms": -5},
    {"undoes": str(uuid4())},
    {"kind": "undo"},
    {"id": 7},
    {"extra": 1},
)


def test_what_is_no_event_is_answered_by_one_sentence(site: Site) -> None:
    held = site.hold()
    bodies = [json.dumps(body).encode() for body in GARBAGE]
    bodies += [json.dumps({"events": [answer(held) | wrong]}).encode() for wrong in WRONG_FIELDS]
    bodies += [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"events": NaN}',
        json.dumps({"events": [answer(held)] * 101}).encode(),
    ]
    for body in bodies:
        headers = {**site.ann, "Content-Type": "application/json"}
        response = site.client.post("/api/events", content=body, headers=headers)
        assert response.status_code == (400 if body.startswith(b"[[[") else 422), (body[:200], response.text)
        assert set(response.json()) == {"detail"}
        assert isinstance(response.json()["detail"], str)
    assert site.entries(Kind.ANSWERED, Kind.SKIPPED) == 0


def test_more_than_sixty_four_kilobytes_are_not_read(site: Site) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1 + MAX_BODY_BYTES // 1024):
            yield b" " * 1024

    for content in (b" " * (MAX_BODY_BYTES + 1), endless()):
        response = site.client.post("/api/events", content=content, headers=site.ann)
        assert response.status_code == 413
        assert response.json() == {"detail": "A request may hold 64 kB at most; send less at once."}


def test_images_are_webp_for_those_who_hold_or_have_answered_them(site: Site) -> None:
    held = site.hold()
    items = {item["item"] for batch in held["batches"] for item in batch["items"]}
    for item in range(24):
        name = site.live.item_names.name(item)
        response = site.client.get(f"/api/image/{name}", headers=site.ann)
        assert response.status_code == (200 if name in items else 404)
    told = answer(held)
    site.tell(told)
    response = site.client.get(f"/api/image/{told['item']}?size=256", headers=site.ann)
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Cache-Control"].startswith("private")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert max(Image.open(BytesIO(response.content)).size) == 256
    assert site.client.get(f"/api/image/{told['item']}", headers=site.headers("bob")).status_code == 404


def test_an_image_without_thumbnail_is_made_from_its_file_and_one_without_either_is_not_there(site: Site) -> None:
    mia = site.headers("mia", "viewer")
    folder = CampaignFolder(site.live.place.root)
    digest = folder.read_items().digest[0]
    for size in (256, 1024):
        folder.thumbnail(digest, size).unlink()
    response = site.client.get("/api/manage/image/0?size=256", headers=mia)
    assert Image.open(BytesIO(response.content)).size == (256, 192)
    (folder.root / "images" / "0.png").write_bytes(b"other bytes")
    assert site.client.get("/api/manage/image/0", headers=mia).status_code == 404
    assert site.client.get("/api/manage/image/24", headers=mia).status_code == 404


def test_a_closer_look_is_as_large_as_the_original_up_to_4096_pixels(tmp_path: Path) -> None:
    sizes = [(640, 480), (1500, 1000), (6000, 600)]
    site = Site(tmp_path / "shapes", pictures=[draw(i, size) for i, size in enumerate(sizes)])
    for one in site.hold()["batches"][0]["items"]:
        path, (width, height) = f"/api/image/{one['item']}?size=4096", sizes[site.number(one)]
        seen = Image.open(BytesIO(site.client.get(path, headers=site.ann).content))
        assert seen.size == (min(width, 4096), height if width <= 4096 else 410)
    assert site.client.get(path, headers=site.headers("bob")).status_code == 404
    assert site.client.get(path.replace("4096", "5000"), headers=site.ann).status_code == 422
    site.live.close()


def test_who_looks_closer_while_another_does_gets_the_usual_size_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "shapes", pictures=[draw(i, (1500, 1000)) for i in range(2)])
    path, other = (f"/api/image/{one['item']}?size=4096" for one in site.hold()["batches"][0]["items"])
    make, meanwhile = pictures._shrink, []

    def look_meanwhile(image: Image.Image, size: int) -> bytes:
        if not meanwhile:
            look = threads.submit(site.client.get, other, headers=site.ann)
            meanwhile.append(look.result(timeout=20))
        return make(image, size)

    monkeypatch.setattr(pictures, "_shrink", look_meanwhile)
    with ThreadPoolExecutor(1) as threads:
        looks = [site.client.get(path, headers=site.ann), *meanwhile, site.client.get(other, headers=site.ann)]
    assert [Image.open(BytesIO(look.content)).width for look in looks] == [1500, 1024, 1500]
    assert [look.headers["Cache-Control"] for look in looks[1:]] == ["no-store", "private, max-age=3600"]
    site.live.close()


def test_nobody_without_a_link_of_this_campaign_waits_for_the_log(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = {"Authorization": f"{site.ann['Authorization']}x"}
    groups: list[None] = []
    transaction = site.live.campaign.transaction
    monkeypatch.setattr(site.live.campaign, "transaction", lambda: (groups.append(None), transaction())[1])
    for path in ("/api/batches", "/api/events"):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, forged):
            assert site.client.post(path, json={"events": []}, headers=headers).status_code == 401
    assert not groups
    site.hold()
    assert groups


def test_a_browser_that_went_astray_gets_a_page(site: Site) -> None:
    by_browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nothing", "/static/nothing.js", "/api/nothing"):
        response = site.client.get(path, headers=by_browser)
        assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert "Open it whole, with everything after the #" in response.text
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert site.client.get(path).json() == {"detail": "Not Found"}


def test_examples_come_by_number(site: Site) -> None:
    assert site.client.get("/api/example/0/0", headers=site.ann).headers["Content-Type"] == "image/webp"
    for path in ("0/1", "0/2", "1/0", "9/0", "-1/0", "0/-1"):
        assert site.client.get(f"/api/example/{path}", headers=site.ann).status_code in (404, 422), path


PATHS = (
    "..",
    "../secret",
    "..%2fsecret",
    "%2e%2e/secret",
    "....//secret",
    "..\\secret",
    "/etc/passwd",
    "%00",
    "a%0ab",
    "\u202e",
)


@pytest.mark.parametrize(
    "prefix",
    ["/api/image/", "/api/manage/image/", "/api/example/", "/api/example/0/", "/static/", "/static/annotate/", "/"],
)
def test_no_path_leads_out(site: Site, prefix: str) -> None:
    page = site.client.get("/").content
    who = site.headers("mia", "viewer") if "manage" in prefix else site.ann
    for path in (
        *PATHS,
        *("../" * n + "secret" for n in range(2, 12)),
        *("..%2f" * n + "askless.toml" for n in range(2, 12)),
    ):
        response = site.client.get(prefix + path, headers=who)
        if response.content != page:  # a client may have shortened the path to `/`
            assert response.status_code in (404, 422), (prefix, path)
            assert response.headers["Content-Type"] == "application/json"


def test_every_response_guards_the_browser(site: Site) -> None:
    for path in (
        "/",
        "/static/askless.css",
        "/static/annotate/main.js",
        "/api/session",
        "/nowhere",
        "/api/openapi.json",
    ):
        headers = site.client.get(path).headers
        assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] in ("no-store", "no-cache")


def test_the_page_preloads_every_module_that_there_is(site: Site) -> None:
    folder = CampaignFolder(site.live.place.root)
    page = site.client.get("/").text
    assert folder.root.name not in page
    static = Path(create_app.__code__.co_filename).parent / "static" / "annotate"
    for module in static.glob("*.js"):
        assert f"/static/annotate/{module.name}" in page
        assert site.client.get(f"/static/annotate/{module.name}").status_code == 200


def test_gold_and_other_images_differ_in_nothing(tmp_path: Path) -> None:
    site = Site(
        tmp_path / "shapes", pictures=[draw(0) for _ in range(24)], n_gold=12, settings="annotators.gold_rate = 0.5"
    )
    seen: dict[bool, set[object]] = {True: set(), False: set()}
    for name in ("a", "b", "c"):
        who = site.headers(name)
        for batch in site.hold(who)["batches"]:
            for place, item in enumerate(batch["items"]):
                told = answer({"batches": [batch]}, place, label=place % 3)
                image = site.client.get(f"/api/image/{item['item']}", headers=who)
                replies = [
                    site.tell(event, who=who).json() for event in (told, undo(told), {**told, "id": str(uuid4())})
                ]
                results = [{**reply["results"].pop(), "id": ""} for reply in replies]
                for reply in replies:
                    reply["n_answered"] = 0
                seen[site.number(item) >= 12].add(
                    f"{sorted(item)} {image.headers} {image.content!r} {results} {replies}",
                )
    assert len(seen[True]) == 1
    assert seen[True] == seen[False]
    site.live.close()


def test_no_name_says_which_images_were_added_together(tmp_path: Path) -> None:
    site = Site(tmp_path / "shapes", n_items=4)
    names = [site.live.item_names.name(i) for i in range(64)]
    assert len({name[0] for name in names}) > 8
    assert [sorted(names).index(name) for name in names] != [*range(64)]
    site.live.close()
    again = LiveCampaign(site.live.place.root)
    assert [again.item_names.name(i) for i in range(64)] == names
    again.close()


def test_who_is_unqualified_does_not_find_out_which_answer_was_wrong(tmp_path: Path) -> None:
    settings = "annotators.n_qualification = 2\nannotators.qualification_share = 1.0"
    site = Site(tmp_path / "shapes", n_items=12, n_gold=4, settings=settings)
    held = site.hold()
    truth = [site.number(one) % 3 for one in held["batches"][0]["items"]]
    first, second = answer(held, 0, label=(truth[0] + 1) % 3), answer(held, 1, label=truth[1])
    taken_back = undo(first)
    better = {**first, "id": str(uuid4()), "label": truth[0]}
    for events in ((first, taken_back, {**better, "label": first["label"]}, second), (taken_back,)):
        assert {one["status"] for one in site.tell(*events).json()["results"]} <= {"kept", "repeated"}
    assert site.hold()["state"] == "unqualified"
    for told in (second, better):
        reply = site.tell(undo(told)).json()["results"][0]
        assert (reply["status"], reply["detail"][:29]) == ("refused", "'ann' takes nothing back: it ")
        assert site.hold()["state"] == "unqualified"
    site.live.close()


def test_states_of_a_campaign_and_of_a_person(tmp_path: Path) -> None:
    settings = "annotators.n_qualification = 2\nannotators.qualification_share = 1.0\nsampler.max_per_item = 1"
    site = Site(tmp_path / "shapes", n_items=12, n_gold=4, settings=settings)
    campaign = site.live.campaign
    held = site.hold()
    assert (held["state"], len(held["batches"][0]["items"])) == ("working", 2)
    truth = [site.number(one) % 3 for one in held["batches"][0]["items"]]
    site.tell(*(answer(held, place, label=truth[place]) for place in range(2)))
    assert site.hold()["state"] == "working"

    bad = site.headers("bad")
    held = site.hold(bad)
    site.tell(*(answer(held, place, label=3) for place in range(2)), who=bad)
    assert (site.hold(bad)["state"], site.hold(bad)["batches"]) == ("unqualified", [])

    campaign.ban("ann")
    assert (site.hold()["state"], site.hold()["batches"]) == ("banned", [])
    campaign.unban("ann")
    campaign.pause()
    eve = site.headers("eve")
    assert site.hold(eve)["state"] == "paused"
    campaign.resume()
    assert site.hold(eve)["state"] == "working"
    site.live.close()


def test_finished_is_not_the_same_as_nothing_for_now(tmp_path: Path) -> None:
    site = Site(tmp_path / "shapes", n_items=6, settings="sampler.max_per_item = 1\nbudget = 6")
    bob = site.headers("bob")
    held = site.hold()
    assert (site.hold(bob)["state"], site.hold(bob)["batches"]) == ("waiting", [])
    site.tell(*(answer(held, place) for place in range(6)))
    assert site.hold(bob)["state"] == "waiting"
    site.live.campaign.refresh()
    assert site.hold(bob)["state"] == "finished"
    site.live.close()


def test_while_an_audit_is_awaited_or_under_way_the_page_says_so(tmp_path: Path) -> None:
    """An audit does not begin before there are labels to check; then it asks auditors alone."""
    settings = "promise.target_accuracy = 0.6\npromise.max_audit_share = 1.0\nsampler.max_per_item = 1"
    site = Site(tmp_path / "shapes", n_items=6, settings=settings)
    auditor, bob = site.headers("auditor"), site.headers("bob")
    assert (site.hold(auditor)["state"], site.hold(auditor)["batches"]) == ("auditor", [])
    held = site.hold()
    assert held["state"] == "working"
    assert site.hold(bob)["state"] == "waiting", "others hold the images"
    site.tell(*(answer(held, place) for place in range(6)))
    site.live.campaign.refresh()
    assert site.live.campaign.is_auditing
    assert (site.hold(bob)["state"], site.hold(bob)["batches"]) == ("audited", [])
    assert site.hold(auditor)["state"] == "working"
    site.live.campaign.pause()
    assert site.hold(bob)["state"] == "paused"
    site.live.close()


@pytest.mark.parametrize("state", sorted(set(State) - {State.WORKING}))
def test_the_page_has_words_for_every_state_and_knows_when_to_look_again(state: State) -> None:
    pages = Path(askless.server.__file__).parent / "static/annotate"
    assert f"\n  {state}: [" in (pages / "notices.js").read_text(encoding="utf-8")
    assert f"\n  {state}: " in (pages / "page.js").read_text(encoding="utf-8")


def test_what_others_have_settled_is_dropped_and_still_taken(tmp_path: Path) -> None:
    site = Site(tmp_path / "shapes", n_items=6, classes=CLASSES)
    held = site.hold()
    items = [item["item"] for item in held["batches"][0]["items"]]
    numbers = [site.number(item) for item in held["batches"][0]["items"]]
    for name in ("x", "y", "z", "w", "v"):
        site.live.campaign.record(name, [Answer(item, item % 3) for item in numbers[1:]])
    site.live.campaign.refresh()
    reply = site.tell(answer(held, 0)).json()
    assert set(reply["drop"]) == set(items[1:])
    again = site.hold()
    assert (set(again["drop"]), again["batches"]) == (set(items[1:]), [])
    assert site.tell(answer(held, 1)).json()["results"][0]["status"] == "kept"
    site.live.close()


def test_a_log_that_cannot_be_written_keeps_nothing_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    held = site.hold()

    def fail(*_: Any) -> None:
        raise StoreError("The log cannot be written (disk full); make room.")

    with monkeypatch.context() as patched:
        patched.setattr("askless.store.journal.append_entries", fail)
        response = site.tell(answer(held))
    assert (response.status_code, response.json()["detail"]) == (
        503,
        "The log cannot be written (disk full); make room.",
    )
    assert site.tell(answer(held)).json()["results"][0]["status"] == "kept"


def test_a_fault_of_the_program_tells_nothing_of_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(site.live.campaign), "leased", lambda *_: 1 / 0)
    response = site.client.post("/api/batches", json={}, headers=site.ann)
    assert response.status_code == 500
    assert "ZeroDivision" not in response.text
