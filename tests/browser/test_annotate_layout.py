"""The annotator's page as it looks: for fingers and screen readers, on phones, enlarged, with pictures of any shape."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from askless.core.risk import StopReason
from askless.store.entries import Kind
from browser_place import PHONE, Serve, press, shown, wait_until_sent
from served_campaign import draw

pytestmark = pytest.mark.slow


def test_touch_answers_and_nothing_is_wider_than_a_phone(serve: Serve) -> None:
    names = [
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "A name of several words that goes on and on",
        *map(str, range(18)),
    ]
    place = serve(
        n_items=6, classes=names, page='title = "A very long title of a campaign, longer than any phone is wide"'
    )
    page = place.open(viewport=PHONE, has_touch=True, is_mobile=True)
    shown(page)
    for button in page.locator("#work button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    page.get_by_role("button", name="Donau").tap()
    wait_until_sent(page)
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [0]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for opener in ("#open-guide", "#open-settings"):
        page.click(opener)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("width", "height"), [(320, 200), (740, 360)], ids=["enlarged four times", "phone on its side"]
)
def test_there_is_room_for_the_picture_in_a_low_window(serve: Serve, width: int, height: int) -> None:
    place = serve(n_items=4, classes=[f"class {number}" for number in range(20)])
    page = place.open(viewport={"width": width, "height": height})
    shown(page)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    assert box["height"] >= height / 2
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("button", name="class 19").click()
    page.get_by_role("button", name="Broken image").click()
    wait_until_sent(page)
    assert len(place.entries(Kind.ANSWERED, Kind.SKIPPED)) == 2


def check(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


TABLES = (
    {"name": "circle", "description": "Round.", "examples": ["images/0.png"], "parent": "round"},
    {"name": "square", "parent": "with corners"},
    "triangle",
    "other",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_questions_and_dialogs_are_accessible(serve: Serve, scheme: str) -> None:
    page = serve(n_items=4, classes=TABLES, instructions="# How\n\nLook.").open(color_scheme=scheme)
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_visible()
    check(page)
    start.click()
    press(page, "1")
    check(page)
    for opener in ("#open-guide", "#open-settings"):
        page.click(opener)
        check(page)
        page.keyboard.press("Escape")


def test_notices_are_accessible(serve: Serve) -> None:
    place = serve(n_items=4, settings="sampler.max_per_item = 1")
    context = place.browser()
    page = context.new_page()
    page.goto(place.url)
    expect(page.locator("#notice h2")).to_have_text("You need your personal link")
    check(page)
    for token in ("unknown", "%E0%A4%A", "\u2603"):
        page.goto(f"{place.url}/#{token}")
        expect(page.locator("#notice h2")).to_have_text("This link has ended")
    page.goto(place.link())
    shown(page)
    page.click("#rest")
    check(page)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    for _ in range(4):
        press(page, "1")
    expect(page.locator("#notice h2")).to_have_text("No connection")
    check(page)
    place.live.campaign.pause()
    context.set_offline(False)
    expect(page.locator("#notice h2")).to_have_text("Paused", timeout=10_000)
    place.live.campaign.resume()
    expect(page.locator("#notice h2")).to_have_text("Nothing to answer just now", timeout=10_000)
    check(page)
    place.live.campaign.stop(StopReason.BUDGET)
    expect(page.locator("#notice h2")).to_have_text("All done. Thank you!", timeout=10_000)


def test_who_did_not_qualify_is_thanked_and_takes_nothing_back(serve: Serve) -> None:
    settings = "annotators.n_qualification = 2\nannotators.qualification_share = 1.0"
    place = serve(n_items=8, n_gold=4, settings=settings)
    page = place.open()
    for _ in range(2):
        press(page, "n")
    expect(page.locator("#notice h2")).to_have_text("Thank you for taking part")
    expect(page.get_by_role("button", name="Undo the last answer")).to_have_count(0)
    check(page)
    page.keyboard.press("Backspace")
    wait_until_sent(page)
    expect(page.locator("#notice h2")).to_have_text("Thank you for taking part")
    assert len(place.entries(Kind.ANSWERED)) == 2
    assert not place.entries(Kind.UNDONE)
    page.goto(f"{place.url}/nothing")
    expect(page.locator("#notice h2")).to_have_text("There is nothing here")
    check(page)


def test_a_server_that_is_away_is_waited_for(serve: Serve) -> None:
    place = serve(n_items=20)
    context = place.browser()
    page = context.new_page()
    context.route("**/api/**", lambda route: route.abort())
    page.goto(place.link())
    expect(page.locator("#notice h2")).to_have_text("No connection")
    context.unroute("**/api/**")
    for _ in range(8):
        press(page, "1")
        context.route("**/api/batches", lambda route: route.abort())
    expect(page.locator("#notice h2")).to_have_text("No connection")
    context.unroute("**/api/batches")
    press(page, "1")


def test_a_search_field_is_accessible(serve: Serve) -> None:
    place = serve(n_items=4, classes=[f"class {number}" for number in range(40)])
    page = place.open()
    press(page, "Space")
    page.fill("#class-search", "class 7")
    check(page)
    press(page, "Enter")
    check(page)


def test_pictures_of_any_shape_fit_and_can_be_looked_at_closely(serve: Serve) -> None:
    place = serve(pictures=[draw(0, (80, 1600)), draw(1, (1600, 60)), draw(2, (8, 8))])
    page = place.open()
    for _ in range(3):
        shown(page)
        stage, picture = page.locator("#stage").bounding_box(), page.locator("#stage img").bounding_box()
        assert stage is not None
        assert picture is not None
        assert picture["width"] <= stage["width"]
        assert picture["height"] <= stage["height"]
        page.keyboard.press("z")
        enlarged = page.locator("#stage img").bounding_box()
        assert enlarged is not None
        assert enlarged["width"] == pytest.approx(3 * picture["width"], rel=0.01)
        page.wait_for_function(
            "() => [8, 1600].includes(Math.max(...['Width', 'Height'].map(s => document.images[0][`natural${s}`])))"
        )
        sharp = page.locator("#stage img").bounding_box()
        assert sharp == enlarged
        press(page, "1")
