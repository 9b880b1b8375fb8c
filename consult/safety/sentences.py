"""Cut text into sentences, in English and Chinese, while it is still being written.

Knows nothing of passages or of safety. A sentence keeps its list marker and its citation marks, as in
``"Rest helps. [1]"``; a sentence is complete only once the text after it shows that it has ended.
"""

from __future__ import annotations

import re

# Marks as models write them: [1], [1, 2], [1-3], and the full-width forms.
CITATION = re.compile(r"[\[【［]\s*(\d{1,2}(?:\s*[,，、;-]\s*\d{1,2})*)\s*[\]】］]")

_DOTTED = ("e.g", "i.e", "a.m", "p.m", "u.s", "u.k", "etc", "vs", "approx", "no", "fig", "min", "max", "al", "ca", "cf")
_TITLES = ("dr", "mr", "mrs", "ms", "prof", "st", "dept", "inc", "ltd", "tel", "ext", "incl", "viz")
_MONTHS = ("jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec")
_ABBREVIATIONS = frozenset((*_DOTTED, *_TITLES, *_MONTHS))
# Abbreviations that are also common ends of a sentence: they end one when a capital follows.
_MAY_END = frozenset(("etc", "a.m", "p.m", "u.s", "u.k", "no", "min", "max", "inc", "ltd"))
_CLOSERS = "\"'”’)）」』》*_"
_WIDE_ENDS = "。！？!?"
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*(?:[-*•]\s*)?\(?\d{1,2}$")
_LAST_WORD = re.compile(r"([A-Za-z](?:[A-Za-z.]*[A-Za-z])?)$")


def split_complete(text: str) -> tuple[list[str], str]:
    """Cut ``text`` into the sentences that have certainly ended, and the rest, which may still grow.

    Feeding the rest back in front of what comes next gives the same sentences as cutting the whole at once.
    """
    sentences: list[str] = []
    start = position = 0
    while position < len(text):
        end = _end_at(text, start, position)
        if end is None:
            break
        if end > position:
            _keep(sentences, text[start:end])
            start = position = end
        else:
            position += 1
    return sentences, text[start:]


def split(text: str) -> list[str]:
    """Every sentence of a text that is known to be whole."""
    sentences, rest = split_complete(text)
    _keep(sentences, rest)
    return sentences


def cited(sentence: str) -> tuple[int, ...]:
    """The passage numbers that a sentence cites, in order, each once."""
    numbers: list[int] = []
    for match in CITATION.finditer(sentence):
        parts = re.split(r"\s*[,，、;]\s*", match.group(1))
        for part in parts:
            low, _, high = part.partition("-")
            first, last = int(low), int(high or low)
            numbers.extend(range(first, min(last, first + 20) + 1))
    return tuple(dict.fromkeys(numbers))


def without_citations(sentence: str) -> str:
    """The sentence without its citation marks and without the spaces that they leave."""
    bare = CITATION.sub("", sentence)
    bare = re.sub(r"[ \t]{2,}", " ", bare)
    return re.sub(r"\s+([.,;:!?。，；：！？])", r"\1", bare).strip()


def _keep(sentences: list[str], piece: str) -> None:
    if piece.strip():
        sentences.append(piece.strip())


def _end_at(text: str, start: int, position: int) -> int | None:
    """Where the sentence ends that ends at ``position``; ``position`` itself if none does; None if not yet known."""
    character = text[position]
    if character == "\n":
        return position + 1
    if character == "." and not _ends_here(text, start, position):
        return position
    if character not in "." + _WIDE_ENDS:
        return position
    return _after_marks(text, position)


def _ends_here(text: str, start: int, position: int) -> bool:
    """Whether the full stop at ``position`` could end a sentence (not 2.5, e.g., E. coli or "1." of a list)."""
    following = text[position + 1 : position + 2]
    if following.isalnum():
        return False
    before = text[start:position]
    if _LIST_NUMBER.search(before):
        return False
    word = _LAST_WORD.search(before)
    if word is None:
        return True
    last = word.group(1)
    if last.lower() in _MAY_END:
        return True
    return last.lower() not in _ABBREVIATIONS and not (len(last) == 1 and last.isupper() and last != "I")


def _after_marks(text: str, position: int) -> int | None:
    """Walk over closing quotes and citations; the end, or ``position`` if the text goes on, or None if unknown."""
    end = position + 1
    while end < len(text) and text[end] in "." + _WIDE_ENDS + _CLOSERS:
        end += 1
    while True:
        ahead = end
        while ahead < len(text) and text[ahead] in " \t":
            ahead += 1
        if ahead >= len(text):
            return None
        if text[ahead] not in "[【［":
            break
        mark = CITATION.match(text, ahead)
        if mark is None:
            if len(text) - ahead < 12 and not re.search(r"[\]】］]", text[ahead:]):
                return None
            break
        end = mark.end()
        if end < len(text) and text[end] in ".。":
            end += 1
    return _decide(text, position, end, ahead)


def _decide(text: str, position: int, end: int, ahead: int) -> int:
    wide = text[position] in "。！？"
    spaced = ahead > end or text[ahead] == "\n"
    if wide:
        return end
    if not spaced and not _is_wide(text[ahead]) and end == position + 1:
        return position
    goes_on = text[position] == "." and text[ahead].islower()
    word = _LAST_WORD.search(text[:position])
    may_end = word is not None and word.group(1).lower() in _MAY_END
    if goes_on or (may_end and not text[ahead].isupper() and text[ahead] != "\n"):
        return position
    return end


def _is_wide(character: str) -> bool:
    return character >= "\u2e80"
