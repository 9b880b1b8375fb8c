"""Encrypted fields, through the models that use them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection

from accounts.crypto import DecryptionError, seal, unseal
from accounts.models import Profile, User
from consult import secret

pytestmark = pytest.mark.django_db


def stored(profile: Profile) -> bytes:
    with connection.cursor() as cursor:
        key = profile.pk.hex if connection.vendor == "sqlite" else profile.pk
        cursor.execute("SELECT data FROM accounts_profile WHERE id = %s", [key])
        return bytes(cursor.fetchone()[0])


@pytest.fixture
def profile(alice: User) -> Profile:
    return Profile.objects.create(user=alice, data={"conditions": ["Markerwort asthma", "哮喘"]})


def test_what_was_written_is_read_back(profile: Profile) -> None:
    assert Profile.objects.get(pk=profile.pk).data == {"conditions": ["Markerwort asthma", "哮喘"]}


def test_the_database_holds_no_readable_word(profile: Profile) -> None:
    raw = stored(profile)
    assert b"Markerwort" not in raw
    assert "哮喘".encode() not in raw


def test_each_save_uses_a_fresh_nonce(profile: Profile) -> None:
    first = stored(profile)
    profile.save()
    assert stored(profile) != first


def test_a_value_copied_to_another_row_does_not_open(profile: Profile, bob: User) -> None:
    other = Profile.objects.create(user=bob, data={"conditions": []})
    with connection.cursor() as cursor:
        key = other.pk.hex if connection.vendor == "sqlite" else other.pk
        cursor.execute("UPDATE accounts_profile SET data = %s WHERE id = %s", [stored(profile), key])
    with pytest.raises(DecryptionError):
        _ = Profile.objects.get(pk=other.pk).data


def test_one_changed_byte_is_noticed() -> None:
    sealed = bytearray(seal(b"text", b"here"))
    sealed[-1] ^= 1
    with pytest.raises(DecryptionError):
        unseal(bytes(sealed), b"here")


def test_a_lost_key_is_named(settings: object) -> None:
    sealed = seal(b"text", b"here")
    settings.FIELD_KEYS = {"k9": b"x" * 32}  # type: ignore[attr-defined]
    with pytest.raises(DecryptionError, match="k1"):
        unseal(sealed, b"here")


def test_an_old_key_still_reads_after_a_new_one_came_first(settings: object, profile: Profile) -> None:
    settings.FIELD_KEYS = {"k2": b"y" * 32, **settings.FIELD_KEYS}  # type: ignore[attr-defined]
    row = Profile.objects.get(pk=profile.pk)
    assert row.data["conditions"][0] == "Markerwort asthma"
    row.save()
    assert stored(row)[2:4] == b"k2"


def test_an_encrypted_column_cannot_be_searched_or_updated_in_bulk(profile: Profile) -> None:
    with pytest.raises(FieldError):
        Profile.objects.filter(data={"conditions": []}).first()
    with pytest.raises(FieldError):
        Profile.objects.update(data={})


@pytest.mark.parametrize("value", ["k1", "k1:abc", "k1:" + "A" * 40])
def test_a_wrong_key_ring_stops_the_start(value: str, tmp_path: object) -> None:
    with pytest.raises(ImproperlyConfigured):
        secret.field_keys(value, tmp_path, may_create=False)  # type: ignore[arg-type]


def test_production_makes_no_secret_by_itself(tmp_path: object) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        secret.site_key(tmp_path, may_create=False)  # type: ignore[arg-type]


def test_secrets_are_made_once_and_readable_by_the_owner_only(tmp_path: object) -> None:
    first = secret.site_key(tmp_path, may_create=True)  # type: ignore[arg-type]
    assert secret.site_key(tmp_path, may_create=True) == first  # type: ignore[arg-type]
    mode = (tmp_path / "secret" / "site_key").stat().st_mode & 0o777  # type: ignore[operator]
    assert mode == 0o600


def test_ids_of_rows_cannot_be_guessed(alice: User, bob: User) -> None:
    assert alice.pk.version == bob.pk.version == uuid4().version
