"""Translations: compiles each ``locale/*/LC_MESSAGES/*.po`` to the ``.mo`` beside it, without gettext's tools.

Run: ``python -m consult.catalogues``. Needs Babel only; knows nothing of Django.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent


def compile_all(root: Path = ROOT / "locale") -> list[Path]:
    """Compile every catalogue that changed since it was last compiled. Returns the ``.mo`` files written."""
    return [compiled for source in sorted(root.glob("*/LC_MESSAGES/*.po")) if (compiled := _compile(source))]


def _compile(source: Path) -> Path | None:
    target = source.with_suffix(".mo")
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return None
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parent.parent.name)
    draft = target.with_suffix(".mo.part")
    with draft.open("wb") as binary:
        write_mo(binary, catalogue)
    draft.replace(target)  # a reader sees the old file or the new one, never half of one
    return target


if __name__ == "__main__":
    for written in compile_all():
        print(f"Compiled {written.relative_to(ROOT)}")
