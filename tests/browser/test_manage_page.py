"""The manager's page in a real Chromium: it keeps itself up to date, its buttons work, and everybody can use it."""

import re
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from askless.server.live import LiveCampaign
from askless.store.entries import Kind
from askless.types import Answer, Role
from served_campaign import make_campaign, serving

pytestmark = pytest.mark.slow

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
N_ITEMS, N_GOLD = 40, 4
HOSTILE = ('<img src=x onerror="alert(1)">', "'\"></span><script>alert(2)</script>", "javascript:alert(3)")

STICKING_OUT = """() => [...document.querySelectorAll("section, th, td, button, input, select")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.outerHTML.slice(0, 80))"""
TOO_SMALL = """() => [...document.querySelectorAll("a, button, input, select")]
    .filter((one) => one.getClientRects().length)
    .filter((one) => one.offsetWidth < 44 || one.offsetHeight < 44)
    .map((one) => one.outerHTML.slice(0, 80))"""


@dataclass
class Place:
    """A served campaign, and a browser to look at it."""

    live: LiveCampaign
    url: str
    chromium: Browser
    stack: ExitStack

    def open(self, role: Role = "admin", **options: Any) -> Page:
        """The page as somebody of this role sees it; whatever goes wrong in it fails the test."""
        context = self.chromium.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        self.stack.callback(context.close)
        context.on("weberror", lambda error: pytest.fail(str(error.error)))
        context.on("dialog", lambda dialog: pytest.fail(dialog.message))
        context.on("console", fail_if_refused)
        page = context.new_page()
        page.goto(self.live.link(self.live.campaign.invite(f"the {role}", role), self.url))
        page.wait_for_selector("#board:not([hidden])")
        return page

    def kinds(self) -> list[Kind]:
        return [entry.kind for entry in self.live.campaign.entries()]


Serve = Callable[..., Place]


@pytest.fixture
def serve(chromium: Browser, tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(*, people: tuple[str, ...] = ("ann", "bob"), n_gold: int = N_GOLD, **campaign: Any) -> Place:
            now = time.time()  # it stands still, so that nothing changes by itself
            folder = make_campaign(tmp_path / "shapes", N_ITEMS, n_gold=n_gold, **campaign)
            live = LiveCampaign(folder, clock=lambda: now)
            stack.callback(live.close)
            if people:
                answer(live, people)
            return Place(live, stack.enter_context(serving(live)), chromium, stack)

        yield start


def answer(live: LiveCampaign, people: tuple[str, ...]) -> None:
    K = live.campaign.dataset.n_classes
    for j, name in enumerate(people):
        answers = [Answer(i, (i + (i % (3 + j) == 0)) % min(K, 3), 800 + i) for i in range(j, N_ITEMS, 1 + j % 2)]
        live.campaign.record(name, answers)
    live.campaign.refresh()


def fail_if_refused(message: Any) -> None:
    if "Content Security Policy" in message.text:
        pytest.fail(message.text)


def check_accessible(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_what_is_to_be_done_is_said(serve: Serve) -> None:
    place = serve()
    page = place.open()
    expect(page.locator("#notes")).to_be_hidden()
    place.live.place.features.write_bytes(b"new")
    expect(page.locator("#notes li")).to_contain_text("To use them, end serving", timeout=15_000)
    check_accessible(page)


def test_an_answer_is_on_the_page_without_a_reload(serve: Serve) -> None:
    place = serve()
    page = place.open("viewer")
    before = place.live.campaign.status().n_annotations
    expect(page.locator("#answers b")).to_have_text(str(before))
    place.live.campaign.record("zoe", [Answer(3, 1, 500)])
    expect(page.locator("#answers b")).to_have_text(str(before + 1), timeout=15_000)
    expect(page.locator("#annotators tbody tr")).to_have_count(3, timeout=15_000)


def test_nothing_is_sent_while_nothing_changes_and_nothing_asked_while_nobody_looks(serve: Serve) -> None:
    place = serve()
    page = place.open()
    page.wait_for_load_state("networkidle")
    with page.expect_response(re.compile("/summary")) as polled:
        pass
    assert polled.value.status == 204
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => window.isHidden, configurable: true });"
        "window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(2500)
    assert asked == []
    with page.expect_response(re.compile("/summary")):
        page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")


