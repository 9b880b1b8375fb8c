"""Copies to take along: each opens, says who wrote what, draws Chinese, and is only ever one's own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from uuid import uuid4

import numpy as np
import pypdfium2
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader

from accounts import fresh, links
from accounts.models import AuditEntry, User
from consult.chat import actions, copies, glyphs
from consult.chat.models import Conversation, Message, Reply

Login = Callable[[User], Client]
CHINESE = "我嗓子疼了三天，在家可以怎么办？"


@pytest.fixture
def spoken(alice: User, chen: User) -> Conversation:
    """A conversation with something by everybody who can write."""
    row = actions.start_conversation(alice, language="en")
    question = actions.post_patient_message(alice, row.pk, uuid4(), f"Sore throat. {CHINESE} <b>&amp; 👩‍⚕️").message
    row.refresh_from_db()
    answer = actions.append(row, Message.Author.SOFTWARE, "Drink water.\n\n- **Rest** [1]")
    checked = actions.append(row, Message.Author.SOFTWARE, "Gargle with salt water.")
    Reply.objects.filter(question=question).update(state=Reply.State.DONE, message=answer)
    Reply.objects.create(
        conversation=row, question=question, message=checked, state=Reply.State.DONE, approved_by=chen,
        approved_at=timezone.now(),
    )  # fmt: skip
    actions.append(row, Message.Author.CLINICIAN, "Come and see me tomorrow.", author=chen)
    return row


def fetch(client: Client, row: Conversation, kind: str) -> bytes:
    answer = client.get(f"/chat/{row.pk}/copy/{kind}/")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    return answer.content


def test_data_holds_what_was_said_and_by_whom(alice: User, spoken: Conversation, login: Login) -> None:
    copy = json.loads(fetch(login(alice), spoken, "json"))
    assert CHINESE in copy["messages"][0]["text"]
    assert [one["provenance"] for one in copy["messages"]] == [
        "patient", "software", "software_checked_by_clinician", "clinician",
    ]  # fmt: skip
    assert copy["messages"][2]["checked_by"] == "Dr Chen"
    assert copy["messages"][1]["advice"]


@pytest.mark.parametrize("kind", sorted(copies.KINDS))
def test_every_copy_is_on_record(alice: User, spoken: Conversation, login: Login, kind: str) -> None:
    fetch(login(alice), spoken, kind)
    entry = AuditEntry.objects.get(action="conversation.exported", patient=alice.pk)
    assert entry.detail == {"messages": 4, "kind": kind}


@pytest.mark.parametrize("kind", [*sorted(copies.KINDS), "exe"])
def test_nobody_else_gets_one(
    spoken: Conversation, bob: User, chen: User, olu: User, login: Login, eve: Client, kind: str
) -> None:
    for other in (bob, chen, olu):
        assert login(other).get(f"/chat/{spoken.pk}/copy/{kind}/").status_code == 404
    assert eve.get(f"/chat/{spoken.pk}/copy/{kind}/").status_code == 302
    assert not AuditEntry.objects.filter(action="conversation.exported").exists()


def later(client: Client) -> Client:
    """The same browser, left open for longer than a sign-in counts."""
    session = client.session
    session[fresh.PROVED] -= settings.FRESH_SIGN_IN_S + 1
    session.save()
    return client


@pytest.fixture
def with_password(alice: User) -> User:
    alice.set_password("long-enough-pass-9")
    alice.save()
    return alice


@pytest.mark.parametrize("kind", sorted(copies.KINDS))
def test_who_finds_a_browser_open_gets_no_copy_without_the_password(
    with_password: User, bob: User, spoken: Conversation, login: Login, kind: str
) -> None:
    bob.set_password("another-long-pass-9")
    bob.save()
    browser = later(login(with_password))
    asked = browser.get(f"/chat/{spoken.pk}/copy/{kind}/", follow=True)
    assert asked.redirect_chain[-1][0] == f"/account/reauthenticate/?next=%2Fchat%2F{spoken.pk}%2Fcopy%2F"
    for wrong in ("", "guess-guess-9", "another-long-pass-9"):
        assert "field-error" in browser.post(asked.redirect_chain[-1][0], {"password": wrong}).content.decode()
    assert browser.get(f"/chat/{spoken.pk}/copy/{kind}/").status_code == 302
    assert not AuditEntry.objects.filter(action="conversation.exported").exists()


def test_with_the_password_one_is_back_at_the_copies_and_takes_one(
    with_password: User, spoken: Conversation, login: Login
) -> None:
    browser = later(login(with_password))
    page = f"/chat/{spoken.pk}/copy/"
    proved = browser.post("/account/reauthenticate/", {"password": "long-enough-pass-9", "next": page})
    assert proved["Location"] == page
    assert f"{page}pdf/" in browser.get(page).content.decode()
    assert fetch(browser, spoken, "pdf")
    assert AuditEntry.objects.filter(action="sign_in.again", actor=with_password.pk).count() == 1


def test_who_came_by_a_link_and_has_no_password_needs_a_new_link(
    alice: User, spoken: Conversation, login: Login
) -> None:
    browser = later(login(alice))
    answer = browser.get(f"/chat/{spoken.pk}/copy/pdf/", follow=True)
    assert answer.status_code == 403
    assert "Please sign in again" in answer.content.decode()
    browser.post(reverse("sign_in_by_link", args=[links.issue(alice)]))
    assert fetch(browser, spoken, "pdf")


def test_a_kind_that_does_not_exist_is_not_there(alice: User, spoken: Conversation, login: Login) -> None:
    assert login(alice).get(f"/chat/{spoken.pk}/copy/exe/").status_code == 404


# --- PDF ---------------------------------------------------------------------------------------------------------


def text_of(pdf: bytes) -> str:
    return "".join("\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_the_pages_say_who_wrote_each_message(alice: User, spoken: Conversation, login: Login) -> None:
    text = text_of(fetch(login(alice), spoken, "pdf"))
    for words in (CHINESE, "<b>&amp;", "Writtenbysoftware", "checkedbyDrChen", "DrChen·writtenbyaclinician", "•Rest"):
        assert words in text
    assert "Containstextwrittenbysoftware" in text
    assert "cannotbedrawn" in text  # the emoji, said honestly


def test_the_file_itself_says_that_software_wrote_part_of_it(alice: User, spoken: Conversation, login: Login) -> None:
    facts = PdfReader(io.BytesIO(fetch(login(alice), spoken, "pdf"))).metadata
    assert facts is not None
    assert "artificial intelligence" in str(facts.subject)
    assert "software=2" in str(facts.get("/Keywords"))
    assert "software_checked_by_clinician=3" in str(facts.get("/Keywords"))


def test_chinese_is_drawn_and_not_boxes(alice: User, spoken: Conversation, login: Login) -> None:
    """Each character's pixels on the page look like that character drawn from the whole font, and not like a box.

    An English copy is made first: fonts of one document must not serve the next.
    """
    english = actions.start_conversation(alice, language="en")
    fetch(login(alice), english, "pdf")
    page = pypdfium2.PdfDocument(fetch(login(alice), spoken, "pdf"))[0]
    picture = page.render(scale=6).to_pil().convert("L")
    letters = page.get_textpage()
    text = letters.get_text_range()
    seen = {one for one in CHINESE if "\u4e00" <= one <= "\u9fff"}
    assert len(seen) == 14
    for letter in seen:
        left, bottom, right, top = letters.get_charbox(text.index(letter))
        high = page.get_height()
        crop = picture.crop((int(left * 6), int((high - top) * 6), int(right * 6) + 1, int((high - bottom) * 6) + 1))
        drawn = shape(crop)
        assert likeness(drawn, shape(reference(letter))) > 0.8, letter
        assert likeness(drawn, shape(reference("□"))) < 0.5, letter


def reference(letter: str) -> Image.Image:
    picture = Image.new("L", (160, 160), 255)
    font = ImageFont.truetype(str(glyphs.font_path()), 100)
    ImageDraw.Draw(picture).text((20, 10), letter, font=font, fill=0)
    return picture


def shape(picture: Image.Image) -> np.ndarray:
    """The ink alone, at one size."""
    ink = Image.eval(picture, lambda value: 255 - value)
    return np.asarray(ink.crop(ink.getbbox()).resize((32, 32)), dtype=float)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_a_long_conversation_goes_over_pages_and_odd_text_does_no_harm(alice: User, login: Login) -> None:
    row = actions.start_conversation(alice, language="zh-hans")
    for text in ("字" * 3000, "word " * 500, "x" * 3000, "أشعر بألم", "<para>&</b>]]>\x01\u200b", "- \n\n- "):
        row.refresh_from_db()
        actions.append(row, Message.Author.PATIENT, text, author=alice)
    assert len(PdfReader(io.BytesIO(fetch(login(alice), row, "pdf"))).pages) > 2


def test_making_one_tells_the_log_nothing_of_its_letters(
    alice: User, spoken: Conversation, login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    fetch(login(alice), spoken, "pdf")
    assert [one.name for one in caplog.records if one.name.startswith("fontTools")] == []


def test_an_empty_conversation_has_copies_too(alice: User, login: Login) -> None:
    row = actions.start_conversation(alice, language="en")
    for kind in copies.KINDS:
        assert fetch(login(alice), row, kind)


# --- FHIR --------------------------------------------------------------------------------------------------------


def resources(content: bytes, kind: str) -> list[dict[str, object]]:
    Bundle.model_validate_json(content)
    return [one["resource"] for one in json.loads(content)["entry"] if one["resource"]["resourceType"] == kind]


def test_another_system_can_read_it_and_sees_what_software_wrote(
    alice: User, spoken: Conversation, login: Login
) -> None:
    content = fetch(login(alice), spoken, "fhir")
    messages = resources(content, "Communication")
    labels = [one["meta"]["security"][0]["code"] for one in messages]  # type: ignore[index]
    assert labels == ["PATAST", "AIAST", "AIAST", "CLINAST"]
    assert CHINESE in messages[0]["payload"][0]["contentString"]  # type: ignore[index]
    check = resources(content, "Provenance")[0]
    assert check["agent"][1]["who"]["display"] == "Dr Chen"  # type: ignore[index]
    assert resources(content, "Patient")[0]["name"] == [{"text": "Alice"}]


def test_every_reference_in_it_leads_to_something_in_it(alice: User, spoken: Conversation, login: Login) -> None:
    content = fetch(login(alice), spoken, "fhir")
    known = {one["fullUrl"] for one in json.loads(content)["entry"]}
    found = {part.split('"')[0] for part in content.decode().split('"reference": "')[1:]}
    assert found
    assert found <= known


def test_of_someone_else_nothing_is_said(alice: User, login: Login) -> None:
    row = actions.start_conversation(alice, language="en", subject="other")
    actions.post_patient_message(alice, row.pk, uuid4(), "My father coughs")
    content = fetch(login(alice), row, "fhir")
    assert "name" not in resources(content, "Patient")[0]
    assert resources(content, "RelatedPerson")[0]["name"] == [{"text": "Alice"}]
