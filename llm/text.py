"""From token ids to text that can be shown at once: whole characters only, nothing past a stop string.

Light: imports no torch. Knows nothing of the engine; it is given a ``decode`` function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

BROKEN = "\ufffd"
# Past this many tokens without a whole character the bytes are simply not text; waiting longer would hold the
# answer back for ever.
PATIENCE = 8


class TextStream:
    """One answer's text as its tokens come. ``stopped`` turns true when a stop string was met."""

    def __init__(self, decode: Callable[[list[int]], str], stop: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stop = tuple(word for word in stop if word)
        self._tokens: list[int] = []
        self._prefix = 0
        self._read = 0
        self._held = ""
        self.stopped = False

    def push(self, tokens: Sequence[int]) -> str:
        """The text that became certain with ``tokens``; may be empty."""
        if self.stopped:
            return ""
        self._tokens.extend(tokens)
        return self._past_stop_strings(self._whole_characters(), last=False)

    def flush(self) -> str:
        """What was held back, once no more tokens will come. An unfinished character is left out."""
        if self.stopped:
            return ""
        rest = self._fresh().rstrip(BROKEN)
        self._prefix = self._read = len(self._tokens)
        return self._past_stop_strings(rest, last=True)

    def _fresh(self, end: int | None = None) -> str:
        """Decoded text from what was read up to ``end``; tokens before it are decoded too, for their spaces."""
        before = self._decode(self._tokens[self._prefix : self._read])
        return self._decode(self._tokens[self._prefix : end])[len(before) :]

    def _whole_characters(self) -> str:
        """Text up to the last token that ends a character; the bytes of an unfinished one are at most three tokens."""
        total = len(self._tokens)
        for end in range(total, max(self._read, total - 4), -1):
            fresh = self._fresh(end)
            if not fresh.endswith(BROKEN):
                return self._take(fresh, end)
        if total - self._read < PATIENCE:
            return ""
        return self._take(self._fresh(), total)

    def _take(self, fresh: str, end: int) -> str:
        self._prefix, self._read = self._read, end
        return fresh

    def _past_stop_strings(self, fresh: str, last: bool) -> str:
        text = self._held + fresh
        found = [place for word in self._stop if (place := text.find(word)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = 0 if last else self._possible_start(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of ``text`` that may be the start of a stop string."""
        longest = max((len(word) for word in self._stop), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(word.startswith(text[-size:]) for word in self._stop):
                return size
        return 0
