"""One question of a file, answered as the chat would answer it: the same triage, cards, search, model, guard, passages.

Nothing is stored. Used by ``manage.py answer`` and ``manage.py evaluate_answers``; knows no command line.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.utils.translation import override

from consult.chat import actions, personal, reply, tasks
from consult.library import citations
from consult.safety import messages as cards
from consult.safety import triage
from consult.safety.rules import profile_from
from consult.safety.types import Assessment, Author, Language, Level, Turn, Verdict, language_from
from llm.types import ChatMessage, Engine, EngineError, Identity, RequestRefused

TEXT_MAX = 20_000  # characters of one turn


class BadRow(ValueError):
    """A row that cannot be read; says what is wrong with it, and none of its text."""


@dataclass(slots=True)
class Kept:
    """Keeps an answer in memory: a ``reply.Keeper`` of nobody's conversation."""

    ids: list[str] = field(default_factory=list)
    sentences: list[Verdict] = field(default_factory=list)  # let through
    refused: list[Verdict] = field(default_factory=list)
    identity: Identity | None = None

    def passages(self, ids: list[str]) -> None:
        self.ids = ids

    def model(self, identity: Identity) -> None:
        self.identity = identity

    def sentence(self, position: int, number: int | None, verdict: Verdict, raw: str) -> None:
        if number is None:
            self.refused.append(dataclasses.replace(verdict, text=raw))
        else:
            self.sentences.append(verdict)

    def ask(self) -> None:
        """Nobody else could want it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A row's answer with what it rests on. ``text`` is all that the patient would read."""

    id: object
    level: Level
    text: str
    composed: reply.Composed
    kept: Kept
    citations: tuple[citations.CitationView, ...]  # those that the text names
    ms: float
    would_ask: str = ""  # the question that the chat would have asked first; here nobody is there to answer it

    def as_json(self) -> dict[str, Any]:
        """The line that ``manage.py answer`` prints."""
        identity = self.kept.identity
        return {
            "id": self.id, "level": self.level, "text": self.text,
            "citations": [
                {"number": one.number, "key": one.key, "title": one.title, "section": one.section,
                 "source": one.source, "reviewed": one.reviewed, "url": one.url, "text": one.text}
                for one in self.citations
            ],
            "composed": self.composed, "would_ask": self.would_ask,
            "refused": [
                {"text": one.text, "reasons": [reason.code for reason in one.reasons]} for one in self.kept.refused
            ],
            "model": identity.base if identity else "", "adapter": identity.adapter if identity else "",
            "ms": round(self.ms, 1),
        }  # fmt: skip


@contextmanager
def engine(say: Callable[[str], object]) -> Iterator[Engine | None]:
    """The engine of this installation, closed at the end; None, said in a line, where no weights or torch are there."""
    try:
        one = tasks.engine()
    except (EngineError, ImportError, OSError, ValueError) as error:
        say(f"no model, so the library's own sentences answer: {error}")
        yield None
        return
    try:
        yield one
    finally:
        one.close()  # its thread would otherwise keep the process from ending


def answers(lines: Sequence[str], engine: Engine | None, *, at_once: int = 1) -> Iterator[tuple[int, Answered | str]]:
    """Number of each line that is not empty with its answer, or with what is wrong; in the order of the lines."""
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if at_once == 1:
        yield from ((number, _of_line(line, engine)) for number, line in rows)
        return
    with ThreadPoolExecutor(at_once) as pool:
        found = pool.map(lambda row: _in_thread(row[1], engine), rows)
        yield from ((number, one) for (number, _line), one in zip(rows, found, strict=True))


def _in_thread(line: str, engine: Engine | None) -> Answered | str:
    try:
        return _of_line(line, engine)
    finally:
        connection.close()  # of this thread


def _of_line(line: str, engine: Engine | None) -> Answered | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {type(error).__name__}"
    try:
        return answer(row, engine)
    except BadRow as bad:
        return str(bad)
    except EngineError as error:
        return f"the model failed: {error}"


