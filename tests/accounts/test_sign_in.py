"""Ways in: one-time links, sign-up, sign-in; consent before the first chat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts import consent, links
from accounts.models import AuditEntry, Consent, Role, SignInLink, User

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def test_a_link_signs_one_person_in_once(alice: User, eve: Client) -> None:
    address = reverse("sign_in_by_link", args=[links.issue(alice)])
    assert eve.post(address).status_code == 302
    assert eve.get(reverse("chat:start")).status_code == 200
    again = Client()
    assert again.post(address).status_code == 404
    assert again.get(reverse("chat:start")).status_code == 302


def test_opening_a_link_does_not_use_it_up(alice: User, eve: Client) -> None:
    address = reverse("sign_in_by_link", args=[links.issue(alice)])
    assert eve.get(address).status_code == 200
    assert SignInLink.objects.get().used_at is None


@pytest.mark.parametrize("token", ["nonsense", "x" * 300, "你好"])
def test_an_invented_link_signs_nobody_in(eve: Client, token: str) -> None:
    assert eve.post(reverse("sign_in_by_link", args=[token])).status_code == 404


def test_an_old_link_or_a_disabled_person_is_refused(alice: User, bob: User) -> None:
    assert links.redeem(links.issue(alice, timedelta(seconds=-1))) is None
    token = links.issue(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert links.redeem(token) is None


def test_the_database_holds_no_usable_link(alice: User) -> None:
    token = links.issue(alice)
    assert token not in str(SignInLink.objects.values().get())


def test_the_session_gets_a_new_id_at_sign_in(alice: User, eve: Client) -> None:
    eve.get("/")
    session = eve.session
    session["planted"] = True
    session.save()
    before = session.session_key
    eve.post(reverse("sign_in_by_link", args=[links.issue(alice)]))
    assert eve.session.session_key != before


def test_sign_up_makes_a_patient_whatever_else_is_posted(eve: Client) -> None:
    data = {
        "username": "mallory",
        "password1": "long-enough-pass-9",
        "age": "old_enough",
        "role": "administrator",
        "is_staff": "1",
    }
    eve.post(reverse("account_signup"), data | {"is_superuser": "1"})
    user = User.objects.get(username="mallory")
    assert (user.role, user.is_staff, user.is_superuser) == (Role.PATIENT, False, False)


def test_passwords_are_kept_as_argon2() -> None:
    from consult import settings as real

    assert "Argon2" in real.PASSWORD_HASHERS[0]


def test_a_password_of_seven_characters_is_refused_beside_the_field(eve: Client) -> None:
    page = eve.post(reverse("account_signup"), {"username": "short", "password1": "x7#kQ2z"})
    assert not User.objects.filter(username="short").exists()
    assert "8" in unescape(page.content.decode())


def test_nobody_chats_before_agreeing(alice: User, login: Login) -> None:
    consent.withdraw(alice)
    browser = login(alice)
    assert browser.get(reverse("chat:start")).url == reverse("consent")  # type: ignore[attr-defined]
    assert browser.post(reverse("consent"), {}).status_code == 400
    assert browser.post(reverse("consent"), {"agree": "yes"}).url == reverse("chat:start")  # type: ignore[attr-defined]
    assert browser.get(reverse("chat:start")).status_code == 200


def test_consent_is_versioned_and_withdrawal_is_dated(alice: User, settings: object) -> None:
    assert consent.has_consented(alice)
    settings.CONSENT_VERSION = "2099-01-01"  # type: ignore[attr-defined]
    assert not consent.has_consented(alice)
    consent.withdraw(alice)
    assert Consent.objects.get(user=alice).withdrawn_at is not None


def test_staff_are_not_asked_for_consent_and_patients_see_no_staff_pages(alice: User, chen: User, login: Login) -> None:
    assert login(chen).get(reverse("consent")).status_code == 404
    assert login(alice).get(reverse("review:queue")).status_code == 404
    assert login(alice).get(reverse("console:today")).status_code == 404


def test_sign_in_and_refusal_are_on_record_without_the_name_that_was_tried(alice: User, eve: Client) -> None:
    eve.post(reverse("account_login"), {"login": "secretname", "password": "wrong-wrong"})
    eve.post(reverse("sign_in_by_link", args=[links.issue(alice)]))
    entries = AuditEntry.objects.filter(action="sign_in")
    assert set(entries.values_list("result", flat=True)) == {"refused", "done"}
    assert "secretname" not in str(list(entries.values()))


def test_language_is_kept_for_the_account_and_only_ours_are_taken(alice: User, login: Login) -> None:
    browser = login(alice)
    browser.post(reverse("set_language"), {"language": "zh-hans", "next": "/library/"})
    alice.refresh_from_db()
    assert alice.language == "zh-hans"
    browser.post(reverse("set_language"), {"language": "../../etc", "next": "/"})
    alice.refresh_from_db()
    assert alice.language == "zh-hans"


def test_another_device_has_the_accounts_language_and_text_size_unless_it_chose_its_own(
    alice: User, login: Login
) -> None:
    alice.set_password("long-enough-pass-9")
    alice.save()
    browser = login(alice)
    browser.post(reverse("set_language"), {"language": "zh-hans"})
    browser.post(reverse("set_text_size"), {"size": "large"})
    fresh, chosen = Client(), Client()
    chosen.post(reverse("set_language"), {"language": "en"})
    for other, language in ((fresh, "zh-hans"), (chosen, "en")):
        other.post(reverse("account_login"), {"login": "alice", "password": "long-enough-pass-9"})
        page = other.get(reverse("chat:start")).content.decode()
        assert f'<html lang="{language}" dir="ltr" class="large-text' in page


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_changing_the_language_leads_nowhere_else(eve: Client, target: str) -> None:
    answer = eve.post(reverse("set_language"), {"language": "en", "next": target})
    assert answer.url == "/"  # type: ignore[attr-defined]


def test_the_demo_has_five_people_and_no_password(db: None) -> None:
    call_command("seed_demo", verbosity=0)
    call_command("seed_demo", verbosity=0)
    assert User.objects.count() == 5
    assert not any(user.has_usable_password() for user in User.objects.all())


def test_production_is_not_seeded(db: None, settings: object) -> None:
    settings.DEMO = False  # type: ignore[attr-defined]
    call_command("seed_demo", verbosity=0)
    assert not User.objects.exists()