def test_the_buttons_work(serve: Serve) -> None:
    place = serve(page="price_per_answer = 0.05")
    page = place.open()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#state")).to_have_text("Running")

    page.get_by_role("button", name="Ban bob").click()
    expect(page.get_by_role("button", name="Let back in bob")).to_be_visible()
    page.get_by_role("button", name="Let back in bob").click()
    expect(page.get_by_role("button", name="Ban bob")).to_be_visible()

    save = page.get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    page.get_by_label("Budget").fill("90")
    page.get_by_label("Price per answer").fill("0.1")
    save.click()
    expect(page.locator("#figures")).to_contain_text("budget 90")
    expect(page.locator("#figures")).to_contain_text("€0.10 per answer")
    assert place.live.campaign.config.budget == 90

    for button, first in (("Most disputed", "1 to"), ("Called broken", "Nobody has called"), ("Riskiest", "")):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("button", name=button)).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#images")).to_contain_text(first)

    kinds = place.kinds()
    for kind in (Kind.PAUSED, Kind.RESUMED, Kind.BANNED, Kind.UNBANNED, Kind.CHANGED):
        assert kinds.count(kind) == 1


def test_an_invitation_is_shown_and_taken_back(serve: Serve) -> None:
    page = serve().open()
    page.get_by_role("button", name="Invite people").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("zoe")
    page.get_by_role("button", name="Invite", exact=True).click()
    dialog = page.get_by_role("dialog", name="The link of zoe")
    link = dialog.get_by_label("Link", exact=True).input_value()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#\S+", link)
    image = dialog.get_by_role("img")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    check_accessible(page)
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator("#invitations")).to_contain_text("zoe annotator, until")
    page.get_by_role("button", name="Take back: zoe").click()
    page.get_by_role("button", name="Really?: zoe").click()
    expect(page.locator("#invitations")).to_contain_text("zoe annotator, taken back")


def test_who_is_invited_again_is_shown_the_standing_link_and_may_have_another(serve: Serve) -> None:
    page = serve().open()

    def invite() -> str:
        page.get_by_label("Name").fill("zoe")
        page.get_by_role("button", name="Invite", exact=True).click()
        return shown()

    def shown() -> str:
        return page.get_by_role("dialog").get_by_label("Link", exact=True).input_value()

    dialog, known = page.get_by_role("dialog"), page.get_by_text("zoe has a link already, good until")
    first = invite()
    expect(known).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()

    assert invite() == first
    expect(known).to_be_visible()
    check_accessible(page)
    dialog.get_by_role("button", name="Make another").click()
    expect(known).to_have_count(0)
    assert shown() != first
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator("#invitations li", has_text="zoe annotator")).to_have_count(2)


def test_labels_are_downloaded_as_a_zip(serve: Serve, tmp_path: Path) -> None:
    page = serve().open("viewer")
    page.get_by_label("Format").select_option("imagefolder")
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download").click()
    begun.value.save_as(tmp_path / "labels.zip")
    with zipfile.ZipFile(tmp_path / "labels.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == N_ITEMS + 3


def test_a_viewer_sees_the_same_without_the_buttons_until_the_link_ends(serve: Serve) -> None:
    place = serve()
    page = place.open("viewer")
    expect(page.locator("#annotators tbody tr")).to_have_count(2)
    expect(page.locator("#images .card")).not_to_have_count(0)
    for name in ("Pause", "Ban", "Invite", "Take back", "Save", "Link"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_label("Budget")).to_be_disabled()
    place.live.campaign.revoke(place.live.campaign.invitations()[-1].id)
    expect(page.get_by_role("alert")).to_contain_text("not valid", timeout=15_000)


def test_an_annotators_link_opens_nothing_here(serve: Serve) -> None:
    place = serve()
    context = place.chromium.new_context()
    place.stack.callback(context.close)
    page = context.new_page()
    page.goto(f"{place.url}/manage")
    expect(page.get_by_role("alert")).to_contain_text("personal link only")
    link = place.live.link(place.live.campaign.invite("ann", "annotator"), place.url).replace("/#", "/manage#")
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("this needs viewer or admin")
    expect(page.locator("#board")).to_be_hidden()


def test_hostile_names_are_only_text(serve: Serve) -> None:
    place = serve(classes=(*HOSTILE, "other"), people=HOSTILE, page=f"title = '''{HOSTILE[0]}'''")
    page = place.open()
    expect(page.locator("#title")).to_have_text(HOSTILE[0])
    expect(page.locator("#annotators tbody")).to_contain_text(HOSTILE[1])
    expect(page.locator("#confusion")).to_contain_text(HOSTILE[2])
    page.get_by_role("button", name="Most disputed").click()
    expect(page.locator("#images .votes")).not_to_have_count(0)
    assert page.locator("main script, main img:not([alt])").count() == 0


@pytest.mark.parametrize("n_classes", [2, 200])
def test_everybody_can_use_it(serve: Serve, n_classes: int) -> None:
    names = ["circle", "square", "a triangle with a remarkably long name for a class of shapes"]
    classes = [*names, *(f"class {y}" for y in range(197))][:n_classes]
    people = ("ann", "bob", "somebody-with-a-very-long-name-of-more-than-forty-letters@example.org")
    page = serve(classes=classes, people=people, n_gold=0).open()
    expect(page.locator("#images .card")).not_to_have_count(0)
    for viewport, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light")):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(page.locator("#curves canvas")).to_have_count(3)
        check_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("scheme", "n_classes"), [("light", 11), ("dark", 30)])
