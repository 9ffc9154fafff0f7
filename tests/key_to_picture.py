"""How long it takes from a key to the next picture, or to what was searched, as the browser itself sees it."""

from playwright.sync_api import Page

SLOW_LINE = {
    "offline": False,
    "latency": 100,  # ms there and back
    "downloadThroughput": 5_000_000 / 8,
    "uploadThroughput": 5_000_000 / 8,
}

WATCH = """() => {
    window.times = [];
    let pressed = null;
    addEventListener("keydown", (event) => (pressed = event.timeStamp), true);
    const stage = document.querySelector("#stage");
    new MutationObserver(() => {
        if (pressed === null || !stage.querySelector("img")) return;
        const since = pressed;
        pressed = null;
        requestAnimationFrame(() => {
            const afterPaint = new MessageChannel();
            afterPaint.port1.onmessage = () => window.times.push(performance.now() - since);
            afterPaint.port2.postMessage(null);
        });
    }).observe(stage, { childList: true });
}"""


def slow_down(page: Page) -> None:
    """From now on the page has a line of 100 ms and 5 Mbit/s."""
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW_LINE)


def measure(page: Page, n_answers: int, pause_ms: int) -> list[float]:
    """Milliseconds for each of so many answers, given after a pause each, in ascending order."""
    page.wait_for_selector("#stage img")
    page.evaluate(WATCH)
    for number in range(n_answers):
        page.wait_for_timeout(pause_ms)
        page.keyboard.press("1")
        page.wait_for_function("n => window.times.length > n", arg=number)
    return sorted(page.evaluate("() => window.times"))


WATCH_SEARCH = """() => {
    window.times = [];
    const field = document.querySelector("#class-search");
    addEventListener("keydown", (event) => (window.pressed = event.timeStamp), true);
    field.addEventListener("input", () => requestAnimationFrame(() => {
        const afterPaint = new MessageChannel();
        afterPaint.port1.onmessage = () => window.times.push(performance.now() - window.pressed);
        afterPaint.port2.postMessage(null);
    }));
}"""


def thousand_classes() -> list[dict[str, object]]:
    return [
        {"name": f"{kind} of kind {number}", "aliases": [f"alias {number} {kind}"], "parent": f"things/{kind}"}
        for kind in ("finch", "gear", "lamp", "rose")
        for number in range(250)
    ]


def watch_search(page: Page) -> None:
    page.wait_for_selector("#class-search")
    page.evaluate(WATCH_SEARCH)


def type_slowly(page: Page, query: str) -> None:
    """A query in place of the one that was there."""
    page.fill("#class-search", "")
    page.locator("#class-search").press_sequentially(query, delay=30)


def search_times(page: Page) -> list[float]:
    """Milliseconds from each key to its result since `watch_search`, in ascending order."""
    return sorted(page.evaluate("() => window.times"))
