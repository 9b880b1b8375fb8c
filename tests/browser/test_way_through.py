"""The way through, line by line, in both languages, on a phone and on a desk: what a patient meets.

One running site for all. The model writes one answer a look; everything else needs none.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils.translation import gettext, override
from fhir.resources.R4B.bundle import Bundle
from playwright.sync_api import TimeoutError as Missed
from playwright.sync_api import expect
from pypdf import PdfReader

from tests.browser.conftest import OpenPage
from tests.browser.steps import ANSWER, COME_DUE, CONVERSATION, begin, confirmed, mine, send

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.live import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LOOKS = [("en", 320), ("en", 1280), ("zh-hans", 320), ("zh-hans", 1280)]
QUESTION = {"en": "What helps against a blocked nose?", "zh-hans": "我嗓子疼了三天，在家可以怎么办？"}
EMERGENCY = {"en": "I have crushing chest pain going down my left arm", "zh-hans": "我胸口压榨样疼痛，放射到左臂"}
REMARK = {"en": "My knee hurts on stairs", "zh-hans": "我下楼梯时膝盖疼"}
ANSWER_MS = 180_000
Look = dict[str, Any]
Say = Callable[[str], str]


@pytest.fixture(params=LOOKS, ids=[f"{language} {width}" for language, width in LOOKS])
def look(request: pytest.FixtureRequest) -> Look:
    language, width = request.param
    return {"language": language, "width": width, "height": 640 if width < 600 else 800}


@pytest.fixture
def words(look: Look) -> Say:
    """``words("Send")`` as this look's language has it."""

    def of(text: str) -> str:
        with override(look["language"]):
            return gettext(text)

    return of


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def in_view(page: Page, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    size = page.viewport_size
    assert size is not None
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= size["width"] and box["y"] >= 0


def test_the_first_page_asks_for_an_emergency_first_and_shows_three_ways_in(
    open_page: OpenPage, look: Look, words: Say
) -> None:
    page = open_page(**look)
    page.goto("/")
    signs = page.locator(".emergency-check li")
    assert signs.count() == 7
    assert signs.first.bounding_box()["y"] < page.locator("h1").bounding_box()["y"]  # type: ignore[index]
    assert float(signs.first.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")) >= 16
    for way in ("Start a conversation", "I'm asking for someone else", "Sign in"):
        expect(page.get_by_text(words(way)).first).to_be_visible()
    assert fits(page)


def test_sign_up_agreement_and_profile(open_page: OpenPage, look: Look, words: Say) -> None:
    page = open_page(**look)
    page.goto("/")
    page.locator("a[href*='signup']").first.click()
    page.locator("#id_username").fill(f"p{uuid4().hex[:10]}")
    page.locator("#id_password1").fill("long-enough-pass-9")
    page.locator("#id_age").select_option("too_young")
    page.locator("main form .btn-primary").click()
    expect(page.locator(".field-error a")).to_have_attribute("href", "/with-an-adult/")
    page.locator("#id_age").select_option("old_enough")
    page.locator("#id_password1").fill("long-enough-pass-9")
    page.locator("main form .btn-primary").click()
    page.wait_for_url("**/consent/")
    expect(page.locator("main")).to_contain_text("2026-11-23")  # the version
    page.locator("main form .btn-primary").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.locator("#agree").check()
    page.locator("main form .btn-primary").click()
    page.wait_for_url("**/chat/")
    page.goto("/about-me/")
    for field in page.locator(".field:has(.field-label)").all():
        assert field.locator(".field-hint").inner_text()  # each says what it is for
    page.locator("#id_birth_year").fill("3000")
    page.locator("main form .btn-primary").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.locator("#id_birth_year").fill("1961")
    page.locator("main form .btn-primary").first.click()
    expect(page.locator("#id_birth_year")).to_have_value("1961")
    page.locator("form[action$='/delete/'] button").click()
    expect(page.locator("#id_birth_year")).to_have_value("")
    assert fits(page)


def test_the_interview_asks_one_question_a_page_and_lets_one_change_the_answers(
    open_page: OpenPage, look: Look, words: Say
) -> None:
    page = open_page("bob", **look)
    page.goto("/chat/")
    assert page.locator(".chips a.chip").count() > 3
    page.locator("a[href='/chat/interview/']").click()
    page.locator("input[type=radio][value='self']").check()
    page.locator("button[value='next']").click()
    page.locator("#answer").fill(REMARK[look["language"]])
    page.locator("button[value='next']").click()
    third = words("Question %(number)s of about %(count)s") % {"number": 3, "count": 7}
    expect(page.locator("main")).to_contain_text(third)
    while page.locator("button[value='next']").count():
        if page.locator("input[type=radio][value='unsure']").count():
            page.locator("input[type=radio][value='unsure']").check()
        page.locator("button[value='next']").click()
    page.locator("button[value='what']").click()
    page.locator("#answer").fill(EMERGENCY[look["language"]])
    page.locator("button[value='next']").click()
    expect(page.locator("main")).to_contain_text(EMERGENCY[look["language"]])
    page.locator("button[value='send']").click()
    page.locator(".care-card.level-emergency").wait_for()
    assert fits(page)


def test_an_answer_is_written_stopped_asked_again_changed_and_judged(
    open_page: OpenPage, look: Look, words: Say
) -> None:
    page = open_page("alice", **look)
    begin(page)
    title = page.title()
    page.evaluate(
        """() => { window.said = []; new MutationObserver(() => {
             const text = document.getElementById('status').textContent; if (text) window.said.push(text);
           }).observe(document.getElementById('status'), { childList: true, subtree: true }); }"""
    )
    assert in_view(page, "#person button")  # a person is always in view
    send(page, QUESTION[look["language"]])
    stop_if_still_written(page)
    again = page.locator("[data-action=again]")
    again.or_(page.locator(ANSWER)).first.wait_for(timeout=20_000)
    expect(page.locator(".message-reply")).to_have_count(0)
    if again.count():
        again.click()
    page.locator("[data-action=helpful]").last.wait_for(timeout=ANSWER_MS)
    answer = page.locator(ANSWER).last
    expect(answer.locator(".message-label")).to_contain_text(words("Written by software"))
    expect(answer.locator(".worsening")).to_be_visible()
    assert page.title() != title  # the conversation has its name
    said = page.evaluate("window.said")
    begun = answer.locator(".bubble p").first.inner_text()[:8]
    assert len([text for text in said if begun in text]) <= 1  # announced once, whole
    answer.locator("a.cite").first.click()
    source = "#sheet .source.is-picked" if look["width"] < 600 else "#side-sources .source.is-picked"
    expect(page.locator(source)).to_be_visible()
    if look["width"] < 600:
        page.keyboard.press("Escape")
    answer.locator("[data-action=unhelpful]").click()
    answer.locator(".message-why .chip").first.click()
    expect(answer.locator(".message-thanks")).to_be_visible()
    page.locator("[data-action=change]").last.click()
    expect(page.locator("#composer-note")).to_contain_text(
        words("Your new version is sent as a new message. The old one stays above.")
    )
    send(page, REMARK[look["language"]])
    confirmed(page)
    expect(page.locator(".message-patient.is-replaced").last).to_contain_text(words("You changed this question later."))
    expect(page.locator(".message-patient .message-label").last).to_contain_text(
        words("new version of an earlier question")
    )
    page.reload()
    assert len(mine(page)) >= 2
    assert fits(page)


def stop_if_still_written(page: Page) -> None:
    """A quick answer may stand before a hand is at the button."""
    stop = page.locator(".message-reply [data-action=stop]")
    stop.or_(page.locator(ANSWER)).first.wait_for(timeout=ANSWER_MS)
    assert page.evaluate("document.getAnimations().length") == 0  # reduced motion is kept
    try:
        stop.click(timeout=2_000)
    except Missed:
        page.locator(ANSWER).first.wait_for(timeout=ANSWER_MS)


def test_nothing_is_lost_offline_in_a_second_tab_on_a_second_device_or_asleep(
    open_page: OpenPage, look: Look, words: Say
) -> None:
    page = open_page("bob", **look)
    page.on("dialog", lambda dialog: dialog.accept())
    begin(page, EMERGENCY[look["language"]])
    second = page.context.new_page()
    second.goto(page.url)
    device = open_page("bob", **look)
    device.goto(page.url)
    page.bring_to_front()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text(
        words("You are offline. What you write is kept here and sent when you are back.")
    )
    send(page, "one")
    page.context.set_offline(False)
    confirmed(page)
    devtools = device.context.new_cdp_session(device)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    send(page, "two")
    confirmed(page)
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    expected = [EMERGENCY[look["language"]], "one", "two"]
    for other in (page, second, device):
        expect(other.locator(".message-patient .bubble")).to_have_text(expected, timeout=25_000)
    expect(page.locator("#connection")).to_be_hidden()


def test_earlier_conversations_are_found_named_taken_along_and_asked_after(
    open_page: OpenPage, look: Look, words: Say, live_site: LiveSite
) -> None:
    page = open_page("bob", **look)
    mark = f"zq{uuid4().hex[:8]}"
    begin(page, f"{EMERGENCY[look['language']]} {mark}")
    address = page.url
    tools = page.locator(".conversation-tools > details")
    tools.first.locator("summary").click()
    assert in_view(page, ".conversation-tools > details[open] .menu-body")
    page.locator("button[name=days][value='1']").click()
    expect(page.locator(".page-messages")).to_contain_text(words("We will ask you then."))
    tools.last.locator("summary").click()
    assert in_view(page, ".conversation-tools > details[open] .menu-body")
    page.locator("#name").fill(f"Name {mark}")
    page.locator("form[action$='/name/'] button").click()
    page.goto("/chat/")
    page.locator("#q").fill(mark)
    page.locator("form[role=search] button").click()
    expect(page.locator(".row-link")).to_have_count(1)
    expect(page.locator(".row-link-title")).to_have_text(f"Name {mark}")
    for kind, opens in (("pdf", opens_pdf), ("fhir", Bundle.model_validate_json), ("json", json.loads)):
        got = page.request.get(f"{address}copy/{kind}/")
        assert got.ok
        opens(got.body())
    live_site.manage("shell", "-c", COME_DUE)
    page.goto("/chat/")
    page.locator(f".notice-ask a[href$='{address.rstrip('/').rsplit('/', 1)[1]}/how/']").click()
    page.locator("main form .btn-primary").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.locator("input[value=better]").check()
    page.locator("main form .btn-primary").click()
    page.wait_for_url(address)
    with override(look["language"]):
        expect(page.locator(".message-system").last).to_contain_text(gettext("It is better."))


def opens_pdf(content: bytes) -> None:
    assert PdfReader(io.BytesIO(content)).pages[0].extract_text()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_keyboard_alone_asks_sends_and_opens_the_menus(open_page: OpenPage, language: str) -> None:
    page = open_page("bob", language=language)
    page.goto("/chat/")
    tab_to(page, "#start-text")
    page.keyboard.type(REMARK[language])
    tab_to(page, "form[action='/chat/new/'] button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url(CONVERSATION)
    tab_to(page, ".conversation-tools details:last-child summary")
    page.keyboard.press("Enter")
    tab_to(page, "#name")
    page.keyboard.press("Escape")
    expect(page.locator(".conversation-tools details[open]")).to_have_count(0)
    tab_to(page, "#composer textarea")
    page.keyboard.type(EMERGENCY[language])
    page.keyboard.press("Enter")
    expect(page.locator(".care-card.level-emergency").last).to_be_focused(timeout=10_000)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until that has the focus; a person would give up after forty."""
    for _ in range(40):
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached by Tab")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_at_four_hundred_percent_one_can_still_write_and_read(open_page: OpenPage, language: str) -> None:
    page = open_page("bob", language=language, width=320, height=200)  # 1280 by 800, four times as large
    begin(page, EMERGENCY[language])
    assert fits(page)
    send(page, REMARK[language])
    confirmed(page)
    assert mine(page)[-1] == REMARK[language]
    page.locator("#composer textarea").scroll_into_view_if_needed()
    box = page.locator("#composer textarea").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 200
