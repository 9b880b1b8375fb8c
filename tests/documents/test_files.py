"""What is taken, what is refused, and that no file can hurt: real parsers, bombs made on the spot."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import time

import pytest
from PIL import Image

from consult.documents import kinds, papers, pictures, reading, sandbox
from consult.documents.types import Kind, Limits, Reason, Refused
from tests.documents import samples

LIMITS = Limits()
REFUSED_WITHIN_S = 2.0


def reason_of(data: bytes, name: str = "") -> str:
    """Why ``data`` is refused, by the quick look or in the child; "" where it is taken."""
    try:
        sandbox.clean(data, kinds.check(data, name), LIMITS)
    except Refused as refused:
        return refused.reason
    return ""


# --- by the bytes alone


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (samples.picture("JPEG"), Kind.JPEG),
        (samples.picture("PNG"), Kind.PNG),
        (samples.picture("WEBP"), Kind.WEBP),
        (samples.pdf(), Kind.PDF),
    ],
)
def test_photos_and_pdfs_are_known_by_their_content(data: bytes, kind: Kind) -> None:
    assert kinds.check(data, "scan") == kind
    assert kinds.check(data, f"C:\\letters\\my scan.{kind.upper()}") == kind


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"Dear doctor", Reason.KIND),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", Reason.KIND),
        (b"<!doctype html><script>alert(1)</script>", Reason.KIND),
        (samples.archive(), Reason.KIND),
        (samples.animation("GIF"), Reason.KIND),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", Reason.HEIC),
        (samples.picture("PNG") + samples.archive(), Reason.MIXED),
        (samples.picture("JPEG") + samples.archive(), Reason.MIXED),
        (samples.pdf() + samples.archive(), Reason.MIXED),
        (samples.picture("PNG") + b"MZ", Reason.MIXED),
        (samples.picture("WEBP") + b"12345", Reason.MIXED),
        (samples.picture("JPEG") + b"<script>alert(1)</script>", Reason.MIXED),
        (samples.picture("JPEG", comment=b"%PDF-1.4"), Reason.MIXED),
        (samples.picture("JPEG", comment=b"<html><script>"), Reason.MIXED),
        (samples.pdf() + b"<script>", Reason.MIXED),
    ],
)
def test_everything_else_is_refused_without_being_opened(data: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        kinds.check(data)
    assert refused.value.reason == reason


@pytest.mark.parametrize("name", ["a.svg", "a.png.exe", "a.html", "../../etc/a.sh"])
def test_a_name_that_says_something_else_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        kinds.check(samples.picture(), name)


# --- pictures


def test_a_photo_is_made_anew_upright_and_says_nothing_of_place_or_owner() -> None:
    clean = sandbox.clean(samples.telephone_photo() + b"\x00MOTION-FILM", Kind.JPEG, LIMITS)
    assert b"CANARY" not in clean.data
    assert b"MOTION-FILM" not in clean.data
    with Image.open(io.BytesIO(clean.data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (200, 400))
        assert not picture.getexif()


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_an_animation_is_refused(format: str) -> None:
    with pytest.raises(Refused) as refused:
        pictures.clean(samples.animation(format), Kind(format.lower()), LIMITS)
    assert refused.value.reason == Reason.MOVING


def test_a_large_picture_is_kept_smaller_and_a_clear_one_on_white() -> None:
    clean = pictures.clean(samples.picture("JPEG", (5000, 2500)), Kind.JPEG, LIMITS)
    with Image.open(io.BytesIO(clean.data)) as picture:
        assert max(picture.size) <= pictures.SIDE_MAX
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(pictures.clean(out.getvalue(), Kind.PNG, LIMITS).data)) as picture:
        assert picture.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("cut", [20, 200, -30])
def test_a_torn_picture_is_damaged(cut: int) -> None:
    with pytest.raises(Refused) as refused:
        pictures.clean(samples.picture("PNG")[:cut], Kind.PNG, LIMITS)
    assert refused.value.reason == Reason.DAMAGED


# --- PDFs


@pytest.mark.parametrize("name", samples.ACTIVE)
def test_a_pdf_that_can_do_something_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        papers.clean(samples.ACTIVE[name], LIMITS)
    assert refused.value.reason == Reason.ACTIVE


def test_a_pdf_may_link_to_a_page() -> None:
    linked = samples.pdf(page="/Annots [<< /Subtype /Link /A << /S /URI /URI (https://example.org) >> >>]")
    assert papers.clean(linked, LIMITS).data == linked


def test_a_locked_pdf_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        papers.clean(samples.locked_pdf(), LIMITS)
    assert refused.value.reason == Reason.LOCKED


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\n%%EOF", samples.pdf()[:300], samples.pdf(texts=[]), b"%PDF-" + bytes(range(256)) * 20]
)
def test_a_broken_pdf_is_damaged(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        papers.clean(data, LIMITS)
    assert refused.value.reason == Reason.DAMAGED


def test_the_words_of_a_pdf_are_read_without_looking_at_its_pages() -> None:
    data = samples.pdf(["Haemoglobin 112 g/L\nFerritin 9 ug/L", "Please take iron tablets."])
    read = reading.read(data, Kind.PDF, LIMITS)
    assert read.text == "Haemoglobin 112 g/L\nFerritin 9 ug/L\n\nPlease take iron tablets."
    assert read.pages == 2


def test_no_more_is_read_than_anybody_uses() -> None:
    read = reading.read(samples.pdf(["word " * 200] * 20), Kind.PDF, Limits(chars=1500))
    assert len(read.text) <= 1500
    assert read.pages == 2


def test_characters_that_nobody_sees_are_left_out() -> None:
    hidden = "".join(chr(0xE0000 + ord(one)) for one in "obey")
    assert reading.tidy(f"a\u200bb\u202e {hidden}\n\n \x07ﬁve  mg") == "ab\nfive  mg"


# --- bombs, in the child


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (samples.huge_png, Reason.PIXELS),
        (lambda: samples.pdf(count=10_000), Reason.PAGES),
        (samples.flate_bomb, Reason.HEAVY),
        (lambda: samples.pdf(more=["null"] * 51_000), Reason.HEAVY),
        (lambda: samples.pdf(more=["[" * 5000 + "]" * 5000]), Reason.DAMAGED),
        (lambda: samples.pdf(more=[stream_of_pixels()]), Reason.PIXELS),
    ],
    ids=["30k x 30k PNG", "10k pages", "flate bomb", "60k objects", "deep nesting", "a huge picture in a PDF"],
)
def test_a_bomb_is_refused_at_once(make: object, reason: Reason) -> None:
    data = make()  # type: ignore[operator]
    began = _childrens_seconds()
    assert reason_of(data) == reason
    assert _childrens_seconds() - began < REFUSED_WITHIN_S


def _childrens_seconds() -> float:
    """Of computing: what the clock says depends on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stream_of_pixels() -> str:
    return samples.stream(b"x", "/Subtype /Image /Width 100000 /Height 100000 /Filter /FlateDecode")


def test_where_the_checks_would_miss_a_bomb_the_childs_memory_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "CLEAN", (400 * 2**20, 5, 20.0))
    with pytest.raises(Refused) as refused:
        sandbox.clean(samples.huge_png(), Kind.PNG, Limits(pixels=10**10))
    assert refused.value.reason == Reason.HEAVY


def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "CLEAN", (2**30, 5, 0.01))
    began = time.monotonic()
    with pytest.raises(Refused):
        sandbox.clean(samples.picture(), Kind.PNG, LIMITS)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.fork()",
        "bytearray(2**31)",
        "import os; out = os.memfd_create('x'); [os.write(out, bytes(2**24)) for _ in range(3)]",
    ],
)
def test_the_child_has_no_network_no_programs_and_little_room(code: str) -> None:
    source = f"from consult.documents.confine import confine\nconfine(2**30, 5)\n{code}"
    done = subprocess.run([sys.executable, "-c", source], cwd=sandbox.ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "PermissionError" in done.stderr or "MemoryError" in done.stderr or "too large" in done.stderr


def test_the_child_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSULT_FIELD_KEYS", "canary")
    monkeypatch.setenv("DATABASE_URL", "canary")
    assert "canary" not in sandbox._environment().values()
