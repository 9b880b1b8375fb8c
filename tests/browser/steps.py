"""What patients do on their pages, step by step, for the tests that need it done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONVERSATION = re.compile(r"/chat/[0-9a-f-]{36}/$")
DOCUMENTS = re.compile(r"/chat/[0-9a-f-]{36}/documents/$")
ANSWER = ".message-software[data-id]"
COME_DUE = """
from consult.chat import followup; from consult.chat.models import FollowUp; from django.utils import timezone
FollowUp.objects.filter(state="waiting").update(due_at=timezone.now()); followup.ask_those_due()
"""


def begin(page: Page, text: str = "") -> None:
    """A conversation from the start page, with a first message; or without, as for a photo."""
    page.goto("/chat/")
    page.locator("#start-text").fill(text)
    page.locator(f"form[action='/chat/new/'] button{'.btn-primary' if text else '[name=attach]'}").click()
    if not text:
        page.wait_for_url(DOCUMENTS)
        page.goto(page.url.removesuffix("documents/"))
    page.wait_for_url(CONVERSATION)


def send(page: Page, text: str) -> None:
    """By the button."""
    page.locator("#composer textarea").fill(text)
    page.locator("#composer button.btn-primary").click()


def confirmed(page: Page) -> None:
    """Wait until nothing is waiting to be sent."""
    expect(page.locator("[data-pending]")).to_have_count(0, timeout=15_000)


def mine(page: Page) -> list[str]:
    """The patient's own bubbles, top to bottom."""
    return page.locator(".message-patient .bubble").all_inner_texts()


def sign_up(page: Page, name: str) -> None:
    """As somebody new, up to the agreement."""
    page.goto("/account/signup/")
    page.locator("#id_username").fill(name)
    page.locator("#id_password1").fill("long-enough-pass-9")
    page.locator("#id_age").select_option("old_enough")
    page.locator("main form .btn-primary").click()
    page.wait_for_url("**/consent/")
