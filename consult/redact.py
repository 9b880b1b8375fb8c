"""Keeps patient text and forged lines out of the logs. Our own code logs names and ids; this is the second line."""

from __future__ import annotations

import logging
import re

LIMIT = 300
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Redact(logging.Filter):
    """Drops the values in exception texts: a traceback keeps its files and lines, not what a variable held."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record is changed in place."""
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = _frames(record.exc_info[1])
            record.exc_info = None
        return True


def _frames(error: BaseException) -> str:
    """The type of ``error`` and where it was raised, without its message: that may quote a patient."""
    import traceback

    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return f"{type(error).__name__} at " + " < ".join(reversed(places[-12:]))


class OneLine(logging.Formatter):
    """One record, one line, bounded: control characters become spaces, so no text can forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished line."""
        line = super().format(record)
        head, _, trace = line.partition("\n")
        head = CONTROL.sub(" ", head)[: LIMIT + 200]
        return f"{head} | {CONTROL.sub(' ', trace)}" if trace else head
