"""Writing one answer: search, prompt, stream, cut into sentences, check each, keep it, finish.

The only driver of an engine. Knows nothing of Celery: ``write`` is handed a claimed reply and an engine, ``answer`` a
question and where to keep what comes of it, so that ``manage.py answer`` goes the very same way without a conversation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from django.conf import settings

from consult.chat import actions, finding, lease, personal, render
from consult.chat.models import Message, Reply
from consult.library import search as library
from consult.library.wording import section_title
from consult.safety import asks, cautions, compose, guard, requests, sentences
from consult.safety import messages as cards
from consult.safety.types import Card, Language, Level, Passage, Reason, Verdict
from llm import prompts
from llm.types import ChatMessage, Engine, EngineDown, Identity, Request, Role, Sampling

HISTORY_TURNS = 4
HISTORY_CHARS = 1200
QUESTION_CHARS = 4000  # of a longer message the model reads the beginning and the end
ASK_S = 0.5  # how often the row is asked whether the answer is still wanted
BEST = 1
ASKS_MAX = 3  # questions of ours in a row before some help
SAID_MIN = 2  # sentences: one alone rarely helps, so the passages add to it
SHOWN_MAX = 8  # sentences: more is not read
ASIDE_MAX = 3  # sentences on a medicine that is named beside the subject
REFUSED_MAX = 4  # in a row: the model has lost the thread
SAMPLING = Sampling(max_new_tokens=220, repetition_penalty=1.05)

Composed = Literal["model", "passages", "fixed", "none", "asked"]


class Lost(Exception):
    """The reply was stopped, withheld or taken over; what this attempt would write is not wanted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and all that may be used to answer it."""

    id: str  # of the engine's request
    text: str
    language: Language
    level: Level
    about: personal.About = field(default_factory=personal.About)
    history: tuple[ChatMessage, ...] = ()
    adapter: str | None = None
    said: str = ""  # all that the patient wrote in the conversation
    asked_before: frozenset[str] | None = frozenset()  # our questions so far; None where nobody is there to ask


@dataclass(frozen=True, slots=True)
class Answer:
    """How it ended: ``text`` with [n] marks, or a fixed ``card``."""

    composed: Composed
    text: str = ""
    card: Card | None = None
    draft: str = ""
    used: tuple[str, ...] = ()  # fields of the profile that it rests on
    would_ask: str = ""  # key of the question that comes before an answer, where it could not be asked


class Keeper(Protocol):
    """Where an answer is kept while it grows. Any of these may raise Lost."""

    def passages(self, ids: list[str]) -> None:
        """These may be cited, in this order."""

    def model(self, identity: Identity) -> None:
        """This is what was asked."""

    def sentence(self, position: int, number: int | None, verdict: Verdict, raw: str) -> None:
        """One judged sentence; ``number`` None where it was refused."""

    def ask(self) -> None:
        """Is the answer still wanted?"""


@dataclass(slots=True)
class _Row:
    """Keeps an answer in its reply row, as long as this attempt is the one that may write there."""

    reply: Reply

    def passages(self, ids: list[str]) -> None:
        lease.describe(self.reply, passages=ids)

    def model(self, identity: Identity) -> None:
        lease.describe(
            self.reply,
            base_model=identity.base,
            base_hash=identity.base_hash,
            adapter=identity.adapter,
            adapter_hash=identity.adapter_hash,
            prompt_version=prompts.PROMPT_VERSION,
            guard_version=guard.GUARD_VERSION,
        )

    def sentence(self, position: int, number: int | None, verdict: Verdict, raw: str) -> None:
        if not lease.store_sentence(self.reply, position, number, verdict, raw):
            raise Lost

    def ask(self) -> None:
        if not lease.is_mine(self.reply):
            raise Lost


@dataclass(slots=True)
class Writing:
    """One answer, as far as it has come."""

    asked: Asked
    keeper: Keeper
    found: finding.Found
    passages: list[Passage]
    ids: list[str]  # of the passages, in the order of the prompt
    cited: list[int] = field(default_factory=list)  # numbers of the prompt, in the order of their first use
    draft: str = ""
    said: list[str] = field(default_factory=list)  # without marks: what the guard compares with
    shown: list[str] = field(default_factory=list)  # with marks: what the patient reads
    position: int = 0
    refused_in_a_row: int = 0
    used: list[str] = field(default_factory=list)  # fields of the profile that the answer rests on

    @property
    def has_enough(self) -> bool:
        """Whether more of the model's text would be of no use."""
        return len(self.shown) >= SHOWN_MAX or self.refused_in_a_row >= REFUSED_MAX

    def judge(self, sentence: str) -> None:
        """Pass one sentence of the model through the guard, and keep it with the verdict."""
        asked = self.asked
        if sentence.strip() == prompts.NOT_HELD[asked.language]:
            # Not for the patient: the passages, or the card that says the same, answer then.
            self.keep(sentence, Verdict(False, sentence, (), (Reason("not_held", "The model found no answer."),)))
            return
        verdict = guard.check_sentence(
            sentence, self.passages, level=asked.level, language=asked.language, said=self.said
        )
        self.keep(sentence, verdict)

    def keep(self, raw: str, verdict: Verdict) -> None:
        """Store a judged sentence under the next number; what the answer cannot speak of is said before it."""
        verdict = replace(verdict, citations=self.renumbered(verdict.citations))
        self.refused_in_a_row = 0 if verdict.allowed else self.refused_in_a_row + 1
        if verdict.allowed and not self.said:
            for name in self.found.lacking:
                words = cards.not_held(name, self.asked.language) + "\n"  # a paragraph by itself
                self._store(words, Verdict(True, words))
        self._store(raw, verdict)
        if verdict.allowed:
            self.said.append(verdict.text)

    def _store(self, raw: str, verdict: Verdict) -> None:
        number = len(self.shown) if verdict.allowed else None
        self.keeper.sentence(self.position, number, verdict, raw)
        self.position += 1
        if verdict.allowed:
            self.shown.append(render.marked(verdict.text, list(verdict.citations)))

    def renumbered(self, citations: Sequence[int]) -> tuple[int, ...]:
        """Numbers as the reader meets them: the first source of an answer is 1, whatever its place in the prompt.

        The answer's passages are kept in the same order: those cited first, the others of the prompt behind them.
        """
        fresh = [number for number in citations if number not in self.cited]
        if fresh:
            self.cited += fresh
            order = self.cited + [one.number for one in self.passages if one.number not in self.cited]
            self.keeper.passages([self.ids[number - 1] for number in order])
        return tuple(sorted(self.cited.index(number) + 1 for number in citations))


