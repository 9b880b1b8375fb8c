"""axe finds nothing on any page of the site, in both languages and both themes, wide and narrow."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser

SIGNED_OUT = [
    "/",
    "/account/login/",
    "/account/signup/",
    "/account/password/reset/",
    "/library/",
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
CLINICIAN = ["/review/", "/library/"]
ADMINISTRATOR = [
    "/console/",
    "/console/people/",
    "/console/conversations/",
    "/console/cases/",
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
