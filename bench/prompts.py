"""Prompts as the product sends them: a question and a passage of the health library, cut to a number of tokens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LIBRARY = Path("consult/library/content/en")
SYSTEM = "Answer from the passage in short sentences. If the passage does not hold the answer, say so."


def prompts(tokenizer: Any, number: int, tokens: int, system: str = SYSTEM) -> list[str]:
    """``number`` user turns; with ``system`` and the chat template each has ``tokens`` tokens, within one or two.

    Raises ValueError where the library is too small.
    """
    pages = [page for page in sorted(LIBRARY.glob("*.md")) if len(tokenizer.encode(_text(page))) > tokens]
    if len(pages) < number:
        raise ValueError(f"the library has {len(pages)} pages of {tokens} tokens, {number} are needed")
    return [_cut(tokenizer, page, tokens, system) for page in pages[:number]]


def _text(page: Path) -> str:
    body = page.read_text().split("+++")[-1]
    return re.sub(r"\s+", " ", re.sub(r"[#*_>|-]+", " ", body)).strip()


def _cut(tokenizer: Any, page: Path, tokens: int, system: str) -> str:
    topic = page.stem.replace("-", " ")
    words = _text(page).split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(tokenizer, topic, words[:middle], system) <= tokens else (low, middle - 1)
    return _turn(topic, words[:low])


def _turn(topic: str, words: list[str]) -> str:
    return f"What should I know about {topic}, and what can I do myself? Passage: {' '.join(words)}"


def _size(tokenizer: Any, topic: str, words: list[str], system: str) -> int:
    turns = [{"role": "system", "content": system}, {"role": "user", "content": _turn(topic, words)}]
    return len(tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False))
