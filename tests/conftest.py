"""The cast, and settings that make unit tests quick. What runs for real is in tests/live.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as django_settings

from consult.doctor import find_chromium

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User
    from tests.live import LiveSite

Login = Callable[["User"], "Client"]


def pytest_configure() -> None:
    """Quick stand-ins for unit tests: cheap password hashes, no collected static files, groups in memory."""
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django_settings.STORAGES = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    database = django_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # A file, as in real life: threads that share a database in memory lock each other's tables.
        database.setdefault("TEST", {})["NAME"] = str(django_settings.VAR / "test.sqlite3")
    django_settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests are skipped, with one reason for all, where no Chromium is installed."""
    if find_chromium() is None:
        missing = pytest.mark.skip(reason="no Chromium on this machine (apt-get install chromium)")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(missing)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the Chromium to drive: Playwright is told it, and downloads nothing."""
    path = find_chromium()
    assert path is not None
    return path


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests with real transactions empty every table at their end; the audit would refuse that.

    So the delete trigger is taken off here, and tests/accounts/test_audit.py puts it back to test it.
    """
    from django.db import connection

    on = "" if connection.vendor == "sqlite" else " ON accounts_auditentry"
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS audit_no_delete{on}")


def _person(username: str, name: str, role: str, **more: Any) -> User:
    from accounts.models import User

    return User.objects.create_user(username, display_name=name, role=role, **more)


def _patient(username: str, name: str) -> User:
    from accounts import consent

    user = _person(username, name, "patient")
    consent.give(user, "en")
    return user


@pytest.fixture
def alice(db: None) -> User:
    """A patient who has agreed to the consent text."""
    return _patient("alice", "Alice")


@pytest.fixture
def bob(db: None) -> User:
    """Another patient, who must never see Alice's data."""
    return _patient("bob", "Bob")


@pytest.fixture
def chen(db: None) -> User:
    """A clinician on duty."""
    return _person("chen", "Dr Chen", "clinician", on_duty=True)


@pytest.fixture
def diaz(db: None) -> User:
    """A clinician of another team."""
    return _person("diaz", "Dr Diaz", "clinician", on_duty=True)


@pytest.fixture
def olu(db: None) -> User:
    """The administrator."""
    return _person("olu", "Olu", "administrator")


@pytest.fixture
def eve() -> Client:
    """Signed out."""
    from django.test import Client

    return Client()


@pytest.fixture
def login() -> Login:
    """``login(alice)`` is her browser."""
    from django.test import Client

    def of(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return of


@pytest.fixture(scope="session")
def live_site() -> Iterator[LiveSite]:
    """One whole running installation for the run. A test that stops a process starts it again."""
    from tests.live import LiveSite

    with LiveSite() as site:
        yield site