def write(reply: Reply, engine: Engine) -> None:
    """Bring a claimed reply to its end. Raises EngineError where the model could not; Lost is handled here."""
    asked = _asked(reply)
    try:
        done = answer(asked, engine, _Row(reply))
        lease.describe(reply, used=list(done.used))
        lease.finish(reply, text=done.text, card=done.card, draft=done.draft, composed=done.composed)
    except Lost:
        engine.cancel(asked.id)


def _asked(reply: Reply) -> Asked:
    thread = _thread(reply)
    patients = reply.conversation.messages.filter(author_kind=Message.Author.PATIENT, seq__lte=reply.question.seq)
    patients = patients.filter(versions=None)  # of a question worded anew only the newest counts
    cards_shown = reply.conversation.messages.filter(kind=Message.Kind.CARD)
    before = frozenset(row.card["key"] for row in cards_shown if row.card and asks.is_question(row.card["key"]))
    return Asked(
        id=f"{reply.pk}.{reply.attempt}",
        text="\n".join(row.body for row in thread),
        language=actions.language_of(thread[0]),
        level=Level(reply.conversation.level),
        about=personal.shared(reply.conversation),
        history=_history(reply, thread[0].seq),
        said="\n".join(row.body for row in patients),
        asked_before=before if len(thread) <= ASKS_MAX else None,
    )


def _thread(reply: Reply) -> list[Message]:
    """The question; where it answers one of ours, what was asked first stands before it. Oldest first."""
    rows = [reply.question]
    # A question of the patient's, or one that is worded anew, is one of its own.
    while rows[0].replaces_id is None and not rows[0].body.rstrip().endswith(("?", "？")):
        earlier = reply.conversation.messages.filter(seq__lt=rows[0].seq).exclude(author_kind=Message.Author.SYSTEM)
        ours = Reply.objects.filter(message=earlier.last(), composed="asked").select_related("question").first()
        if ours is None:
            break
        rows.insert(0, ours.question)
    return rows


