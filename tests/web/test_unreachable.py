"""The page for a site that cannot be reached, and the worker that keeps it: the same for all, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def test_it_speaks_both_languages_and_names_the_emergency_number(eve: Client, settings: Any) -> None:
    settings.COUNTRY = "GB"
    page = eve.get("/unreachable/").content.decode()
    for words in ("This page cannot be reached now", "现在无法打开此页面", "In an emergency call 999."):
        assert words in page


def test_it_is_the_same_for_a_patient_and_a_stranger(eve: Client, alice: User, login: Login) -> None:
    for address in ("/unreachable/", "/unreachable.js"):
        assert login(alice).get(address).content == eve.get(address).content


def test_the_worker_keeps_that_page_and_files_that_exist_and_is_asked_for_anew_each_time(eve: Client) -> None:
    answer = eve.get("/unreachable.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "no-cache"
    kept = re.findall(r'"(/[^"]+)"', answer.content.decode())
    assert kept[0] == "/unreachable/"
    assert len(kept) == 3
    assert all(finders.find(path.removeprefix("/static/")) for path in kept[1:])


def test_the_policy_lets_only_our_own_worker_run(eve: Client) -> None:
    assert "worker-src 'self'" in eve.get("/")["Content-Security-Policy"]
