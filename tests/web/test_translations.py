"""Every sentence of the site is there in Simplified Chinese, with the same blanks to fill."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from consult import strings

PO = strings.ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
BLANK = re.compile(r"%\(\w+\)(?:\.\d)?[sdf]|\{\w*\}|<a href=|</a>")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with PO.open("rb") as text:
        return read_po(text, locale="zh_Hans")


@pytest.fixture(scope="module")
def found() -> list[strings.Found]:
    return strings.all_strings()


def test_no_string_lacks_a_translation_or_has_a_doubtful_one(catalogue: Catalog, found: list[strings.Found]) -> None:
    assert len(found) > 200
    assert strings.missing(catalogue, found) == []


def test_translations_fill_the_same_blanks(catalogue: Catalog) -> None:
    for entry in catalogue:
        if not entry.id:
            continue
        wanted = entry.id if isinstance(entry.id, str) else entry.id[-1]
        given = [entry.string] if isinstance(entry.string, str) else list(entry.string)
        for text in filter(None, given):
            assert sorted(BLANK.findall(text)) == sorted(BLANK.findall(wanted)), wanted


def test_translations_are_chinese(catalogue: Catalog) -> None:
    same = {entry.id for entry in catalogue if entry.id and entry.string == entry.id}
    assert same == set()


def test_a_string_that_lost_its_translation_is_named(catalogue: Catalog, found: list[strings.Found]) -> None:
    more = [*found, strings.Found("Nobody has translated this", "", "here")]
    assert "Nobody has translated this" in strings.missing(strings.updated(catalogue, more), more)


def test_strings_are_found_in_templates_and_in_code(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text(
        '{% load i18n %}{% translate "One" %}{% blocktranslate count n=n %}{{ n }} two{% plural %}{{ n }} twos'
        '{% endblocktranslate %}{{ x|default:_("Three") }}'
    )
    (tmp_path / "consult").mkdir()
    (tmp_path / "consult" / "b.py").write_text(
        'from x import gettext as _, gettext_lazy as later\n_("Four " "and a half")\nngettext("5", "6", n)\n'
        'later("7")\nother("8")'
    )
    texts = {(one.text, one.plural) for one in strings.all_strings(tmp_path)}
    assert texts == {
        ("One", ""), ("%(n)s two", "%(n)s twos"), ("Three", ""), ("Four and a half", ""), ("5", "6"), ("7", ""),
    }  # fmt: skip
