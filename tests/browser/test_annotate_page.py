"""The annotator's page in a real Chromium: people answer by keyboard, lose their connection, and come back."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from askless.store.entries import Kind
from askless.types import Answer, SkipReason
from browser_place import Serve, press, shown, wait_until_sent
from key_to_picture import measure, search_times, slow_down, thousand_classes, type_slowly, watch_search
from served_campaign import CLASSES

pytestmark = pytest.mark.slow

COUNT_COMMITS = """() => {
  const { commit } = IDBTransaction.prototype;
  window.nCommits = 0;
  IDBTransaction.prototype.commit = function () { window.nCommits++; return commit.call(this); };
}"""
PRESS_AND_LEAVE = """() => {
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "1", code: "Digit1", bubbles: true }));
  location.reload();
}"""


def test_sixty_labels_by_keyboard_are_in_the_log(serve: Serve) -> None:
    place = serve(n_items=60, settings="sampler.max_per_item = 1", page="shuffle_classes = false")
    page = place.open()
    for number in range(60):
        press(page, str(1 + number % 3))
    expect(page.locator("#notice h2")).to_have_text("Nothing to answer just now")
    wait_until_sent(page)
    answered = place.entries(Kind.ANSWERED)
    assert [entry.label for entry in answered] == [number % 3 for number in range(60)]
    assert len({entry.item for entry in answered}) == 60
    assert all(entry.response_ms is not None and 0 <= entry.response_ms < 10_000 for entry in answered)


def test_no_request_stands_between_a_key_and_the_next_picture(serve: Serve) -> None:
    """One round trip of 100 ms would show; `benchmarks/page_latency.py` measures the figure itself."""
    place = serve(n_items=40)
    page = place.browser().new_page()
    slow_down(page)
    page.goto(place.link())
    times = measure(page, 20, pause_ms=100)
    assert times[len(times) // 2] < 100, times  # what stands between would add to every one


def test_other_answers_have_keys_of_their_own(serve: Serve) -> None:
    place = serve(n_items=6)
    page = place.open()
    for key in ("Space", "u", "b", "n"):
        press(page, key)
    wait_until_sent(page)
    skipped = [(entry.payload or {}).get("reason", SkipReason.SKIP) for entry in place.entries(Kind.SKIPPED)]
    assert skipped == [SkipReason.SKIP, SkipReason.UNSURE, SkipReason.BROKEN]
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [3]  # the class `other`


def test_without_a_class_other_none_of_these_is_a_reason(serve: Serve) -> None:
    place = serve(n_items=3, classes=CLASSES)
    page = place.open()
    press(page, "n")
    wait_until_sent(page)
    (entry,) = place.entries(Kind.SKIPPED)
    assert entry.payload == {"reason": SkipReason.NONE_OF_THESE}


def test_an_answer_is_taken_back_and_given_anew(serve: Serve) -> None:
    place = serve(n_items=8, page="shuffle_classes = false")
    page = place.open()
    first = shown(page)
    press(page, "1")
    press(page, "1")
    press(page, "Backspace")
    press(page, "Control+z")
    assert shown(page) == first
    press(page, "2")
    wait_until_sent(page)
    answered = place.entries(Kind.ANSWERED)
    assert [entry.label for entry in answered] == [0, 0, 1]
    assert [entry.item for entry in place.entries(Kind.UNDONE)] == [answered[1].item, answered[0].item]
    assert answered[2].item == answered[0].item
    expect(page.locator("#progress")).to_have_text("1 answered")


def test_twenty_answers_can_be_taken_back_and_no_more(serve: Serve) -> None:
    place = serve(n_items=30)
    page = place.open()
    for _ in range(21):
        press(page, "1")
    for _ in range(20):
        press(page, "Backspace")
    expect(page.locator("#do-undo")).to_be_disabled()
    wait_until_sent(page)
    expect(page.locator("#progress")).to_have_text("1 answered")


def test_ten_answers_offline_a_closed_tab_and_thrice_the_same_are_ten_in_the_log(serve: Serve) -> None:
    place = serve(n_items=30, page="ahead = 12")
    context, link = place.browser(), place.link()
    page = context.new_page()
    page.goto(link)
    shown(page)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    for _ in range(10):
        press(page, "1")
    expect(page.locator("#sync")).to_have_text("Offline: 10 kept here")
    page.close()
    context.set_offline(False)
    assert not place.entries(Kind.ANSWERED)

    n_sent = 0

    def send_thrice(route: Any) -> None:
        nonlocal n_sent
        for _ in range(2):
            route.fetch()
        n_sent += len(json.loads(route.request.post_data)["events"])
        route.continue_()

    context.route("**/api/events", send_thrice)
    page = context.new_page()
    page.goto(link)
    wait_until_sent(page)
    shown(page)
    expect(page.locator("#progress")).to_have_text("10 answered")
    assert n_sent == 10
    answered = place.entries(Kind.ANSWERED)
    assert (
        len(answered) == len({entry.item for entry in answered}) == len({entry.answer_id for entry in answered}) == 10
    )


def test_an_answer_whose_acknowledgement_is_lost_is_kept_once(serve: Serve) -> None:
    place = serve(n_items=8)
    context = place.browser()
    page = context.new_page()
    page.goto(place.link())
    shown(page)

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    context.route("**/api/events", lose, times=1)
    press(page, "1")
    expect(page.locator("#sync")).to_have_text("Offline: 1 kept here")
    wait_until_sent(page)
    assert len(place.entries(Kind.ANSWERED)) == 1


def test_an_answer_given_as_the_page_is_left_is_kept(serve: Serve) -> None:
    """Without time for anything but the key itself: what is on its way to this device's disk arrives there."""
    place = serve(n_items=20, settings="sampler.max_per_item = 1", page="shuffle_classes = false")
    page = place.open()
    shown(page)
    page.evaluate(COUNT_COMMITS)
    press(page, "1")
    assert page.evaluate("nCommits") == 1
    for _ in range(16):
        shown(page)
        with page.expect_navigation():
            page.evaluate(PRESS_AND_LEAVE)
    press(page, "1")
    wait_until_sent(page)
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [0] * 18


