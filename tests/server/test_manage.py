"""/api/manage: who may do what, what is told, what an order leaves in the log."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from small_folder import CLASSES, ITEMS, TRUTH
from small_server import DAY, START, Served, serve

from askless.data.labels_out.formats import FORMATS
from askless.server.manage import router
from askless.store.entries import Kind
from askless.types import Answer

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


def test_what_the_summary_tells(quiet: Served) -> None:
    told = quiet.get("/api/manage/summary").json()
    assert (told["title"], told["role"], told["state"], told["reason"]) == ("campaign", "admin", "running", None)
    images = told["images"]
    assert images["total"] == 18 == sum(images[kind] for kind in ("finished", "open", "exhausted", "broken"))
    assert (told["n_answers"], told["n_skips"], told["n_annotators"], told["n_active"]) == (19, 2, 3, 3)
    assert told["last_answer"] == START + 90
    assert told["per_hour"] == 19 * 60 / 2, "they began a minute and a half ago, in the second minute"
    assert told["has_gold"]
    assert told["accuracy"]["gold"]["n"] == 7, "three each by ann and bob, one by eve (6 is no gold)"
