"""Templates and static files keep to what the content security policy allows, and every one of them compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template.loader import get_template

from consult.strings import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
CSS = sorted((ROOT / "static" / "css").glob("*.css"))
JS = sorted((ROOT / "static" / "js").glob("*.js"))
REMOTE = re.compile(r"""(?:src|href|url|import|from)\s*[=(]?\s*["'(]\s*(?:https?:)?//""")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_compiles(path: Path) -> None:
    get_template(path.relative_to(ROOT / "templates").as_posix())


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_has_no_inline_style_script_or_handler(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", text, re.IGNORECASE)
    for script in re.findall(r"<script\b[^>]*>", text):
        assert " src=" in script


@pytest.mark.parametrize("path", [*TEMPLATES, *CSS, *JS], ids=name_of)
def test_nothing_is_fetched_from_another_host(path: Path) -> None:
    assert not REMOTE.search(path.read_text(encoding="utf-8"))


def test_colours_are_named_in_one_place() -> None:
    for path in CSS:
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"#[0-9a-f]{6}\b", text.split("@layer base {")[-1] if path.name == "base.css" else text)
        assert used == [], name_of(path)


def test_scripts_write_html_only_where_the_server_has_made_it_safe() -> None:
    """A message's sanitised ``html``, and parts of pages that a template of ours has rendered and escaped."""
    allowed = {"render.js", "cockpit.js", "queue.js"}
    for path in JS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"outerHTML|document\.write|\beval\b|new Function", text), name_of(path)
        assert not re.search(r"innerHTML|insertAdjacentHTML", text) or path.name in allowed, name_of(path)