def _history(reply: Reply, before: int) -> tuple[ChatMessage, ...]:
    rows = reply.conversation.messages.filter(seq__lt=before, kind=Message.Kind.TEXT).order_by("-seq")
    # Of a question that the patient has worded anew only the newest version counts.
    rows = rows.exclude(versions__isnull=False).exclude(reply__question__versions__isnull=False)
    return recent((row.author_kind == Message.Author.PATIENT, row.body) for row in rows[:HISTORY_TURNS])


def recent(turns: Iterable[tuple[bool, str]]) -> tuple[ChatMessage, ...]:
    """Turns (of the patient?, text), newest first, as the prompt has them: oldest first and cut to what helps."""
    kept: list[ChatMessage] = []
    room = HISTORY_CHARS
    for patients, body in turns:
        text = render.MARK.sub("", body)[:room]
        room -= len(text)
        if not text or len(kept) == HISTORY_TURNS:
            break
        role: Role = "user" if patients else "assistant"
        kept.append(ChatMessage(role, text))
    return tuple(kept[::-1])


def answer(asked: Asked, engine: Engine | None, keeper: Keeper) -> Answer:
    """The answer to a question; without an engine it is made of the passages' own sentences."""
    declined = requests.declines(asked.text, asked.language, settings.COUNTRY)
    if declined is not None:
        return Answer("fixed", card=declined)
    before = next((turn.content for turn in reversed(asked.history) if turn.role == "user"), "")
    found = finding.find(asked.text, asked.language, before, asked.about)
    key = _question(asked, found)
    if key and asked.asked_before is not None:
        return Answer("asked", card=asks.card(key, asked.language, settings.COUNTRY))
    writing = Writing(asked, keeper, found, found.passages, [str(hit.passage_id) for hit in found.hits])
    keeper.passages(writing.ids)
    if engine is not None:
        identity = engine.identity()
        keeper.model(identity)
        if found.hits and asked.language in settings.MODEL_LANGUAGES:
            # The adapter just kept, even if another becomes the active one in this moment (promise P6).
            writing.asked = replace(asked, adapter=identity.adapter)
            _stream(writing, engine)
    return replace(_finished(writing), would_ask=key)


def _question(asked: Asked, found: finding.Found) -> str:
    """The question of ours that comes before an answer; none where somebody must be seen soon, or where no
    fact would help.
    """
    if asked.level.rank >= Level.URGENT.rank or found.lacking:
        return ""
    told = asks.Told(asked.text, asked.said or asked.text, asked.about.profile)
    return asks.question(told, found.passages, asked.asked_before or ())


def _stream(writing: Writing, engine: Engine) -> None:
    """Let the model write, sentence by sentence."""
    # Whether the library holds it was search's to say: a small model that may refuse refuses nearly everything.
    refusal = (prompts.NOT_HELD[writing.asked.language],)
    request = Request(writing.asked.id, _prompt(writing), SAMPLING, adapter=writing.asked.adapter, opening_not=refusal)
    for text, done in read(engine, request, writing.keeper.ask, lambda: writing.has_enough):
        writing.draft += text
        for sentence in done:
            writing.judge(sentence)


def read(
    engine: Engine, request: Request, ask: Callable[[], None], enough: Callable[[], bool]
) -> Iterator[tuple[str, list[str]]]:
    """Each piece of the engine's text with the sentences that it completes, as long as ``enough`` is false.

    ``ask`` is called now and then and may raise Lost. What is left at the end is a sentence where the model ended by
    itself, and a torn one else, which is dropped.
    """
    rest = ""
    for text, last in _pieces(engine, request, ask, enough):
        done, rest = sentences.split_complete(rest + text)
        yield text, done
        if last == "stop" and rest.strip():
            yield "", [rest]


def _pieces(
    engine: Engine, request: Request, ask: Callable[[], None], enough: Callable[[], bool]
) -> Iterator[tuple[str, str | None]]:
    """Text from the engine, as long as the answer is wanted and within its limits; leaving early cancels it."""
    end = time.monotonic() + settings.REPLY_MAX_S
    asked = time.monotonic()
    with closing(engine.stream(request)) as stream:
        for chunk in stream:
            now = time.monotonic()
            if now > end or enough():
                return
            if now - asked > ASK_S:
                asked = now
                ask()
            yield chunk.text, chunk.finish
            if chunk.finish == "cancelled":
                raise EngineDown("the engine ended the answer")


