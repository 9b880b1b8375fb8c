"""``manage.py rules``: the whole rule set, as a page for clinical sign-off or as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from consult.safety.rules import Example, Rule, RulesError, ruleset

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Triage rules {version}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
article{{border-top:1px solid #999;padding:.5rem 0;break-inside:avoid}}code{{overflow-wrap:anywhere}}</style>
<h1>Triage rules</h1><p>Version {version}, {count} rules.</p>
<p>Signed off by: ____________________ Role: ____________________ Date: ____________________</p>{body}</html>"""


class Command(BaseCommand):
    """Prints to standard output, so that the page can be kept with its version."""

    help = "Print every triage rule with its source, owner, review date and examples (--format page or json)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the format."""
        parser.add_argument("--format", choices=("page", "json"), default="page")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the rules. Raises CommandError with file and line where a rule file is wrong."""
        try:
            held = ruleset()
        except RulesError as error:
            raise CommandError(str(error)) from None
        if options["format"] == "json":
            rules = [as_json(rule) for rule in held.rules]
            self.stdout.write(json.dumps({"version": held.version, "rules": rules}, ensure_ascii=False, indent=1))
            return
        self.stdout.write(format_html(_PAGE, version=held.version, count=len(held.rules), body=_files(held.rules)))


def as_json(rule: Rule) -> dict[str, Any]:
    """A rule as plain data, the examples as texts."""
    return {
        "id": rule.id,
        "title": rule.title,
        "title_zh": rule.title_zh,
        "level": rule.level,
        "idea": rule.idea,
        "idea_zh": rule.idea_zh,
        "signs": list(rule.written),
        "unless": [name.removeprefix("@") for name in rule.unless],
        "despite": sorted(rule.despite),
        "age_under": rule.age_under,
        "age_over": rule.age_over,
        "sex": rule.sex,
        "message": rule.message,
        "source": rule.source,
        "owner": rule.owner,
        "review": rule.review.isoformat(),
        "file": rule.file,
        "match": [_told(example) for example in rule.match],
        "no_match": [_told(example) for example in rule.no_match],
    }


def _told(example: Example) -> str:
    return " / ".join(turn.text for turn in example.turns) + (" [with a profile]" if example.profile else "")


def _files(rules: tuple[Rule, ...]) -> SafeString:
    parts = [
        format_html(
            "<h2>{}</h2>{}", name.removesuffix(".toml"), format_html_join("", "{}", ((_rule(r),) for r in group))
        )
        for name, group in groupby(rules, key=lambda rule: rule.file)
    ]
    return format_html_join("", "{}", ((part,) for part in parts))


def _rule(rule: Rule) -> SafeString:
    told = as_json(rule)
    who = ", ".join(f"{key} {told[key]}" for key in ("age_under", "age_over", "sex") if told[key] is not None)
    return format_html(
        "<article><h3>{} · {}</h3><p><code>{}</code> · <strong>{}</strong> {}</p><p>{} {}</p>"
        "<p>Signs: {}</p><p>Unless: {}</p>"
        "<p>Must match:</p><ul>{}</ul><p>Must not match:</p><ul>{}</ul>"
        "<p>Message {}. Source: {}. Owner: {}. Review by {}.</p></article>",
        rule.title,
        rule.title_zh,
        rule.id,
        rule.level,
        who,
        rule.idea,
        rule.idea_zh,
        format_html_join("; ", "<code>{}</code>", ((sign,) for sign in rule.written)),
        format_html_join("; ", "<code>{}</code>", ((sign,) for sign in told["unless"])),
        format_html_join("", "<li>{}</li>", ((text,) for text in told["match"])),
        format_html_join("", "<li>{}</li>", ((text,) for text in told["no_match"])),
        rule.message or "none",
        rule.source,
        rule.owner,
        told["review"],
    )
