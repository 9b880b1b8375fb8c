"""A topic as a form: the same header and sections as in a file, checked as the loader checks a file.

Faults are told beside the field that they are about; what was typed is never lost. Changes nothing by itself.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from consult.library import topics
from consult.library.models import Document
from consult.library.wording import section_title

SECTION_MAX = 6000
LISTS = ("names", "body", "icd10")


class LinesField(forms.CharField):
    """A list, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}), **kwargs)

    def clean(self, value: Any) -> list[str]:
        """The lines that are not empty."""
        return [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        """One a line."""
        return "\n".join(value) if isinstance(value, list) else value


class SourcesField(LinesField):
    """Organisation, title and address of each source, with | between them."""

    def clean(self, value: Any) -> list[dict[str, str]]:  # type: ignore[override]
        """The sources; ValidationError for a line that is not one."""
        rows = []
        for number, line in enumerate(super().clean(value), start=1):
            parts = [part.strip() for part in line.split("|")]
            if len(parts) != 3 or not all(parts) or not parts[2].startswith("https://"):
                raise ValidationError(
                    _("Line %(n)d: write organisation | title | address beginning with https://."), params={"n": number}
                )
            rows.append(dict(zip(("organisation", "title", "address"), parts, strict=True)))
        return rows

    def prepare_value(self, value: Any) -> Any:
        """A line a source."""
        if not isinstance(value, list):
            return value
        return "\n".join(f"{one['organisation']} | {one['title']} | {one['address']}" for one in value)


class TopicForm(forms.Form):
    """One topic. ``version`` is what the page was opened with: a newer one is not overwritten unseen."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    title = forms.CharField(max_length=120, label=later("Title"))
    names = LinesField(required=False, label=later("Other names"), help_text=later("As patients say it. One a line."))
    audience = forms.MultipleChoiceField(
        label=later("For whom"), widget=forms.CheckboxSelectMultiple,
        choices=[("adult", later("Adults")), ("child", later("Children")), ("older", later("Older people")),
                 ("pregnant", later("Pregnant people")), ("carer", later("Carers"))],
    )  # fmt: skip
    body = LinesField(label=later("Parts of the body"), help_text=later("As in the library's own list. One a line."))
    icd10 = LinesField(required=False, label=later("ICD-10 codes"), help_text=later("One a line."))
    sources = SourcesField(
        label=later("Where the facts come from"), help_text=later("organisation | title | address. One a line.")
    )
    note = forms.CharField(max_length=200, label=later("What did you change, and why?"))

    def __init__(self, document: Document, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.document = document
        for slug in topics.SECTIONS:
            self.fields[slug] = forms.CharField(
                max_length=SECTION_MAX, label=section_title(slug, document.language),
                widget=forms.Textarea(attrs={"rows": 8, "lang": "zh-Hans" if document.language == "zh" else "en"}),
            )  # fmt: skip
        self.order_fields(["version", "title", "names", *topics.SECTIONS, "audience", "body", "icd10", "sources"])

    def clean_icd10(self) -> list[str]:
        """Codes as the loader takes them."""
        codes: list[str] = self.cleaned_data["icd10"]
        if wrong := [code for code in codes if not re.fullmatch(r"[A-Z]\d\d(?:\.\d{1,2})?", code)]:
            raise ValidationError(_("Not a code: %(codes)s"), params={"codes": ", ".join(wrong)})
        return codes

    def clean(self) -> dict[str, Any]:
        """The sections, and then the whole text as if it came from a file."""
        held: dict[str, Any] = super().clean() or self.cleaned_data
        for slug in topics.SECTIONS:
            text = held.get(slug, "")
            if re.search(r"^##", text, re.MULTILINE):
                self.add_error(slug, _("Headings are not allowed inside a part."))
            if re.search(r"<[a-zA-Z/!]", text) or "![" in text:
                self.add_error(slug, _("HTML and images are not allowed."))
            if "+++" in text:
                self.add_error(slug, _("“+++” is not allowed here."))
        if not self.errors:
            try:
                self.topic = topics.parse(self.markdown())
            except topics.TopicError as error:
                for fault in error.faults:
                    self.add_error(None, fault)
        return held

    def markdown(self) -> str:
        """The text of a topic file; not reviewed until somebody approves it."""
        held, row = self.cleaned_data, self.document
        header: dict[str, Any] = {
            "id": row.external_id, "title": held["title"], "language": row.language,
            **{name: held[name] for name in ("names", "body", "audience", "icd10")},
        }  # fmt: skip
        lines = [f"{key} = {_toml(value)}" for key, value in header.items()]
        lines += [f"written = {dt.date.today().isoformat()}", 'reviewed = ""']
        for one in held["sources"]:
            lines += ["[[sources]]", *(f"{key} = {_toml(value)}" for key, value in one.items())]
        parts = [f"## {section_title(slug, row.language)}\n\n{_unix(held[slug])}" for slug in topics.SECTIONS]
        return "+++\n" + "\n".join(lines) + "\n+++\n\n" + "\n\n".join(parts) + "\n"


def _toml(value: Any) -> str:
    """JSON's strings and lists of them are TOML's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "")


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def form_for(document: Document, data: Mapping[str, Any] | None = None) -> TopicForm:
    """The form with what the topic says now, or with what was typed."""
    topic = topics.parse(document.text)
    initial = {
        "version": document.version, "title": topic.title, "names": list(topic.names), "body": list(topic.body),
        "audience": list(topic.audience), "icd10": list(topic.icd10), "sources": document.references, **topic.sections,
    }  # fmt: skip
    return TopicForm(document, data, initial=initial)


def with_review(markdown: str, reviewed: str) -> str:
    """The same text with another ``reviewed`` in its header."""
    head, mark, rest = markdown[3:].partition("\n+++")
    line = f"reviewed = {_toml(reviewed)}"
    return "+++" + re.sub(r"^reviewed = .*$", lambda _match: line, head, count=1, flags=re.MULTILINE) + mark + rest
