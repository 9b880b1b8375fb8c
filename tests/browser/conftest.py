"""Chromium, where one is installed, and people signed in to the live site by link."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.live import LiveSite

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

OpenPage = Callable[..., "Page"]


def chromium_path() -> str | None:
    """The browser of this machine, or the one that CHROMIUM names."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the run."""
    path = chromium_path()
    if path is None:
        pytest.skip("Chromium is not installed: browser tests are not run")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, live_site: LiveSite) -> Iterator[OpenPage]:
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
        cookies = [{"name": "django_language", "value": language, "url": live_site.url}]
        if large:
            cookies.append({"name": "text_size", "value": "large", "url": live_site.url})
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: _same_host(request.url, live_site.url, problems))
        if user:
            sign_in(page, live_site, user, language)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def _same_host(url: str, home: str, problems: list[str]) -> None:
    if not url.startswith((home, home.replace("http", "ws"), "data:", "blob:")):
        problems.append(f"asked {url}")


def sign_in(page: Page, site: LiveSite, user: str, language: str = "en") -> None:
    """By one-time link, with consent where a patient has not given it; then in ``language``."""
    page.goto(site.sign_in_link(user))
    page.locator("main form button").click()
    if page.url.endswith("/consent/") and page.locator("#agree").count():
        page.locator("#agree").check()
        page.locator("main form button.btn-primary").click()
    choose_language(page, language)


def choose_language(page: Page, language: str) -> None:
    """By the button of the page: the account keeps it too."""
    button = page.locator(f'button[name="language"][value="{language}"]').first
    if button.count():
        if page.locator("details.menu").count():
            page.locator("details.menu > summary").click()
        button.click()