def turns_of(row: Mapping[str, Any]) -> list[Turn]:
    """The turns of a row: ``text`` is one message of the patient; ``turns`` have role or author, and text."""
    if "text" in row:
        return [Turn("patient", row["text"])]
    return [Turn(_author(turn.get("author") or turn.get("role")), turn["text"]) for turn in row["turns"]]


def _author(name: str | None) -> Author:
    if name in ("patient", "user", None):
        return "patient"
    return "clinician" if name == "clinician" else "software"


def answer(row: Mapping[str, Any], engine: Engine | None) -> Answered:
    """Answer the last turn of a row, which is to be the patient's. Raises BadRow, and EngineError of the engine."""
    begun = time.perf_counter()
    turns, profile = _read(row)
    named = row.get("lang")
    assessed = triage.assess(turns, profile_from(profile), language_from(named) if named else None)
    language = triage.language_of(turns[-1].text) or language_from(named)
    kept = Kept()
    with override("zh-hans" if language == "zh" else "en"):
        done, parts = _answered(turns, profile, assessed, language, engine, kept)
        used = {number for verdict in kept.sentences for number in verdict.citations}
        views = tuple(one for one in citations.describe(kept.ids) if one.number in used)
    took = (time.perf_counter() - begun) * 1000
    text = "\n\n".join(parts)
    return Answered(row["id"], assessed.level, text, done.composed, kept, views, took, done.would_ask)


def _read(row: Mapping[str, Any]) -> tuple[list[Turn], dict[str, Any]]:
    if not isinstance(row, Mapping):
        raise BadRow("not an object")
    try:
        turns, profile = turns_of(row), dict(row.get("profile") or {})
        texts = [turn.text for turn in turns]
        profile_from(profile)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadRow(f"{type(error).__name__}: a row needs id and text or turns") from None
    if "id" not in row or not all(isinstance(text, str) for text in texts):
        raise BadRow("a row needs an id and texts that are strings")
    if not turns or turns[-1].author != "patient" or not texts[-1].strip():
        raise BadRow("the last turn must be the patient's, and say something")
    if max(map(len, texts)) > TEXT_MAX:
        raise BadRow(f"a text is longer than {TEXT_MAX} characters")
    if not isinstance(row.get("lang"), str | None):
        raise BadRow("lang must be a string")
    # Half a surrogate pair is no character: no screen shows it, and no database keeps it.
    return [Turn(turn.author, turn.text.encode("utf-8", "replace").decode()) for turn in turns], profile


def _answered(
    turns: Sequence[Turn], profile: Mapping[str, Any], assessed: Assessment, language: Language,
    engine: Engine | None, kept: Kept,
) -> tuple[reply.Answer, list[str]]:  # fmt: skip
    """The answer, and the parts that are read: cards, the answer, and what to do if it gets worse."""
    parts = []
    if assessed.level in actions.FIXED_LEVELS or assessed.level == Level.URGENT:
        parts.append(actions.words_of(cards.card_for(assessed, country=settings.COUNTRY)))
    if assessed.level in actions.FIXED_LEVELS:
        return reply.Answer("fixed"), parts
    asked = reply.Asked(
        id=uuid4().hex, text=turns[-1].text, language=language, level=assessed.level,
        about=personal.about(profile), history=_history(turns), asked_before=None,
        said="\n".join(turn.text for turn in turns if turn.author == "patient"),
    )  # fmt: skip
    try:
        done = reply.answer(asked, engine, kept)
    except RequestRefused:  # longer than the model reads: the passages answer
        kept.sentences, kept.refused = [], []
        done = reply.answer(asked, None, kept)
    if done.card is not None:
        return done, [*parts, actions.words_of(done.card)]
    told = [personal.said(done.used)] if done.used else []
    return done, [*parts, done.text, *told, cards.worsening(assessed.level, language)]


def _history(turns: Sequence[Turn]) -> tuple[ChatMessage, ...]:
    return reply.recent((turn.author == "patient", turn.text) for turn in turns[-2::-1])