def test_a_phone_shows_a_part_at_a_time_and_all_of_it(serve: Serve, scheme: str, n_classes: int) -> None:
    classes = ["a triangle with a remarkably long name for a class of shapes", *(f"class {y}" for y in range(29))]
    people = ("somebody-with-a-very-long-name-of-more-than-forty-letters@example.org", *(f"Ann {j}" for j in range(59)))
    place = serve(classes=classes[:n_classes], people=people)
    for name in people:
        place.live.campaign.invite(name, "annotator")
    page = place.open(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True)
    expect(page.locator("#images .card")).not_to_have_count(0)
    titles = {
        "Progress": ["How it goes", "Over time"],
        "Annotators": ["Annotators", "What is confused with what"],
        "Images": ["Images to look at"],
        "Settings": ["Settings", "People", "Labels so far"],
    }
    for part, shown in titles.items():
        page.get_by_role("navigation").get_by_role("button", name=part).tap()
        assert page.locator("h2:visible").all_text_contents() == shown
        check_accessible(page)
        assert page.evaluate(STICKING_OUT) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(TOO_SMALL) == []

    page.get_by_role("button", name="Invite people").tap()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.locator("#invitations li")).to_have_count(20)
    page.get_by_role("button", name="Show more (41 left)").tap()
    expect(page.locator("#invitations li")).to_have_count(61)

    page.get_by_role("navigation").get_by_role("button", name="Annotators").tap()
    page.get_by_label("Sort by").select_option("Name")
    expect(page.locator("#annotators .who").first).to_have_text("Ann 0")
    page.get_by_role("button", name="Ban Ann 0").tap()
    expect(page.get_by_role("button", name="Let back in Ann 0")).to_be_visible()
    assert page.evaluate(STICKING_OUT) == []


def test_a_wide_screen_shows_all_parts(serve: Serve) -> None:
    page = serve().open()
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.get_by_label("Sort by")).to_be_hidden()
    expect(page.locator("h2:visible")).to_have_count(8)
    page.get_by_role("button", name="Invite people").click()
    expect(page.locator("h2:visible")).to_have_count(8)


def test_few_answers_are_no_finding(serve: Serve) -> None:
    page = serve().open()
    root = page.locator("#confusion")
    expect(root.locator("table")).to_be_visible()
    told = {"classes": ["cat", "other"], "n": [40, 1], "shares": [[0.9, 0.1], [1, 0]]}
    top = [{"truth": 0, "label": 1, "share": 0.1, "n": 4}, {"truth": 1, "label": 0, "share": 1, "n": 1}]
    page.evaluate(
        "async (told) => (await import('/static/manage/confusion.js')).showConfusion(told)", told | {"top": top}
    )
    expect(root.locator("td.right, td.wrong")).to_have_text(["90", "10"])
    expect(root.locator("li")).to_have_text(["cat called other10 % (4)"])


def test_from_empty_to_finished_without_a_reload(serve: Serve) -> None:
    place = serve(people=())
    page = place.open()
    expect(page.locator("#state")).to_have_text("Running")
    expect(page.locator("#curves")).to_contain_text("Curves come with the first answers")
    expect(page.locator("#annotators")).to_contain_text("Nobody has joined yet")
    check_accessible(page)

    answer(place.live, ("ann",))
    place.live.campaign.pause()
    expect(page.locator("#state")).to_have_text("Paused")
    expect(page.locator("#annotators tbody tr")).to_have_count(1)
    check_accessible(page)

    place.live.campaign.change(max_risk=1)
    place.live.campaign.refresh()
    expect(page.locator("#state")).to_have_text("Finished: no image is open")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.locator(".headline")).to_contain_text("100 %")
    check_accessible(page)