def test_what_waits_on_a_device_goes_out_with_a_new_link_of_the_same_person(serve: Serve) -> None:
    place = serve(n_items=24)
    context = place.browser()
    page = context.new_page()
    page.goto(place.link("ann"))
    context.route("**/api/events", lambda route: route.abort())
    press(page, "1")
    expect(page.locator("#sync")).to_have_text("Offline: 1 kept here")  # and so it is on disk
    page.close()
    context.unroute("**/api/events")
    for name, n_answers in (("bob", 0), ("ann", 1)):
        page = context.new_page()
        page.goto(place.link(name))
        shown(page)
        wait_until_sent(page)
        assert len(place.entries(Kind.ANSWERED)) == n_answers


def test_two_browsers_never_hold_the_same_image(serve: Serve) -> None:
    place = serve(n_items=40, settings="sampler.max_per_item = 1")
    pages = [place.open(name) for name in ("ann", "bob")]
    for _ in range(12):
        for page in pages:
            press(page, "1")
    for page in pages:
        wait_until_sent(page)
    answered = place.entries(Kind.ANSWERED)
    assert len(answered) == len({entry.item for entry in answered}) == 24
    held: set[int] = set()
    for batch in place.live.campaign.leased():
        assert not held & set(batch.items)
        held |= set(batch.items)


def test_the_newest_tab_works_and_the_older_one_says_so(serve: Serve) -> None:
    place = serve(n_items=8)
    context, link = place.browser(), place.link()
    older, newer = context.new_page(), context.new_page()
    older.goto(link)
    shown(older)
    newer.goto(link)
    expect(older.locator("#notice h2")).to_have_text("You went on in another tab")
    press(newer, "1")


def test_keys_can_be_changed_and_switched_off(serve: Serve) -> None:
    place = serve(n_items=8, page="shuffle_classes = false")
    page = place.open()
    before = shown(page)
    page.click("#open-settings")
    page.get_by_role("button", name="Key for circle: 1").click()
    page.keyboard.press("x")
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("1")
    assert shown(page) == before
    press(page, "x")
    page.reload()
    press(page, "x")
    wait_until_sent(page)
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [0, 0]

    page.click("#open-settings")
    page.get_by_label("Answer with single keys").uncheck()
    page.keyboard.press("Escape")
    before = shown(page)
    page.keyboard.press("x")
    page.keyboard.press("Space")
    assert shown(page) == before
    page.get_by_role("button", name="circle", exact=True).click()
    wait_until_sent(page)
    assert len(place.entries(Kind.ANSWERED)) == 3


def test_an_answer_may_want_to_be_confirmed(serve: Serve) -> None:
    place = serve(n_items=8, page="shuffle_classes = false\nconfirm = true")
    page = place.open()
    before = shown(page)
    page.keyboard.press("1")
    page.keyboard.press("2")
    assert shown(page) == before
    expect(page.get_by_role("button", name="square")).to_have_attribute("aria-pressed", "true")
    press(page, "Enter")
    wait_until_sent(page)
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [1]


