"""Pictures of the main pages, for docs/screenshots and for the eye.

``CONSULT_TEST_SCREENSHOTS=docs/screenshots make test-browser`` keeps them; otherwise they go to pytest's own folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from consult.strings import ROOT
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

QUESTION = {
    "en": "I've had a sore throat for three days, what can I do at home?",
    "zh-hans": "我嗓子疼了三天，在家可以怎么办？",
}
EMERGENCY = {"en": "I have crushing chest pain going down my left arm", "zh-hans": "我胸口压榨样疼痛，放射到左臂"}
LOOKS = [("en", "light", 1280), ("en", "dark", 320), ("zh-hans", "light", 320), ("zh-hans", "dark", 1280)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go."""
    kept = os.environ.get("CONSULT_TEST_SCREENSHOTS")
    target = ROOT / kept if kept else tmp_path
    target.mkdir(parents=True, exist_ok=True)
    return target


def ask(page: Page, text: str) -> None:
    page.goto("/chat/")
    page.locator("#start-text").fill(text)
    page.locator("main form button.btn-primary").click()
    page.locator(".message-software[data-id]").first.wait_for(timeout=300_000)
    page.wait_for_timeout(300)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_the_patients_pages(open_page: OpenPage, folder: Path, language: str, scheme: str, width: int) -> None:
    height = 820 if width > 600 else 640
    look = {"language": language, "scheme": scheme, "width": width, "height": height}
    name = ".png" if (language, scheme, width) == LOOKS[0] else f"-{language[:2]}-{scheme}-{width}.png"
    page = open_page(**look)
    page.goto("/")
    page.screenshot(path=folder / f"landing{name}")
    page = open_page("alice", **look)
    page.goto("/chat/")
    page.screenshot(path=folder / f"start{name}")
    ask(page, QUESTION[language])
    page.screenshot(path=folder / f"chat{name}")
    ask(page, EMERGENCY[language])
    page.locator(".care-card.level-emergency").wait_for()
    page.screenshot(path=folder / f"emergency{name}")
    assert len(list(folder.glob(f"*{name}"))) >= 4


@pytest.mark.parametrize(("user", "path", "name"), [("chen", "/review/", "queue"), ("olu", "/console/", "console")])
def test_the_pages_of_staff(open_page: OpenPage, folder: Path, user: str, path: str, name: str) -> None:
    page = open_page(user, width=1440, height=860)
    page.goto(path)
    first = page.locator("#queue-list a").first
    if name == "queue" and first.count():
        first.click()
        page.wait_for_load_state()
    page.screenshot(path=folder / f"{name}.png")
    assert (folder / f"{name}.png").stat().st_size > 10_000
