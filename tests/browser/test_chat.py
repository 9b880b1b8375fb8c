"""The patient's conversation in a real browser, on a whole installation: nothing sent is lost, nothing is doubled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.steps import ANSWER, begin, confirmed, mine

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.live import LiveSite

pytestmark = pytest.mark.browser

CHEST_PAIN = "I have crushing chest pain going down my left arm"


def say(page: Page, text: str) -> None:
    page.locator("#composer textarea").fill(text)
    page.keyboard.press("Enter")


@pytest.mark.timeout(400)
def test_a_question_is_answered_with_sources_and_reload_shows_the_same(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page)
    say(page, "I've had a sore throat for three days, what can I do at home?")
    expect(page.locator(".message-patient .bubble")).to_have_count(1)
    page.locator(ANSWER).first.wait_for(timeout=300_000)
    expect(page.locator(".message-reply")).to_have_count(0)
    expect(page.locator("#side-sources .source").first).to_be_visible()
    before = page.locator("#messages .bubble").all_inner_texts()
    page.reload()
    assert page.locator("#messages .bubble").all_inner_texts() == before


@pytest.mark.timeout(400)
def test_the_answer_is_announced_once_and_the_log_itself_is_quiet(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page)
    page.evaluate(
        """() => { window.said = []; new MutationObserver(() => {
             const text = document.getElementById('status').textContent;
             if (text) window.said.push(text);
           }).observe(document.getElementById('status'), { childList: true, characterData: true, subtree: true }); }"""
    )
    say(page, "What helps against a blocked nose?")
    page.locator(ANSWER).first.wait_for(timeout=300_000)
    page.wait_for_timeout(400)
    said = page.evaluate("window.said")
    whole = page.locator(ANSWER).first.locator(".bubble p, .care-card p").first.inner_text().split("  ")[0][:30]
    assert len([text for text in said if whole in text]) == 1
    assert len(said) <= 3
    assert page.locator("[role=log]").get_attribute("aria-live") == "off"
    assert page.locator("[role=status]").count() == 1


def test_an_emergency_card_takes_the_focus_and_nothing_else_does(open_page: OpenPage) -> None:
    page = open_page("bob")
    begin(page)
    say(page, "hello")
    confirmed(page)
    assert page.evaluate("document.activeElement.name") == "text"
    say(page, CHEST_PAIN)
    card = page.locator(".care-card.level-emergency")
    card.wait_for()
    expect(card).to_be_focused()


def test_with_worker_and_broker_stopped_the_emergency_card_still_comes(
    open_page: OpenPage, live_site: LiveSite
) -> None:
    page = open_page("bob")
    begin(page)
    try:
        live_site.stop("worker-llm")
        live_site.stop("valkey")
        say(page, CHEST_PAIN)
        page.locator(".care-card.level-emergency").wait_for(timeout=5_000)
        assert mine(page) == [CHEST_PAIN]
    finally:
        live_site.start("valkey")
        live_site.start("worker-llm")
        live_site.wait_until_ready()


def test_what_is_written_offline_is_kept_over_a_reload_and_sent_once(open_page: OpenPage) -> None:
    page = open_page("alice")
    page.on("dialog", lambda dialog: dialog.accept())
    begin(page)
    page.route("**/messages/", lambda route: route.abort())
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    page.reload()
    say(page, "My knee hurts when I walk down stairs")
    expect(page.locator("[data-pending]")).to_have_count(1)
    expect(page.locator("[data-pending] .message-state")).to_have_text("Waiting to be sent.")
    page.locator("#composer textarea").fill("half a thought")
    page.reload()
    assert mine(page) == ["My knee hurts when I walk down stairs"]
    expect(page.locator("#composer textarea")).to_have_value("half a thought")
    page.unroute_all()
    confirmed(page)
    page.reload()
    assert mine(page) == ["My knee hurts when I walk down stairs"]


def test_a_reload_without_a_site_shows_a_page_of_ours_and_then_the_words_are_back(
    open_page: OpenPage, live_site: LiveSite
) -> None:
    page = open_page("bob")
    page.on("dialog", lambda dialog: dialog.accept())
    begin(page, "hello")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.locator("#composer textarea").fill("half a thought")
    live_site.stop("web")
    try:
        page.reload()
        expect(page.locator("h1")).to_have_text("This page cannot be reached now")
        expect(page.locator("section[lang=zh-hans] h2")).to_have_text("现在无法打开此页面")
        assert page.evaluate("getComputedStyle(document.querySelector('.btn')).borderRadius") != "0px"  # with its style
        assert "hello" not in page.content()
    finally:
        live_site.start("web")
        live_site.wait_for_web()
    page.locator(".btn").first.click()
    expect(page.locator("#composer textarea")).to_have_value("half a thought")
    assert mine(page) == ["hello"]


def test_nothing_of_a_person_is_kept_in_the_browsers_cache(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page, "markerword in my knee")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.reload()  # now the worker stands between
    kept = page.evaluate(
        """async () => {
             const found = [];
             for (const name of await caches.keys()) {
               const cache = await caches.open(name);
               for (const one of await cache.keys()) found.push([one.url, await (await cache.match(one)).text()]);
             }
             return found;
           }"""
    )
    assert len(kept) == 3
    assert all("/static/css/" in url or url.endswith("/unreachable/") for url, _text in kept)
    assert all(word not in text for _url, text in kept for word in ("markerword", "Alice", "csrf"))


def test_two_tabs_show_each_message_once(open_page: OpenPage) -> None:
    first = open_page("alice")
    begin(first)
    second = first.context.new_page()
    second.goto(first.url)
    say(first, "from the first tab")
    expect(second.locator(".message-patient .bubble")).to_have_text(["from the first tab"], timeout=15_000)
    say(second, "from the second tab")
    expect(first.locator(".message-patient .bubble")).to_have_text(
        ["from the first tab", "from the second tab"], timeout=15_000
    )
    confirmed(first)
    confirmed(second)
    assert mine(first) == mine(second)


def test_a_message_missed_while_the_line_was_down_comes_after_one_sent_by_http(open_page: OpenPage) -> None:
    first = open_page("alice")
    begin(first)
    second = first.context.new_page()
    second.route_web_socket("**/ws/**", lambda socket: socket.close())
    second.route("**/snapshot/**", lambda route: route.abort())
    second.goto(first.url)
    say(first, "from the first tab")
    confirmed(first)
    second.unroute("**/snapshot/**")
    say(second, "from the second tab")
    expect(second.locator(".message-patient .bubble")).to_have_text(
        ["from the first tab", "from the second tab"], timeout=15_000
    )


def test_enter_belongs_to_the_input_method_while_a_word_is_composed(open_page: OpenPage) -> None:
    page = open_page("alice", language="zh-hans")
    begin(page)
    page.locator("#composer textarea").focus()
    devtools = page.context.new_cdp_session(page)
    devtools.send("Input.imeSetComposition", {"text": "tou teng", "selectionStart": 8, "selectionEnd": 8})
    page.locator("#composer textarea").dispatch_event(
        "keydown", {"key": "Enter", "keyCode": 229, "isComposing": True, "bubbles": True}
    )
    assert mine(page) == []
    devtools.send("Input.insertText", {"text": "头疼怎么办"})
    page.keyboard.press("Enter")
    expect(page.locator(".message-patient .bubble")).to_have_text(["头疼怎么办"])
    confirmed(page)


def test_odd_texts_are_shown_as_they_were_written(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page)
    odd = ["<img src=x onerror=alert(1)> <b>bold</b>", "أشعر بألم في رأسي", "👩‍⚕️ a\u200bb", "one\ntwo"]
    for text in odd:
        page.locator("#composer textarea").fill(text)
        page.locator("#composer button").click()
        confirmed(page)
    assert mine(page) == odd
    page.reload()
    assert mine(page) == odd
    assert page.locator("#messages .message-patient img").count() == 0


def test_an_empty_or_too_long_message_is_explained_beside_the_field_and_kept(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page)
    say(page, "   ")
    expect(page.locator("#composer-note")).to_have_text("Please write something first.")
    long = "a" * 10_000
    say(page, long)
    expect(page.locator("#composer-note")).to_have_text("Please shorten your message: 6000 characters too many.")
    expect(page.locator("#composer textarea")).to_have_value(long)
    assert mine(page) == []


def test_a_twenty_fold_refresh_loses_and_doubles_nothing(open_page: OpenPage) -> None:
    page = open_page("bob")
    page.on("dialog", lambda dialog: dialog.accept())
    begin(page)
    for number in range(5):
        say(page, f"message {number}")
        for _ in range(4):
            page.reload(wait_until="domcontentloaded")
    page.reload()
    confirmed(page)
    assert mine(page) == [f"message {number}" for number in range(5)]


def test_without_javascript_one_can_read_send_and_get_the_emergency_card(open_page: OpenPage) -> None:
    page = open_page("bob", javascript=False)
    begin(page, "hello")
    assert mine(page) == ["hello"]
    page.locator("#composer textarea").fill(CHEST_PAIN)
    page.locator("#composer button").click()
    page.locator(".care-card.level-emergency").wait_for()
    assert mine(page) == ["hello", CHEST_PAIN]


def test_the_keyboard_alone_reaches_everything(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name"))
    assert reached[0] == "Skip to the content"
    assert any(text.startswith("Talk to a person") for text in reached)
    assert {"text", "Send"} <= set(reached)


def test_asking_for_a_person_is_answered_in_place(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page, "I would rather talk to someone about my results")
    page.locator("#person button").click()
    expect(page.locator("#person-state")).to_contain_text("A clinician has been told")
    expect(page.locator("#person")).to_be_hidden()
    page.reload()
    expect(page.locator("#person-state")).to_contain_text("A clinician has been told")


def test_frames_that_the_page_does_not_know_do_no_harm(open_page: OpenPage) -> None:
    page = open_page("alice")

    def relay(socket) -> None:  # type: ignore[no-untyped-def]
        server = socket.connect_to_server()
        server.on_message(
            lambda text: (socket.send("not json"), socket.send(json.dumps({"type": "new"})), socket.send(text))
        )

    page.route_web_socket("**/ws/**", relay)
    begin(page)
    say(page, "hello")
    confirmed(page)
    assert mine(page) == ["hello"]
