"""Sign-up: old enough, or with an adult; a good password; and nobody learns who has an account."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User

pytestmark = pytest.mark.django_db
GOOD = {"username": "mallory", "password1": "long-enough-pass-9", "age": "old_enough"}


def sign_up(client: Client, **changed: str) -> str:
    return unescape(client.post(reverse("account_signup"), {**GOOD, **changed}).content.decode())


def errors(page: str) -> list[str]:
    return [re.sub("<.*?>", "", one).strip() for one in re.findall(r'class="field-error"[^>]*>(.*?)</p>', page)]


def test_one_form_makes_a_patient_and_leads_to_the_agreement(eve: Client) -> None:
    answer = eve.post(reverse("account_signup"), {**GOOD, "next": "/chat/"}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("consent")
    entry = AuditEntry.objects.get(action="account.created")
    assert entry.detail == {"minimum_age": 16}


def test_somebody_too_young_gets_no_account_and_is_shown_the_way_with_an_adult(eve: Client) -> None:
    page = sign_up(eve, age="too_young")
    assert not User.objects.filter(username="mallory").exists()
    assert errors(page) == ["You need an adult who asks for you. How this works"]
    assert reverse("with_an_adult") in page
    guide = eve.get(reverse("with_an_adult")).content.decode()
    assert "of 16 and older" in guide
    assert "for%3Dother" in guide


def test_the_age_is_the_clinics_to_set(eve: Client, settings: object) -> None:
    settings.MINIMUM_AGE = 18  # type: ignore[attr-defined]
    assert "18 or older" in eve.get(reverse("account_signup")).content.decode()


@pytest.mark.parametrize("age", ["", "17", "<b>"])
def test_without_an_age_there_is_no_account(eve: Client, age: str) -> None:
    assert len(errors(sign_up(eve, age=age))) == 1
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["short1!", "password123", "12345678", "mallory1", "qwertyuiop"])
def test_weak_and_common_passwords_are_refused_beside_the_field(eve: Client, password: str) -> None:
    assert errors(sign_up(eve, password1=password))
    assert not User.objects.exists()


def test_what_was_typed_stays_but_the_password(eve: Client) -> None:
    page = sign_up(eve, username="mallory", email="not an address")
    assert 'value="mallory"' in page
    assert "long-enough-pass-9" not in page


def test_an_address_that_somebody_has_is_taken_like_any_other(eve: Client, alice: User) -> None:
    """With a user name, the address is only a help: whether it is known must not be seen."""
    alice.email = "alice@example.org"
    alice.save()
    known = eve.post(reverse("account_signup"), {**GOOD, "email": "alice@example.org"})
    other = Client().post(reverse("account_signup"), {**GOOD, "username": "mallory2", "email": "new@example.org"})
    assert (known.status_code, known["Location"]) == (other.status_code, other["Location"])


def test_by_e_mail_a_known_and_a_new_address_get_the_same_answer(eve: Client, alice: User, settings: object) -> None:
    settings.ACCOUNT_LOGIN_METHODS = {"email"}  # type: ignore[attr-defined]
    settings.ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # type: ignore[attr-defined]
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"  # type: ignore[attr-defined]
    settings.ACCOUNT_PREVENT_ENUMERATION = True  # type: ignore[attr-defined]
    alice.email = "alice@example.org"
    alice.save()
    answers = []
    for address in ("alice@example.org", "new@example.org"):
        data = {"email": address, "password1": GOOD["password1"], "age": "old_enough"}
        answer = Client().post(reverse("account_signup"), data)
        answers.append((answer.status_code, answer["Location"]))
    assert answers[0] == answers[1]
    assert len(mail.outbox) == 2
    assert User.objects.filter(email="alice@example.org").count() == 1


def test_sign_in_and_reset_tell_nothing_of_who_is_there(eve: Client, alice: User) -> None:
    alice.set_password("long-enough-pass-9")
    alice.save()
    wrong = [eve.post(reverse("account_login"), {"login": name, "password": "x" * 12}) for name in ("alice", "nobody")]
    assert errors(wrong[0].content.decode()) == errors(wrong[1].content.decode())
    reset = [
        eve.post(reverse("account_reset_password"), {"email": address})
        for address in ("alice@example.org", "nobody@example.org")
    ]
    assert reset[0]["Location"] == reset[1]["Location"]


def test_errors_are_in_plain_words(eve: Client) -> None:
    assert errors(sign_up(eve, username="ab")) == ["Please choose a name of at least 3 characters."]
