"""The one font of printed pages: a whole Chinese one, cut down to the characters that a document uses.

The font is Noto Sans SC from the wheel pylopdf-fonts-zh-cn (Open Font License). Its outlines are cubic, which
reportlab cannot embed, so that those used are redrawn as quadratic ones. Knows nothing of documents or people.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

PACKAGE = "pylopdf_fonts_zh_cn"
FILE = "NotoSansSC-Regular.otf"
MISSING = "□"  # stands for a character that the font does not have
ALWAYS = f"{MISSING}0123456789 "
OUTLINE_ERROR = 1.0  # in units of the font, a thousandth of its size
KEPT_TABLES = ("head", "hhea", "hmtx", "maxp", "cmap", "OS/2", "name", "post", "glyf", "loca")


class NoFont(Exception):
    """The font is not installed."""


def font_path() -> Path:
    """Where the font lies; NoFont where its wheel is missing."""
    found = find_spec(PACKAGE)
    path = Path(found.origin).parent / FILE if found and found.origin else None
    if path is None or not path.is_file():
        raise NoFont(f"the font {FILE} of the package {PACKAGE} is not installed")
    return path


@cache
def drawable() -> frozenset[int]:
    """The code points that the font can draw."""
    with TTFont(font_path(), lazy=True) as font:
        return frozenset(font.getBestCmap())


def fitted(text: str) -> tuple[str, int]:
    """``text`` with a sign in place of what the font cannot draw, and how many such characters there were."""
    known = drawable()
    kept = "".join(one if one in "\n" or ord(one) in known else MISSING for one in text if one == "\n" or ord(one) > 31)
    return kept, kept.count(MISSING) - text.count(MISSING)


def truetype_for(text: str) -> io.BytesIO:
    """A TrueType font with the characters of ``text``."""
    with TTFont(font_path(), lazy=True) as font:
        options = subset.Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[1, 2, 4, 6])
        cutter = subset.Subsetter(options)
        cutter.populate(text=text + ALWAYS)
        cutter.subset(font)
        _redraw(font)
        made = io.BytesIO()
        font.save(made)
    made.seek(0)
    return made


def _redraw(font: TTFont) -> None:
    """Replace the cubic outlines by quadratic ones."""
    order, glyphs = font.getGlyphOrder(), font.getGlyphSet()
    table = newTable("glyf")
    table.glyphOrder, table.glyphs = order, {}
    for name in order:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, OUTLINE_ERROR, reverse_direction=True))
        table.glyphs[name] = pen.glyph()
    font["glyf"], font["loca"] = table, newTable("loca")
    _limits(font)
    for tag in [tag for tag in font.keys() if tag not in (*KEPT_TABLES, "GlyphOrder")]:  # noqa: SIM118
        del font[tag]
    font.sfntVersion = "\x00\x01\x00\x00"


def _limits(font: TTFont) -> None:
    """The table of limits as TrueType wants it; its counts are filled in on saving."""
    limits = font["maxp"] = newTable("maxp")
    limits.tableVersion, limits.numGlyphs = 0x00010000, len(font.getGlyphOrder())
    names = (
        "maxPoints maxContours maxCompositePoints maxCompositeContours maxTwilightPoints maxStorage maxFunctionDefs "
        "maxInstructionDefs maxStackElements maxSizeOfInstructions maxComponentElements maxComponentDepth"
    )
    for name in names.split():
        setattr(limits, name, 0)
    limits.maxZones = 1
    font["post"].formatType = 3.0
