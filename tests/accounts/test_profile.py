"""What patients tell about themselves: optional, checked, changeable, deletable, and nobody else's to see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Profile, User
from accounts.profile import facts
from consult.chat import reading

Login = Callable[[User], Client]
PAGE = "/about-me/"


def test_everything_may_be_left_out(alice: User, login: Login) -> None:
    assert login(alice).post(PAGE, {}).status_code == 302
    assert Profile.objects.get(user=alice).data == {}


def test_what_is_told_reaches_triage_with_the_age_of_today(alice: User, login: Login) -> None:
    born = timezone.now().year - 34
    told = {"birth_year": born, "sex": "female", "pregnant": "yes", "medicines": "warfarin, aspirin\nasthma spray"}
    login(alice).post(PAGE, told)
    seen = reading.profile_of(alice)
    assert (seen.age_years, seen.sex, seen.pregnant) == (34.0, "female", True)
    assert seen.medicines == ("warfarin", "aspirin", "asthma spray")
    assert seen.allergies == ()


def test_no_answer_is_not_kept_as_no(alice: User, login: Login) -> None:
    login(alice).post(PAGE, {"pregnant": ""})
    assert reading.profile_of(alice).pregnant is None


def test_the_form_shows_again_what_is_kept(alice: User, login: Login) -> None:
    client = login(alice)
    client.post(PAGE, {"conditions": "asthma", "pregnant": "no", "share_with_model": "on"})
    page = client.get(PAGE).content.decode()
    assert "asthma" in page
    assert '<option value="no" selected>' in page
    assert "checked" in page


@pytest.mark.parametrize(
    "told",
    [
        {"birth_year": "1492"},
        {"birth_year": "soon"},
        {"birth_year": str(timezone.now().year + 1)},
        {"sex": "<b>"},
        {"conditions": "x" * 81},
        {"allergies": "\n".join(str(n) for n in range(31))},
    ],
)
def test_what_cannot_be_is_explained_and_what_was_typed_stays(told: dict[str, str], alice: User, login: Login) -> None:
    answer = login(alice).post(PAGE, {"medicines": "iron tablets", **told})
    assert answer.status_code == 400
    assert "field-error" in answer.content.decode()
    assert "iron tablets" in answer.content.decode()
    assert not Profile.objects.filter(user=alice).exists()


def test_it_can_be_deleted(alice: User, login: Login) -> None:
    client = login(alice)
    client.post(PAGE, {"conditions": "asthma"})
    client.post("/about-me/delete/")
    assert not Profile.objects.filter(user=alice).exists()
    assert AuditEntry.objects.filter(action="profile.deleted", patient=alice.pk).exists()


def test_the_audit_says_that_it_changed_and_not_what_it_says(alice: User, login: Login) -> None:
    login(alice).post(PAGE, {"conditions": "asthma"})
    entry = AuditEntry.objects.get(action="profile.changed")
    assert "asthma" not in str(entry.detail)


def test_each_patient_sees_only_their_own(alice: User, bob: User, login: Login) -> None:
    login(alice).post(PAGE, {"conditions": "psoriasis"})
    assert "psoriasis" not in login(bob).get(PAGE).content.decode()


def test_staff_and_strangers_have_no_such_page(chen: User, olu: User, login: Login, eve: Client) -> None:
    assert login(chen).get(PAGE).status_code == 404
    assert login(olu).post(PAGE, {}).status_code == 404
    assert eve.get(PAGE).status_code == 302


def test_nothing_told_is_nothing_known(db: None) -> None:
    assert facts(None) == {}
