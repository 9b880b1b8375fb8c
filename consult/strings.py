"""Every sentence of the site that is to be translated, found in templates and code, and the catalogue that holds them.

Run: ``python -m consult.strings`` brings ``locale/*/LC_MESSAGES/django.po`` up to date and says what lacks a
translation. Needs Babel and Django's template scanner only, no gettext tools. Knows nothing of the fixed cards:
those are safety's, in both languages in one file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CODE = ("accounts", "consult")
SINGLE = {"gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
LITERAL = r"u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
CALL = re.compile(rf"\b(_|gettext|ngettext)\(\s*({LITERAL})(?:\s*,\s*({LITERAL}))?")
HEADER = """# Translations of Consult. Brought up to date by: python -m consult.strings
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


class Found(NamedTuple):
    """A string where it stands; ``plural`` is "" for one without."""

    text: str
    plural: str
    place: str


def all_strings(root: Path = ROOT) -> list[Found]:
    """What the templates and the code ask to be translated, in the order of their files."""
    found = [one for path in sorted((root / "templates").rglob("*.html")) for one in _in_template(path, root)]
    for folder in CODE:
        found += [one for path in sorted((root / folder).rglob("*.py")) for one in _in_code(path, root)]
    return found


def _in_template(path: Path, root: Path) -> Iterator[Found]:
    from django.utils.translation.template import templatize

    place = path.relative_to(root).as_posix()
    for call in CALL.finditer(templatize(path.read_text(encoding="utf-8"), origin=place)):
        text, plural = ast.literal_eval(call[2]), ast.literal_eval(call[3]) if call[3] else ""
        yield Found(text, plural if call[1] == "ngettext" else "", place)


def _in_code(path: Path, root: Path) -> Iterator[Found]:
    place = path.relative_to(root).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    real = {one.asname: one.name for node in imports for one in node.names if one.asname}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        name = real.get(name, name)
        texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if name in SINGLE and texts:
            yield Found(texts[0], "", place)
        elif name in PLURAL and len(texts) >= 2:
            yield Found(texts[0], texts[1], place)


def updated(catalogue: Catalog, found: list[Found]) -> Catalog:
    """``found`` with the translations of ``catalogue``; what is asked for no more falls out."""
    fresh = Catalog(locale=catalogue.locale, domain="django", fuzzy=False)
    for one in found:
        key = (one.text, one.plural) if one.plural else one.text
        known = catalogue.get(one.text)
        same_kind = known is not None and isinstance(known.id, str) == isinstance(key, str)
        fresh.add(key, known.string if known is not None and same_kind else "", locations=[(one.place, 0)])
    return fresh


def save(catalogue: Catalog, path: Path) -> None:
    """Write it with a header of fixed words: a date of today in it would change the file at every run."""
    with path.open("wb") as out:
        out.write(HEADER.format(language=catalogue.locale).encode())
        write_po(out, catalogue, width=120, sort_output=True, omit_header=True)


def missing(catalogue: Catalog, found: list[Found]) -> list[str]:
    """The strings without a translation, or with a doubtful or a half one."""
    return sorted({one.text for one in found if not _is_translated(catalogue, one)})


def _is_translated(catalogue: Catalog, one: Found) -> bool:
    known = catalogue.get(one.text)
    if known is None or known.fuzzy or not known.string:
        return False
    parts = [known.string] if isinstance(known.string, str) else list(known.string)
    return bool(parts) and all(parts)


def main() -> int:
    """Write each catalogue anew; 1 where something lacks a translation."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure()
        django.setup()
    found = all_strings()
    lacking = 0
    for path in sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po")):
        with path.open("rb") as text:
            catalogue = updated(read_po(text, locale=path.parent.parent.name), found)
        save(catalogue, path)
        for text_ in missing(catalogue, found):
            print(f"{path.parent.parent.name}: {text_}")
            lacking += 1
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
