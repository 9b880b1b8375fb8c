"""The ways through the product as its people take them, in a real browser on a running site."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import begin, send

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenPage
    from tests.live import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
QUESTION = "I've had a sore throat for three days, what can I do at home?"
CHEST_PAIN = "I have crushing chest pain going down my left arm"
ANSWER_MS = 150_000  # a bound on the wait, not a target: two busy cores may run the model


def newest_answer(page: Page) -> str:
    """The text of the last finished answer of the software."""
    return page.locator(".message-software:not(.message-reply) .bubble").last.inner_text()


def test_a_patient_sees_the_answer_grow_and_reload_shows_the_same(open_page: OpenPage) -> None:
    page = open_page("alice")
    sent = time.monotonic()
    begin(page, QUESTION)
    page.locator(".message-reply .sentence, .message-software .bubble p").first.wait_for(timeout=ANSWER_MS)
    print(f"\nfirst visible sentence {time.monotonic() - sent:.1f} s after sending")
    page.locator(".message-software .message-sources, .message-software.message-card").first.wait_for(
        state="attached", timeout=ANSWER_MS
    )
    print(f"whole answer {time.monotonic() - sent:.1f} s after sending")
    expect(page.locator(".notice").first).to_contain_text("not a doctor")
    before = newest_answer(page)
    assert "throat" in before.lower()
    assert page.locator(".message-software a.cite").count() >= 1
    page.reload()
    page.locator(".message-software .bubble").first.wait_for()
    assert newest_answer(page) == before


def test_a_source_opens_the_passage_it_names(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page, QUESTION)
    link = page.locator("#side-sources .source a").first
    link.wait_for(timeout=ANSWER_MS)
    page.goto(str(link.get_attribute("href")))
    expect(page.locator("h1").first).to_contain_text("throat", ignore_case=True)


def test_with_model_and_broker_stopped_the_emergency_card_comes_within_a_second(
    open_page: OpenPage, live_site: LiveSite
) -> None:
    page = open_page("bob")
    begin(page)
    live_site.stop("worker-llm")
    live_site.stop("valkey")
    try:
        page.wait_for_timeout(1500)  # the page notices that its socket is gone
        page.locator("#composer textarea").fill(CHEST_PAIN)
        sent = time.monotonic()
        page.locator("#composer button").click()
        page.locator(".care-card.level-emergency").wait_for(timeout=10_000)
        seconds = time.monotonic() - sent
        print(f"\nemergency card {seconds * 1000:.0f} ms after sending, model and broker stopped")
        chen = open_page("chen")
        chen.goto("/review/")
        expect(chen.locator(".queue-row.level-emergency").first).to_be_visible()
    finally:
        live_site.start("valkey")
        live_site.start("worker-llm")
        live_site.wait_until_ready()
    assert seconds < 1


def test_a_clinician_takes_over_answers_and_gives_back(open_page: OpenPage) -> None:
    chen, diaz = open_page("chen"), open_page("diaz")
    chen.goto("/review/")
    patient = open_page("alice")
    begin(patient, "My face is drooping on one side and my speech is slurred, it started an hour ago")
    row = chen.locator(".queue-row.level-emergency", has_text="face is drooping").first
    row.wait_for(timeout=20_000)  # without reload
    row.locator("a").click()
    chen.get_by_role("button", name="Take this case").click()
    case = chen.url
    diaz.goto(case)
    expect(diaz.locator("#work-title")).to_contain_text("Dr Chen")
    chen.locator("#reply-text").fill("An ambulance is the right thing. Have you called?")
    chen.locator("#reply button").click()
    expect(patient.locator(".message-clinician").last).to_contain_text("Have you called?", timeout=15_000)
    expect(patient.locator(".message-clinician").last).to_contain_text("written by a clinician")
    send(patient, "Yes, they are coming. What can I do for a sore throat?")
    expect(chen.locator("#messages")).to_contain_text("they are coming", timeout=15_000)
    patient.wait_for_timeout(3000)
    assert patient.locator(".message-reply").count() == 0  # the model is silent while she holds it
    close = chen.locator("form[action$='/close/']")
    chen.locator("details.act", has=close).locator("summary").click()
    close.locator("select").select_option(index=1)
    close.locator("textarea").fill("Ambulance called and on its way.")
    close.locator("button").click()
    expect(chen.locator("main")).to_contain_text("The case is closed")
    send(patient, QUESTION)
    patient.locator(".message-reply, .message-software .cite").first.wait_for(timeout=ANSWER_MS)  # given back


def test_a_patient_without_javascript_gets_the_emergency_card(open_page: OpenPage) -> None:
    page = open_page("bob", javascript=False)
    begin(page, CHEST_PAIN)
    expect(page.locator(".care-card.level-emergency").last).to_be_visible()


def test_bob_finds_nothing_at_the_address_of_alices_conversation(open_page: OpenPage) -> None:
    alice, bob = open_page("alice"), open_page("bob")
    begin(alice, "hello")
    answer = bob.goto(alice.url)
    assert answer is not None
    assert answer.status == 404


def test_what_is_typed_as_html_is_shown_as_typed(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page, "<img src=x onerror=alert(1)><script>alert(2)</script> **bold** [a](https://evil.example)")
    bubble = page.locator(".message-patient .bubble").last
    expect(bubble).to_contain_text("<img src=x onerror=alert(1)>")
    assert bubble.locator("img, script, a, strong").count() == 0


def test_the_administrator_sees_the_house_and_no_words_of_patients(open_page: OpenPage) -> None:
    patient = open_page("alice")
    begin(patient, "grobulonia in my knee, what can I do?")
    olu = open_page("olu")
    for path in ("/console/", "/console/people/", "/console/conversations/", "/console/cases/", "/console/audit/"):
        olu.goto(path)
        expect(olu.locator("h1").first).to_be_visible()
        assert "grobulonia" not in olu.content()
    olu.goto("/console/models/")
    expect(olu.locator("main")).to_contain_text("smollm2", ignore_case=True)
