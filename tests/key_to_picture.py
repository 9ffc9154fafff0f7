"""How long it takes from a key to the next picture on the screen, over a slow line, as the browser itself sees it."""

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
