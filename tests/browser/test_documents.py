"""A patient photographs a letter: attach, wait, correct, send; a clinician sees the picture. Without JavaScript too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from bench.letters import LOOKS, photo
from consult.chat.glyphs import font_path
from tests.browser.conftest import OpenPage, Picture
from tests.browser.steps import begin
from tests.browser.test_accessibility import faults
from tests.browser.test_screenshots import LOOKS as LOOKS_OF_PAGES
from tests.browser.test_screenshots import suffix
from tests.documents import samples

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LETTER = {
    "en": "Haemoglobin 112 g/L (120 - 160)\nFerritin 9 ug/L (15 - 150)\nPlease take iron tablets for three months.",
    "zh-hans": "检验报告单\n血红蛋白 112 g/L\n铁蛋白 9 ug/L\n建议口服铁剂三个月。",
}
SEEN = {"en": "Ferritin", "zh-hans": "铁蛋白"}
EMERGENCY = "I have crushing chest pain going down my left arm"


def letter(text: str) -> dict[str, object]:
    return {"name": "IMG_0001.JPG", "mimeType": "image/jpeg", "buffer": photo(text, font_path(), LOOKS[0])}


def attach(page: Page, file: dict[str, object]) -> None:
    """By the keyboard alone, but for the system's own file window."""
    page.locator(".btn-attach").focus()
    page.keyboard.press("Enter")
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]
    page.locator("main form button.btn-primary").focus()
    page.keyboard.press("Enter")


def words_read(page: Page) -> Locator:
    field = page.locator("textarea#text")
    field.wait_for(timeout=180_000)
    return field


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS_OF_PAGES)
def test_a_photo_of_a_letter_becomes_the_patients_words(
    open_page: OpenPage, picture: Picture, language: str, scheme: str, width: int
) -> None:
    page = open_page("alice", language=language, scheme=scheme, width=width, height=820 if width > 600 else 640)
    name = suffix(language, scheme, width)
    begin(page)
    box = page.locator(".btn-attach").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    page.locator(".btn-attach").click()
    page.locator("#file").wait_for()
    assert faults(page) == []
    picture(page, f"document-add{name}", whole=True)
    page.locator("#file").set_input_files(letter(LETTER[language]))  # type: ignore[arg-type]
    page.locator("main form button.btn-primary").click()
    page.locator("#document").wait_for()
    field = words_read(page)
    assert SEEN[language] in field.input_value()
    page.locator(".document-picture").evaluate("picture => picture.decode()")  # fails on a picture that cannot be shown
    assert faults(page) == []
    picture(page, f"document-check{name}", whole=True)
    field.fill(field.input_value().replace("112", "121"))
    page.locator("form .btn-primary").click()
    mark = page.locator(".message-patient .message-document a")
    mark.wait_for()
    assert "121" in page.locator(".message-patient .bubble").first.inner_text()
    # The answer below is fading in: what is ours is looked at alone.
    assert Axe().run(page, context=".message-patient").response["violations"] == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_is_refused_is_refused_with_a_sentence(open_page: OpenPage, language: str) -> None:
    page = open_page("alice", language=language, width=320)
    begin(page)
    attach(page, {"name": "a.png", "mimeType": "image/png", "buffer": samples.picture() + samples.archive()})
    page.locator("#file-error").wait_for()
    said = page.locator("#file-error").inner_text()
    assert ("something else inside" if language == "en" else "夹带") in said
    page.locator("#file").set_input_files(
        {"name": "a.pdf", "mimeType": "application/pdf", "buffer": samples.ACTIVE["a script at opening"]}
    )
    page.locator("main form button.btn-primary").click()
    page.locator("main .notice-error").wait_for(timeout=60_000)
    assert ("scripts" if language == "en" else "脚本") in page.locator("main .notice-error").inner_text()
    assert faults(page) == []


def test_a_file_that_is_too_large_is_not_even_sent(open_page: OpenPage) -> None:
    page = open_page("alice")
    begin(page)
    attach(page, {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": bytes(11 * 2**20)})
    assert "too large" in page.locator("#file-error").inner_text()


def test_without_javascript_it_works_too(open_page: OpenPage) -> None:
    page = open_page("alice", javascript=False)
    begin(page)
    page.locator(".btn-attach").click()
    pdf = samples.pdf([LETTER["en"]])
    page.locator("#file").set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": pdf})
    page.locator("main form button.btn-primary").click()
    assert "Ferritin" in words_read(page).input_value()
    page.locator("form .btn-primary").click()
    page.locator(".message-document").wait_for()


def test_a_clinician_sees_the_picture_and_what_was_corrected(open_page: OpenPage, picture: Picture) -> None:
    patient = open_page("bob")
    begin(patient)
    attach(patient, letter("Referral letter"))
    words_read(patient).fill(EMERGENCY)
    patient.locator("form .btn-primary").click()
    patient.locator(".care-card.level-emergency").wait_for()
    page = open_page("chen", width=1440, height=860)
    page.goto("/review/")
    # Other tests' cases with the same words stand before it: the oldest comes first.
    page.locator("#queue-list a", has_text="crushing").last.click()
    link = page.locator(".entry-document-link").last
    link.scroll_into_view_if_needed()
    link.locator("img").evaluate("picture => picture.decode()")
    picture(page, "document-cockpit")
    assert faults(page) == []
    link.click()
    page.locator(".document-large").wait_for()
    assert EMERGENCY in page.locator("main").inner_text()
    assert faults(page) == []
