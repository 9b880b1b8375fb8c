"""Writing one answer: search, prompt, stream, cut into sentences, check each, store, announce, finish.

The only driver of an engine. Knows nothing of Celery: it is handed a claimed reply and an engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from django.conf import settings

from accounts.models import Profile as ProfileRow
from accounts.profile import facts
from consult.chat import actions, lease, render
from consult.chat.models import Message, Reply
from consult.library import search as library
from consult.safety import guard, requests, sentences
from consult.safety import messages as cards
from consult.safety.types import Language, Level, Passage, Verdict
from llm import prompts
from llm.types import ChatMessage, Engine, EngineDown, Request, Sampling

PASSAGES = 4
HISTORY_TURNS = 4
HISTORY_CHARS = 1200
ASK_S = 0.5  # how often the row is asked whether the answer is still wanted
BEST = 1
SAID_MIN = 2  # sentences: one alone rarely helps, so the passages add to it
SHOWN_MAX = 8  # sentences: more is not read
REFUSED_MAX = 4  # in a row: the model has lost the thread
SAMPLING = Sampling(max_new_tokens=220, repetition_penalty=1.05)


class Lost(Exception):
    """The reply was stopped, withheld or taken over; what this attempt would write is not wanted."""


@dataclass(slots=True)
class Writing:
    """One attempt at one reply, as far as it has come."""

    reply: Reply
    language: Language
    passages: list[Passage]
    ids: list[str]  # of the passages, in the order of the prompt
    cited: list[int] = field(default_factory=list)  # numbers of the prompt, in the order of their first use
    draft: str = ""
    said: list[str] = field(default_factory=list)  # without marks: what the guard compares with
    shown: list[str] = field(default_factory=list)  # with marks: what the patient reads
    position: int = 0
    refused_in_a_row: int = 0

    @property
    def has_enough(self) -> bool:
        """Whether more of the model's text would be of no use."""
        return len(self.shown) >= SHOWN_MAX or self.refused_in_a_row >= REFUSED_MAX

    def judge(self, sentence: str) -> None:
        """Pass one sentence of the model through the guard, and keep it with the verdict."""
        level = Level(self.reply.conversation.level)
        verdict = guard.check_sentence(sentence, self.passages, level=level, language=self.language, said=self.said)
        self.keep(sentence, verdict)

    def keep(self, raw: str, verdict: Verdict) -> None:
        """Store a judged sentence under the next number; Lost when the reply is not ours any more."""
        verdict = replace(verdict, citations=self.renumbered(verdict.citations))
        number = len(self.shown) if verdict.allowed else None
        if not lease.store_sentence(self.reply, self.position, number, verdict, raw):
            raise Lost
        self.position += 1
        self.refused_in_a_row = 0 if verdict.allowed else self.refused_in_a_row + 1
        if verdict.allowed:
            self.said.append(verdict.text)
            self.shown.append(render.marked(verdict.text, list(verdict.citations)))

    def renumbered(self, citations: Sequence[int]) -> tuple[int, ...]:
        """Numbers as the reader meets them: the first source of an answer is 1, whatever its place in the prompt.

        The reply's passages are kept in the same order: those cited first, the others of the prompt behind them.
        """
        fresh = [number for number in citations if number not in self.cited]
        if fresh:
            self.cited += fresh
            order = self.cited + [one.number for one in self.passages if one.number not in self.cited]
            lease.describe(self.reply, passages=[self.ids[number - 1] for number in order])
        return tuple(sorted(self.cited.index(number) + 1 for number in citations))


def write(reply: Reply, engine: Engine) -> None:
    """Bring a claimed reply to its end. Raises EngineError where the model could not; Lost is handled here."""
    try:
        _write(reply, engine)
    except Lost:
        engine.cancel(_request_id(reply))


def _write(reply: Reply, engine: Engine) -> None:
    language = actions.language_of(reply.question)
    declined = requests.declines(reply.question.body, language, settings.COUNTRY)
    if declined is not None:
        lease.finish(reply, card=declined, composed="fixed")
        return
    hits = library.search(reply.question.body, language=language, limit=PASSAGES)
    passages = [Passage(n, hit.document_title, hit.text) for n, hit in enumerate(hits, start=1)]
    identity = engine.identity()
    ids = [str(hit.passage_id) for hit in hits]
    lease.describe(
        reply,
        passages=ids,
        base_model=identity.base,
        base_hash=identity.base_hash,
        adapter=identity.adapter,
        adapter_hash=identity.adapter_hash,
        prompt_version=prompts.PROMPT_VERSION,
        guard_version=guard.GUARD_VERSION,
    )
    writing = Writing(reply, language, passages, ids)
    if passages and language in settings.MODEL_LANGUAGES:
        _stream(writing, engine)
    _finish(writing)


