"""Photos of letters are read, in English and Chinese, in a child that can reach no network."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from bench.letters import CHINESE, ENGLISH, LATIN_FONT, LOOKS, Look, error_share, photo
from consult.chat.glyphs import font_path
from consult.documents import letters, sandbox
from consult.documents.types import Kind, Limits, Reading

LIMITS = Limits()
WORST = LOOKS[-1]


def read(data: bytes, kind: Kind = Kind.JPEG) -> Reading:
    """As a worker does; a model that had to be fetched would fail here, since the child may open no socket."""
    clean = sandbox.clean(data, kind, LIMITS)
    return sandbox.read(clean.data, clean.kind, LIMITS)


def line(text: str, left: float, middle: float) -> letters.Line:
    return letters.Line(text, 0.9, left, middle, 20)


def test_pieces_side_by_side_become_one_line_and_lines_come_from_top_to_bottom() -> None:
    pieces = [line("112", 300, 101), line("Ferritin", 0, 140), line("Haemoglobin", 0, 99), line("9", 300, 143)]
    assert letters._rows(pieces) == ["Haemoglobin  112", "Ferritin  9"]


@pytest.mark.integration
@pytest.mark.parametrize("look", [LOOKS[0], WORST], ids=lambda look: look.name)
def test_an_english_letter_is_read(look: Look) -> None:
    assert error_share(read(photo(ENGLISH[0], LATIN_FONT, look)).text, ENGLISH[0]) < 0.05


@pytest.mark.integration
@pytest.mark.parametrize("look", [LOOKS[0], WORST], ids=lambda look: look.name)
def test_a_chinese_letter_is_read(look: Look) -> None:
    assert error_share(read(photo(CHINESE[0], font_path(), look)).text, CHINESE[0]) < 0.05


@pytest.mark.integration
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_page_on_its_side_or_head_is_turned(angle: int) -> None:
    page = Image.open(io.BytesIO(photo(ENGLISH[3], LATIN_FONT, Look("", quality=80))))
    turned = page.rotate(angle, expand=True)
    out = io.BytesIO()
    turned.save(out, "JPEG")
    assert error_share(read(out.getvalue()).text, ENGLISH[3]) < 0.1


@pytest.mark.integration
def test_a_scanned_pdf_is_read_page_by_page() -> None:
    out = io.BytesIO()
    pages = [Image.open(io.BytesIO(photo(text, LATIN_FONT, LOOKS[0]))) for text in ENGLISH[3:5]]
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=300)
    scanned = read(out.getvalue(), Kind.PDF)
    assert scanned.pages == 2
    assert error_share(scanned.text, "\n".join(ENGLISH[3:5])) < 0.05


@pytest.mark.integration
def test_a_picture_without_words_has_none() -> None:
    out = io.BytesIO()
    Image.effect_noise((600, 400), 30).convert("RGB").save(out, "PNG")
    assert read(out.getvalue(), Kind.PNG).text == ""


@pytest.mark.integration
def test_the_models_are_those_that_the_wheel_carries() -> None:
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    names = {path.name for path in models.glob("*.onnx")}
    assert {"PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"} <= names
