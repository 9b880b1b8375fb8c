"""The words in a picture, by the models that the rapidocr wheel carries (English and Chinese). Only in the child.

rapidocr fetches a model that it cannot find; each path is given here, so that there is nothing to fetch, and the
child has no network either.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

SCORE_MIN = 0.5  # of a line: what is below is not shown
UPRIGHT = 0.8  # mean score from which a page is not tried turned
SAME_LINE = 0.6  # of a line's height: closer centres stand in one line


class Line(NamedTuple):
    """A piece of text, where it stands, and how sure the model is."""

    text: str
    score: float
    left: float
    middle: float
    height: float
    upended: bool = False  # it runs from top to bottom


@cache
def _reader() -> Any:
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            # The model for lines on their head turns good lines round; whole pages are tried turned instead.
            "Global.use_cls": False,
            "Global.text_score": SCORE_MIN,
            # Each thread reserves address space, and the answers need the processors too.
            "EngineConfig.onnxruntime.intra_op_num_threads": min(2, os.cpu_count() or 1),
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
        }
    )


def read(picture: Image.Image) -> str:
    """The words, line by line; "" where there are none. A page that lies on its side or head is turned.

    A line that runs from top to bottom is read as well as any, so a page on its side is known by its boxes alone.
    """
    lines = _lines(picture)
    if sum(len(line.text) for line in lines if line.upended) > sum(len(line.text) for line in lines) / 2:
        picture = picture.rotate(90, expand=True)
        lines = _lines(picture)
    if lines and _sureness(lines) < UPRIGHT:
        lines = max(lines, _lines(picture.rotate(180)), key=_weight)
    return "\n".join(_rows(lines))


def _lines(picture: Image.Image) -> list[Line]:
    found = _reader()(np.asarray(picture.convert("RGB"))[:, :, ::-1])
    if found.boxes is None:
        return []
    pieces = zip(found.boxes, found.txts, found.scores, strict=True)
    return [_line(box, text, float(score)) for box, text, score in pieces]


def _line(box: Any, text: str, score: float) -> Line:
    left, top = box.min(axis=0)
    right, bottom = box.max(axis=0)
    # A tilted line's box is as high as its rise: the side is the letters' own height.
    height = float(np.linalg.norm(box[3] - box[0]))
    upended = len(text) > 2 and bottom - top > right - left
    return Line(text, score, float(left), float(top + bottom) / 2, height, bool(upended))


def _sureness(lines: list[Line]) -> float:
    return fmean(line.score for line in lines)


def _weight(lines: list[Line]) -> float:
    """How much was read, and how surely."""
    return sum(len(line.text) * line.score**4 for line in lines)


def _rows(lines: list[Line]) -> list[str]:
    """Pieces that stand side by side, as in a table of results, become one line."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.middle):
        last = rows[-1][-1] if rows else None
        if last is not None and line.middle - last.middle < SAME_LINE * min(line.height, last.height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return ["  ".join(one.text for one in sorted(row, key=lambda one: one.left)) for row in rows]
