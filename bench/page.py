"""How heavy and how steady the patient's page is: ``python -m bench.page [--answers 3] [--loads 5]``.

Starts an installation of its own and opens the chat page in Chromium. Prints one line of JSON: bytes over the wire
with an empty cache, first contentful paint with the processor slowed four times (median and worst), and the layout
shift while answers are written (the largest window, as Core Web Vitals count it, and the sum). Exit status 1 where a
budget is not met. Knows nothing of what the answers say.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import TYPE_CHECKING, Any

from tests import browsers
from tests.live import LiveSite

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

BYTES_MOST, PAINT_MS_MOST, SHIFT_MOST = 120 * 1024, 1000, 0.1
SLOWED = 4
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
QUESTIONS = (
    "I've had a sore throat for three days, what can I do at home?",
    "What helps against a blocked nose?",
    "My knee hurts when I walk down stairs. What can I do?",
)
# Shifts within one second of each other, and at most five seconds together, make a window.
WATCH_SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push([one.startTime, one.value]);
  }).observe({ type: "layout-shift", buffered: true });
}"""


def main() -> int:
    """Measure, print, and compare with the budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--answers", type=int, default=3)
    options = parser.parse_args()
    with LiveSite() as site, browsers.browser() as browser:
        found = measure(browser, site, options.loads, options.answers)
    print(json.dumps(found))
    good = found["bytes"] <= BYTES_MOST and found["paint_ms"] < PAINT_MS_MOST
    return 0 if good and all(one < SHIFT_MOST for one in found["shift"].values()) else 1


def measure(browser: Browser, site: LiveSite, loads: int, answers: int) -> dict[str, Any]:
    """All figures."""
    context = sign_in(browser, site, DESKTOP)
    page = context.new_page()
    begin(page, QUESTIONS[0])
    paints = [paint(context, page.url) for _ in range(loads)]
    phone = sign_in(browser, site, PHONE)
    shift = {"desktop": shifts(context.new_page(), answers), "phone": shifts(phone.new_page(), answers)}
    return {
        "bytes": weigh(context, page.url),
        "paint_ms": round(statistics.median(paints)),
        "paint_ms_worst": round(max(paints)),
        "shift": {name: round(window, 4) for name, (window, _sum) in shift.items()},
        "shift_sum": {name: round(total, 4) for name, (_window, total) in shift.items()},
    }


def sign_in(browser: Browser, site: LiveSite, viewport: Any) -> BrowserContext:
    """A browser of Alice's."""
    context = browser.new_context(viewport=viewport, base_url=site.url)
    page = context.new_page()
    page.goto(site.sign_in_link("alice"))
    page.locator("main form button").click()
    if page.locator("#agree").count():
        page.locator("#agree").check()
        page.locator("main form button.btn-primary").click()
    page.close()
    return context


def begin(page: Page, text: str) -> None:
    """A conversation with an answer in it."""
    page.goto("/chat/")
    page.locator("#start-text").fill(text)
    page.locator("main form button.btn-primary").click()
    answered(page, 1)


def answered(page: Page, count: int) -> None:
    """Wait until so many answers stand whole."""
    page.locator(".message-software[data-id]").nth(count - 1).wait_for(timeout=180_000)
    page.wait_for_timeout(500)


def weigh(context: BrowserContext, url: str) -> int:
    """Bytes of everything that the page loads, as they come over the wire, with an empty cache."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url, wait_until="networkidle")
    page.close()
    return round(sum(sizes))


def paint(context: BrowserContext, url: str) -> float:
    """Milliseconds to the first content, on a slow processor and with an empty cache."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(url)
    script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    page.wait_for_function(script)
    found = float(page.evaluate(script))
    page.close()
    return found


def shifts(page: Page, answers: int) -> tuple[float, float]:
    """Layout shift from a first question until the last answer stands: the largest window, and the sum."""
    page.goto("/chat/")
    page.locator("main form button[name=attach]").click()
    page.wait_for_url("**/documents/")
    page.goto(page.url.removesuffix("documents/"))
    page.evaluate(WATCH_SHIFTS)
    for number in range(answers):
        page.locator("#composer textarea").fill(QUESTIONS[number % len(QUESTIONS)])
        page.keyboard.press("Enter")
        answered(page, number + 1)
    return largest_window(page.evaluate("window.shifts"))


def largest_window(found: list[tuple[float, float]]) -> tuple[float, float]:
    """Of (when in ms, value) in order: the largest sum of one window, and of all."""
    best = window = begun = last = 0.0
    for when, value in found:
        if when - last > 1000 or when - begun > 5000:
            window, begun = 0.0, when
        window, last = window + value, when
        best = max(best, window)
    return best, sum(value for _when, value in found)


if __name__ == "__main__":
    sys.exit(main())