def test_a_thousand_classes_are_found_by_typing_without_a_wait(serve: Serve) -> None:
    """A request for each key would show; `benchmarks/page_latency.py` measures the figure itself."""
    place = serve(n_items=8, classes=[*thousand_classes(), "Ünïcorn", "other"])
    page = place.open()
    shown(page)
    watch_search(page)
    for query, first in (
        ("rose 77", "rose of kind 77"),
        ("alias 3 gear", "gear of kind 3"),
        ("unic", "Ünïcorn"),
        ("unocorn", "Ünïcorn"),
    ):
        type_slowly(page, query)
        expect(page.locator(".option span").first).to_have_text(first)
        assert page.locator(".option").count() <= 50
    times = search_times(page)
    assert times[len(times) // 2] < 250, times
    press(page, "Enter")
    wait_until_sent(page)
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [1000]
    press(page, "1")  # the class used last
    wait_until_sent(page)
    assert [entry.label for entry in place.entries(Kind.ANSWERED)] == [1000, 1000]


def test_time_with_the_guide_open_is_no_response_time(serve: Serve) -> None:
    place = serve(n_items=4, instructions="# How\n\nLook **well**.")
    page = place.open()
    start = time.monotonic()
    page.get_by_role("button", name="Start").click()
    shown(page)
    page.keyboard.press("h")
    expect(page.locator("#guide strong")).to_have_text("well")
    time.sleep(2)
    page.keyboard.press("h")
    press(page, "1")
    all_ms = 1000 * (time.monotonic() - start)
    wait_until_sent(page)
    (entry,) = place.entries(Kind.ANSWERED)
    assert entry.response_ms is not None
    assert entry.response_ms < all_ms - 2000


def test_the_guide_ends_with_what_is_none_of_its_classes(serve: Serve) -> None:
    names = [
        {"name": name, "description": "None of the classes above." * (name == "other")} for name in ("other", "a", "b")
    ]
    page = serve(n_items=4, classes=names, page="shuffle_classes = false").open()
    shown(page)
    page.keyboard.press("h")
    expect(page.locator("#guide dt")).to_have_text(["a", "b", "other"])


NASTY = ("<img src=x onerror=alert(1)>", "<script>alert(2)</script>", "\"'><svg onload=alert(3)>", "{{7*7}}${alert(4)}")


def test_names_are_text_and_instructions_do_nothing(serve: Serve) -> None:
    tables = [{"name": name, "description": name, "aliases": [f"{name}!"], "parent": name} for name in NASTY]
    text = (
        "<script>alert(5)</script> <img src=x onerror=alert(6)> [click](javascript:alert(7)) <b onclick=alert(8)>b</b>"
    )
    place = serve(n_items=6, classes=tables, page=f"title = '{NASTY[0]}'", instructions=text)
    page = place.open(NASTY[1])
    page.get_by_role("button", name="Start").click()
    press(page, "1")
    page.keyboard.press("h")
    expect(page.locator("#guide dt").first).to_be_visible()
    page.keyboard.press("Escape")
    page.click("#open-settings")
    assert page.title() == NASTY[0]
    assert (
        page.locator("script:not([src])").count()
        == page.locator("svg").count()
        == page.locator("[onclick]").count()
        == 0
    )
    assert page.locator("img:not([src^=blob])").count() == page.locator("a[href^=javascript]").count() == 0


def test_a_revoked_link_ends_at_the_next_answer_and_a_ban_says_so(serve: Serve) -> None:
    place = serve(n_items=20)
    page = place.open()
    press(page, "1")
    wait_until_sent(page)
    (invitation,) = place.live.campaign.invitations()
    place.live.campaign.revoke(invitation.id)
    page.keyboard.press("1")
    expect(page.locator("#notice h2")).to_have_text("This link has ended")

    page = place.open("bob")
    shown(page)
    place.live.campaign.ban("bob")
    page.reload()
    expect(page.locator("#notice h2")).to_have_text("No more images for this link")


def test_a_promise_from_the_first_answer_to_the_audit(serve: Serve) -> None:
    settings = "promise.target_accuracy = 0.6\npromise.max_audit_share = 1.0\nsampler.max_per_item = 1"
    place = serve(n_items=6, settings=settings)
    campaign = place.live.campaign
    auditor, notice = place.open("auditor"), "#notice"
    expect(auditor.locator(notice)).to_contain_text("are asked when an audit begins")
    campaign.record("bob", [Answer(i, i % 3, 900) for i in range(6)])
    campaign.refresh()
    ann = place.open("ann")
    expect(ann.locator(notice)).to_contain_text("being checked by an audit, and nothing is asked of you")
    shown(auditor)  # it went on by itself
    manager = place.browser().new_page()
    manager.goto(place.live.link(campaign.invite("boss", "admin"), place.url))
    believed = manager.locator("#figures div", has_text="Accuracy, believed")
    expect(believed).to_contain_text("not checked by gold")
    auditor.keyboard.press("1")
    expect(believed).to_contain_text("audits: ", timeout=15_000)
    expect(believed).to_contain_text(" to 100 %")
    expect(manager.locator("#rests-on")).to_contain_text("An audit is under way, 1 image checked so far")