def _stream(writing: Writing, engine: Engine) -> None:
    """Let the model write, sentence by sentence."""
    rest = ""
    for text, last in _pieces(writing, engine):
        writing.draft += text
        done, rest = sentences.split_complete(rest + text)
        for sentence in done:
            writing.judge(sentence)
        if last == "stop" and rest.strip():
            writing.judge(rest)  # it ended by itself: what is left is a sentence, not a torn one


def _pieces(writing: Writing, engine: Engine) -> Iterator[tuple[str, str | None]]:
    """Text from the engine, as long as the answer is wanted and within its limits; leaving early cancels it."""
    # The adapter that the row names, even if another becomes the active one in this moment (promise P6).
    request = Request(_request_id(writing.reply), _prompt(writing), SAMPLING, adapter=writing.reply.adapter)
    end = time.monotonic() + settings.REPLY_MAX_S
    asked = time.monotonic()
    with closing(engine.stream(request)) as stream:
        for chunk in stream:
            now = time.monotonic()
            if now > end or writing.has_enough:
                return
            if now - asked > ASK_S:
                asked = now
                if not lease.is_mine(writing.reply):
                    raise Lost
            yield chunk.text, chunk.finish
            if chunk.finish == "cancelled":
                raise EngineDown("the engine ended the answer")


def _request_id(reply: Reply) -> str:
    return f"{reply.pk}.{reply.attempt}"


def _prompt(writing: Writing) -> tuple[ChatMessage, ...]:
    reply = writing.reply
    pairs = [(passage.title, passage.text) for passage in writing.passages]
    about = _about(reply)
    return prompts.build(reply.question.body, pairs, language=writing.language, history=_history(reply), about=about)


def _history(reply: Reply) -> list[ChatMessage]:
    """The last few turns before the question, cut to what helps; fixed cards are left out."""
    rows = reply.conversation.messages.filter(seq__lt=reply.question.seq, kind=Message.Kind.TEXT).order_by("-seq")
    turns: list[ChatMessage] = []
    room = HISTORY_CHARS
    for row in rows[:HISTORY_TURNS]:
        text = render.MARK.sub("", row.body)[:room]
        room -= len(text)
        if not text:
            break
        turns.append(ChatMessage("user" if row.author_kind == Message.Author.PATIENT else "assistant", text))
    return turns[::-1]


def _about(reply: Reply) -> str:
    """What the patient agreed to share with the model, in words; "" for nothing, or when asking for another."""
    row = ProfileRow.objects.filter(user=reply.conversation.patient_id, share_with_model=True).first()
    if row is None or reply.conversation.subject != "self":
        return ""
    data = facts(row)
    parts = [f"age {int(data['age_years'])}"] if data.get("age_years") else []
    parts += [str(data["sex"])] if data.get("sex") else []
    for name in ("conditions", "medicines", "allergies"):
        parts += [f"{name}: {', '.join(data[name])}"] if data.get(name) else []
    return "; ".join(parts)


def _finish(writing: Writing) -> None:
    """Enough left of the model's text: send it. Else fill up from the passages; else say that nothing is held."""
    answered = guard.is_answer(writing.said)
    # The passage that fits best has number 1: an answer that leaves it out answers something else.
    if answered and len(writing.said) >= SAID_MIN and BEST in writing.cited:
        composed = "model"
    elif _compose(writing):
        composed = "passages"
    elif answered:
        composed = "model"
    else:
        nothing = cards.card("nothing_found", language=writing.language, country=settings.COUNTRY)
        lease.finish(writing.reply, card=nothing, draft=writing.draft, composed="none")
        return
    lease.finish(writing.reply, text=render.joined(writing.shown), draft=writing.draft, composed=composed)


def _compose(writing: Writing) -> bool:
    """Sentences of the passages themselves, after what was already let through; whether any were added."""
    verdicts: Sequence[Verdict] = guard.compose(writing.reply.question.body, writing.passages, writing.language)
    fresh = [verdict for verdict in verdicts if verdict.text not in writing.said]
    for verdict in fresh:
        writing.keep(verdict.text, verdict)
    return bool(fresh)
