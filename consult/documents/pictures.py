"""Photos: looked through, turned upright and made anew. Only in the child process."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from consult.documents.types import Clean, Kind, Limits, Reason, Refused

SIDE_MAX = 3200  # pixels: small print on a page is readable, a rash is too
QUALITY = 88


def clean(data: bytes, kind: Kind, limits: Limits) -> Clean:
    """The same picture as a JPEG of ours: nothing is left of place, camera, comments or what stood behind its end."""
    Image.MAX_IMAGE_PIXELS = None  # the size is asked before anything is unpacked
    try:
        with Image.open(io.BytesIO(data), formats=[kind.upper()]) as picture:
            _check(picture, limits)
            picture.draft("RGB", (SIDE_MAX, SIDE_MAX))  # a large JPEG is unpacked smaller
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((SIDE_MAX, SIDE_MAX))
            plain = _on_white(upright)
            plain.info.clear()  # Pillow would write comments and the like into the new file
            out = io.BytesIO()
            plain.save(out, "JPEG", quality=QUALITY, optimize=True)
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises on broken files
        raise Refused(Reason.DAMAGED) from error
    return Clean(kind, 1, out.getvalue())


def _check(picture: Image.Image, limits: Limits) -> None:
    width, height = picture.size
    if width * height > limits.pixels:
        raise Refused(Reason.PIXELS)
    # A telephone's JPEG may hold a second view of the same scene; that is no film.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise Refused(Reason.MOVING)


def _on_white(picture: Image.Image) -> Image.Image:
    """Without transparency, and in colours that every viewer shows."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")
