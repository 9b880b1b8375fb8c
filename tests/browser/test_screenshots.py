"""Pictures of every page of the way through, narrow and wide, in both languages and themes; looked at by eye.

``CONSULT_TEST_SCREENSHOTS=docs/screenshots pytest tests/browser/test_screenshots.py tests/browser/test_documents.py``
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.browser.conftest import OpenPage, Picture
from tests.browser.steps import ANSWER, COME_DUE, begin, sign_up

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.live import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

QUESTION = {
    "en": "I've had a sore throat for three days, what can I do at home?",
    "zh-hans": "我嗓子疼了三天，在家可以怎么办？",
}
EMERGENCY = {"en": "I have crushing chest pain going down my left arm", "zh-hans": "我胸口压榨样疼痛，放射到左臂"}
REMARK = {"en": "My knee hurts on stairs", "zh-hans": "我下楼梯时膝盖疼"}
LOOKS = [("en", "light", 1280), ("en", "dark", 320), ("zh-hans", "light", 320), ("zh-hans", "dark", 1280)]


def suffix(language: str, scheme: str, width: int) -> str:
    """Nothing for the look that the README shows."""
    return "" if (language, scheme, width) == LOOKS[0] else f"-{language[:2]}-{scheme}-{width}"


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_the_way_through(
    open_page: OpenPage, picture: Picture, live_site: LiveSite, language: str, scheme: str, width: int
) -> None:
    page = open_page(language=language, scheme=scheme, width=width, height=820 if width > 600 else 640)
    taken = []

    def take(name: str, path: str = "", *, whole: bool = True) -> None:
        if path:
            page.goto(path)
        taken.append(picture(page, name + suffix(language, scheme, width), whole=whole))

    take("landing", "/")
    take("sign-up", "/account/signup/")
    take("with-an-adult", "/with-an-adult/")
    take("unreachable", "/unreachable/")
    sign_up(page, f"p{uuid4().hex[:8]}")
    take("consent")
    page.locator("#agree").check()
    page.locator("main form button.btn-primary").click()
    take("about-me", "/about-me/")
    take("interview", "/chat/interview/")
    answer_the_interview(page, REMARK[language])
    take("interview-check")
    begin(page, QUESTION[language])
    page.locator(ANSWER).first.wait_for(timeout=300_000)
    page.wait_for_timeout(300)
    take("chat", whole=False)
    page.locator(".conversation-tools summary").first.click()
    page.locator("button[name=days][value='1']").click()
    live_site.manage("shell", "-c", COME_DUE)
    take("copies", f"{page.url}copy/")
    begin(page, EMERGENCY[language])
    page.locator(".care-card.level-emergency").wait_for()
    take("emergency", whole=False)
    take("start", "/chat/")
    page.locator(".notice-ask a").first.click()
    take("how")
    assert all(path.stat().st_size > 2_000 for path in taken)


def answer_the_interview(page: Page, words: str) -> None:
    page.locator("input[type=radio][value='self']").check()
    page.locator("button[value='next']").click()
    page.locator("#answer").fill(words)
    while page.locator("button[value='next']").count():
        if page.locator("input[type=radio][value='unsure']").count():
            page.locator("input[type=radio][value='unsure']").check()
        page.locator("button[value='next']").click()


@pytest.mark.parametrize(("user", "path", "name"), [("chen", "/review/", "queue"), ("olu", "/console/", "console")])
def test_the_pages_of_staff(open_page: OpenPage, picture: Picture, user: str, path: str, name: str) -> None:
    page = open_page(user, width=1440, height=860)
    page.goto(path)
    first = page.locator("#queue-list a").first
    if name == "queue" and first.count():
        first.click()
        page.wait_for_load_state()
    assert picture(page, name).stat().st_size > 10_000