def _prompt(writing: Writing) -> tuple[ChatMessage, ...]:
    asked = writing.asked
    pairs = [(passage.title, passage.text) for passage in writing.passages]
    question = asked.text
    if len(question) > QUESTION_CHARS:
        half = QUESTION_CHARS // 2
        question = f"{question[:half]} … {question[-half:]}"
    return prompts.build(question, pairs, language=asked.language, history=asked.history, about=asked.about.words)


def _finished(writing: Writing) -> Answer:
    """Enough left of the model's text: send it. Else fill up from the passages; else say that nothing is held."""
    asked = writing.asked
    answered = guard.is_answer(writing.said)
    # The passage that fits best has number 1: an answer that leaves it out answers something else.
    composed: Composed
    if answered and len(writing.said) >= SAID_MIN and BEST in writing.cited:
        composed = "model"
        writing.used += asked.about.fields
        _keep_headed(writing, [*_aside(writing, writing.cited), *_for_this_person(writing, writing.cited)])
    elif _compose(writing):
        composed = "passages"
    elif answered:
        composed = "model"
        writing.used += asked.about.fields
    else:
        key = "nothing_found" if library.has_subject(writing.found.sought, asked.language) else "what_about"
        card = cards.card(key, language=asked.language, country=settings.COUNTRY)
        return Answer("none", card=card, draft=writing.draft)
    used = [name for name in asked.about.fields if name in (*writing.used, *writing.found.used)]
    return Answer(composed, text=render.joined(writing.shown), draft=writing.draft, used=tuple(used))


def _compose(writing: Writing) -> bool:
    """Sentences of the passages themselves, after what was already let through; whether any were added.

    What holds for this person in particular comes first where medicines are spoken of, and else last.
    """
    verdicts: Sequence[Verdict] = guard.compose(writing.found.sought, writing.passages, writing.asked.language)
    fresh = [verdict for verdict in verdicts if verdict.text not in writing.said]
    if not fresh:
        return False
    cited = [*writing.cited, *(number for one in fresh for number in one.citations)]
    fresh += _aside(writing, cited)
    own = _for_this_person(writing, cited)
    rest = [one for one in fresh if one.text not in {verdict.text for verdict in own}]
    of_medicines = writing.passages[fresh[0].citations[0] - 1].section == compose.MEDICINES
    _keep_headed(writing, [*own, *rest] if of_medicines else [*rest, *own])
    return True


def _aside(writing: Writing, cited: Iterable[int]) -> list[Verdict]:
    """The first words of the library on each medicine that the question names and the answer passes over."""
    said, found = set(cited), list[Verdict]()
    for numbers in writing.found.medicines:
        if numbers and not said & set(numbers):
            passage = writing.passages[numbers[0] - 1]
            asked = f"{passage.title} {writing.asked.text}"  # the page may hold the name in its header alone
            found += guard.compose(asked, [passage], writing.asked.language)[:ASIDE_MAX]
            said.add(numbers[0])
    return found


def _for_this_person(writing: Writing, cited: Iterable[int]) -> list[Verdict]:
    """What the cited pages say to such a person, with the fields of the profile that it is said because of."""
    titles = {writing.passages[number - 1].title for number in cited}
    warning = [writing.passages[number - 1] for number in writing.found.warning]
    own = [passage for passage in writing.passages if passage.title in titles and passage not in warning]
    found = cautions.chosen(writing.found.watch, own, writing.asked.language)
    if writing.passages[BEST - 1].title in titles:  # another page warns of what this one advises
        told = {name for name, _verdict in found}
        beyond = {name: holds for name, holds in writing.found.beyond.items() if name not in told}
        found += cautions.chosen(beyond, warning, writing.asked.language)
    fresh = [(name, verdict) for name, verdict in found if verdict.text not in writing.said]
    writing.used += [name for name, _verdict in fresh]
    return [verdict for _name, verdict in fresh]


def _keep_headed(writing: Writing, verdicts: Iterable[Verdict]) -> None:
    headed: tuple[int, ...] = ()
    for verdict in verdicts:
        text = verdict.text
        if verdict.citations != headed:
            headed = verdict.citations
            text = f"{_heading(writing, headed[0])}\n\n{text}"
        writing.keep(text, replace(verdict, text=text))


def _heading(writing: Writing, number: int) -> str:
    """Which page speaks now, and which part of it: the reader sees at once whether that was meant."""
    passage = writing.passages[number - 1]
    part = section_title(passage.section, writing.asked.language)
    return f"**{passage.title}: {part}**" if part else f"**{passage.title}**"
