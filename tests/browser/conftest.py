"""One Chromium, people signed in to the live site by link, and pictures of what they see."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests import browsers
from tests.environment import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.live import LiveSite

OpenPage = Callable[..., "Page"]
Picture = Callable[..., Path]
Cookies = Callable[[str], list[Any]]
SIGNED_IN_S = 300  # a copy of a conversation asks for a fresher sign-in than the rest


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the run."""
    with browsers.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def cookies_of(chromium: Browser, live_site: LiveSite) -> Cookies:
    """``cookies_of("alice")``: signed in, and a patient has agreed. Asking for a link takes seconds, so that one
    sign-in serves all tests of some minutes."""
    known: dict[str, tuple[float, list[Any]]] = {}

    def of(user: str) -> list[Any]:
        at, cookies = known.get(user, (0.0, []))
        if time.monotonic() - at > SIGNED_IN_S or not cookies:
            known[user] = time.monotonic(), sign_in(chromium, live_site, user)
        return known[user][1]

    return of


def sign_in(chromium: Browser, site: LiveSite, user: str) -> list[Any]:
    """By one-time link; what the site then keeps in the browser, but for language and text size."""
    context = chromium.new_context(base_url=site.url)
    page = context.new_page()
    page.goto(site.sign_in_link(user))
    page.locator("main form button").click()
    if page.url.endswith("/consent/") and page.locator("#agree").count():
        page.locator("#agree").check()
        page.locator("main form button.btn-primary").click()
    cookies = [one for one in context.cookies() if one.get("name") not in ("django_language", "text_size")]
    context.close()
    return cookies


@pytest.fixture
def open_page(chromium: Browser, live_site: LiveSite, cookies_of: Cookies) -> Iterator[OpenPage]:
    """``open_page(user, language=, scheme=, width=, height=, large=, javascript=)``: a fresh browser on the site.

    A page that logs an error, or asks another host for anything, fails the test.
    """
    contexts = []
    problems: list[str] = []

    def opened(
        user: str = "", *, language: str = "en", scheme: str = "light", width: int = 1280, height: int = 800,
        large: bool = False, javascript: bool = True,
    ) -> Page:  # fmt: skip
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=javascript,
            base_url=live_site.url, reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        chosen = {"django_language": language, **({"text_size": "large"} if large else {})}
        context.add_cookies([{"name": name, "value": value, "url": live_site.url} for name, value in chosen.items()])
        if user:
            context.add_cookies(cookies_of(user))
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: _same_host(request.url, live_site.url, problems))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def _same_host(url: str, home: str, problems: list[str]) -> None:
    if not url.startswith((home, home.replace("http", "ws"), "data:", "blob:")):
        problems.append(f"asked {url}")


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """``picture(page, name)`` keeps what is on the screen, or the ``whole`` page, small: in 256 colours.

    ``CONSULT_TEST_SCREENSHOTS=docs/screenshots`` names the folder; without it they go to pytest's own.
    """
    kept = os.environ.get("CONSULT_TEST_SCREENSHOTS")
    folder = ROOT / kept if kept else tmp_path

    def take(page: Page, name: str, *, whole: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        seen = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
        path = folder / f"{name}.png"
        seen.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        return path

    return take
