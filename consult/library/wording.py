"""Names of sections, parts of the body and review states as readers see them, and addresses of our pages."""

from __future__ import annotations

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consult.library.models import Document
from consult.library.topics import SECTIONS

BODY: dict[str, str | Promise] = {
    "head": gettext_lazy("Head and brain"), "eye": gettext_lazy("Eyes"), "ear": gettext_lazy("Ears"),
    "nose": gettext_lazy("Nose"), "mouth": gettext_lazy("Mouth and teeth"), "teeth": gettext_lazy("Mouth and teeth"),
    "throat": gettext_lazy("Throat"), "neck": gettext_lazy("Neck"), "chest": gettext_lazy("Chest"),
    "lungs": gettext_lazy("Lungs and breathing"), "heart": gettext_lazy("Heart"),
    "blood": gettext_lazy("Blood and circulation"), "belly": gettext_lazy("Belly"), "bowel": gettext_lazy("Bowel"),
    "liver": gettext_lazy("Liver"), "bladder": gettext_lazy("Bladder"), "kidney": gettext_lazy("Kidneys"),
    "kidneys": gettext_lazy("Kidneys"), "genitals": gettext_lazy("Sexual health"),
    "sexual": gettext_lazy("Sexual health"), "breast": gettext_lazy("Breasts"),
    "womb": gettext_lazy("Periods and womb"),
    "skin": gettext_lazy("Skin, hair and nails"), "hair": gettext_lazy("Skin, hair and nails"),
    "back": gettext_lazy("Back"), "joints": gettext_lazy("Bones, joints and muscles"),
    "bones": gettext_lazy("Bones, joints and muscles"), "muscles": gettext_lazy("Bones, joints and muscles"),
    "arm": gettext_lazy("Arms and hands"), "hand": gettext_lazy("Arms and hands"), "leg": gettext_lazy("Legs and feet"),
    "foot": gettext_lazy("Legs and feet"), "mind": gettext_lazy("Mind and mood"), "nerves": gettext_lazy("Nerves"),
    "hormones": gettext_lazy("Hormones"), "pregnancy": gettext_lazy("Pregnancy and birth"),
    "child": gettext_lazy("Babies and children"), "medicines": gettext_lazy("Medicines"),
    "whole-body": gettext_lazy("Whole body"), "services": gettext_lazy("Using health services"),
    "tests": gettext_lazy("Tests"), "lifestyle": gettext_lazy("Living well"),
    "older": gettext_lazy("Older people"), "prevention": gettext_lazy("Prevention and screening"),
}  # fmt: skip


def body_title(part: str) -> str:
    """The name of a part of the body; unknown parts are written out from their slug."""
    return str(BODY.get(part) or part.replace("-", " ").capitalize())


def section_title(section: str, language: str) -> str:
    """A section's heading in the language of its document."""
    return SECTIONS.get(section, {}).get("zh" if language == "zh" else "en", section)


def review_words(document: Document) -> str:
    """Whether a clinician has approved it, in the reader's language."""
    if document.review_state == Document.Review.APPROVED and document.reviewed:
        who, _comma, when = document.reviewed.rpartition(", ")
        if who and when[:4].isdecimal():
            return _("Reviewed by %(who)s on %(date)s") % {"who": who, "date": when}
        return _("Reviewed by %(who)s") % {"who": document.reviewed}
    if document.kind == Document.Kind.TOPIC:
        return _("Not clinically reviewed")
    return ""


def address_of(document: Document, anchor: str = "") -> str:
    """Our page of a document, at a passage where ``anchor`` is given."""
    fragment = f"#{anchor}" if anchor else ""
    if document.kind == Document.Kind.TOPIC:
        return reverse("library:topic", args=[document.language, document.external_id]) + fragment
    return reverse("library:document", args=[document.pk]) + fragment
