"""axe finds nothing on any page of the site, in both languages and both themes, wide and narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage
from tests.browser.steps import COME_DUE, begin, sign_up

if TYPE_CHECKING:
    from tests.live import LiveSite

pytestmark = pytest.mark.browser

SIGNED_OUT = [
    "/",
    "/account/login/",
    "/account/signup/",
    "/account/password/reset/",
    "/library/",
    "/with-an-adult/",
    "/unreachable/",
    "/styleguide/",
    "/sign-in/x/",
    "/nowhere/",
]
PATIENT = [
    "/chat/",
    "/chat/interview/",
    "/about-me/",
    "/consent/",
    "/account/logout/",
    "/account/email/",
    "/account/password/change/",
]
CLINICIAN = ["/review/", "/library/", "/library/literature/", "/library/literature/saved/", "/library/review/"]
ADMINISTRATOR = [
    "/console/",
    "/console/people/",
    "/console/conversations/",
    "/console/cases/",
    "/console/replies/",
    "/console/models/",
    "/console/audit/",
]
LOOKS = [("en", "light", 1280), ("en", "dark", 320), ("zh-hans", "light", 320), ("zh-hans", "dark", 1280)]


def faults(page) -> list[str]:  # type: ignore[no-untyped-def]
    """What axe finds, and whether the page is wider than the screen."""
    found = [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append("wider than the screen")
    if page.evaluate("document.documentElement.lang.toLowerCase()") not in ("en", "zh-hans"):
        found.append("no language")
    return found


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
@pytest.mark.parametrize(
    ("user", "paths"),
    [("", SIGNED_OUT), ("alice", PATIENT), ("chen", CLINICIAN), ("olu", ADMINISTRATOR)],
    ids=["signed out", "patient", "clinician", "administrator"],
)
def test_pages_have_no_fault(
    open_page: OpenPage, user: str, paths: list[str], language: str, scheme: str, width: int
) -> None:
    page = open_page(user, language=language, scheme=scheme, width=width)
    found = {}
    for path in paths:
        page.goto(path)
        if here := faults(page):
            found[path] = here
    assert found == {}


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_a_conversation_with_an_emergency_has_no_fault(
    open_page: OpenPage, language: str, scheme: str, width: int
) -> None:
    page = open_page("bob", language=language, scheme=scheme, width=width)
    page.goto("/chat/")
    page.locator("textarea").fill("I have crushing chest pain going down my left arm")
    page.locator("main form button.btn-primary").click()
    page.locator(".care-card").wait_for()
    assert faults(page) == []


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_the_pages_about_a_conversation_have_no_fault(
    open_page: OpenPage, live_site: LiveSite, language: str, scheme: str, width: int
) -> None:
    page = open_page(language=language, scheme=scheme, width=width)
    sign_up(page, f"p{uuid4().hex[:8]}")
    found = {"agreement": faults(page)}
    page.locator("#agree").check()
    page.locator("main form button.btn-primary").click()
    begin(page, "hello")
    conversation = page.url
    for menu in page.locator(".conversation-tools summary").all():
        menu.click()
        found[menu.inner_text()] = faults(page)
    page.locator(".conversation-tools summary").first.click()
    page.locator("button[name=days][value='1']").click()
    live_site.manage("shell", "-c", COME_DUE)
    for path in (
        f"{conversation}copy/",
        f"{conversation}how/",
        f"{conversation}documents/",
        "/account/reauthenticate/",
    ):
        page.goto(path)
        found[path] = faults(page)
    page.goto(f"{conversation}how/")
    page.locator("main form .btn-primary").click()
    found["how, refused"] = faults(page)
    assert {name: here for name, here in found.items() if here} == {}


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_every_question_of_the_interview_has_no_fault(
    open_page: OpenPage, language: str, scheme: str, width: int
) -> None:
    page = open_page("alice", language=language, scheme=scheme, width=width)
    page.goto("/chat/interview/")
    found = []
    while page.locator("button[value='next']").count():
        found += faults(page)
        if page.locator("#answer").count():
            page.locator("#answer").fill("x")
        elif page.locator("input[type=radio]").count():
            page.locator("input[type=radio]").first.check()
        page.locator("button[value='next']").click()
    assert page.locator("button[value='send']").count() == 1
    assert found + faults(page) == []


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_reviewing_a_topic_has_no_fault(open_page: OpenPage, language: str, scheme: str, width: int) -> None:
    page = open_page("chen", language=language, scheme=scheme, width=width)
    page.goto("/library/review/")
    page.locator(".review-topics a").first.click()
    page.locator("#id_title").wait_for()
    found = faults(page)
    address = page.url
    page.locator("button[value=preview]").click()
    found += faults(page)
    page.goto(f"{address}versions")
    assert found + faults(page) == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_large_text_on_a_narrow_screen_overflows_nowhere(open_page: OpenPage, language: str) -> None:
    page = open_page("alice", language=language, width=320, large=True)
    for path in ["/chat/", "/consent/", "/library/"]:
        page.goto(path)
        assert faults(page) == [], path
        small = page.evaluate(
            """() => [...document.querySelectorAll('.btn, .chip, button')].filter(one => {
                 const box = one.getBoundingClientRect();
                 return box.height > 0 && box.height < 60 && getComputedStyle(one).position !== 'absolute';
               }).map(one => one.outerHTML.slice(0, 80))"""
        )
        assert small == [], path
