"""Writing a clinician's summary of articles: abstracts as passages, the model, the guard, what is left.

As an answer to a patient is written, by the same reading of the engine and the same guard. A sentence that no abstract
supports is kept for the record and not shown. Where too little is left, the abstracts' own conclusions speak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from django.conf import settings

from consult.chat import reply
from consult.library import summaries
from consult.library.models import Document, Summary
from consult.library.models import Passage as Row
from consult.safety import guard, sentences
from consult.safety.types import Language, Level, Passage, Reason, Verdict, language_from
from llm import prompts
from llm.types import ChatMessage, Engine, Request, RequestRefused, Sampling

ABSTRACT_CHARS = 2400  # of a longer one the model reads the beginning and the end, where the conclusion stands
CONCLUSION_MAX = 2  # sentences of one abstract
SAMPLING = Sampling(max_new_tokens=260, repetition_penalty=1.05)
NOT_HELD = "not_held"  # the model found nothing to say: no sentence that was kept back

_ASKED: dict[Language, tuple[str, str]] = {
    "en": ("What do these articles report about {}?", "What do these articles report?"),
    "zh": ("关于“{}”，这些文章报告了什么？", "这些文章报告了什么？"),
}
_CONCLUSION = re.compile(
    r"(?:^|(?<=[.!?。\s]))(?:authors' |main )?(?:conclusions?|interpretation|结论)[^.:：]{0,40}[:：]\s*", re.IGNORECASE
)


@dataclass(slots=True)
class _Writing:
    """One summary, as far as it has come."""

    row: Summary
    passages: list[Passage]
    language: Language
    said: list[str] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    refused: list[dict[str, object]] = field(default_factory=list)
    refused_in_a_row: int = 0

    @property
    def has_enough(self) -> bool:
        """Whether more of the model's text would be of no use."""
        return len(self.lines) >= reply.SHOWN_MAX or self.refused_in_a_row >= reply.REFUSED_MAX

    def ask(self) -> None:
        """Is it still wanted? Raises Lost."""
        if not summaries.is_mine(self.row):
            raise reply.Lost

    def judge(self, sentence: str) -> None:
        """Keep a sentence of the model that an abstract supports; the others for the record only."""
        verdict = _verdict(sentence, self.passages, self.language, self.said)
        self.refused_in_a_row = 0 if verdict.allowed else self.refused_in_a_row + 1
        if verdict.allowed:
            self.keep(verdict)
        else:
            self.refused.append({"text": sentence.strip(), "reasons": [asdict(one) for one in verdict.reasons]})

    def keep(self, verdict: Verdict) -> None:
        """Show it."""
        self.said.append(verdict.text)
        self.lines.append({"text": verdict.text.strip(), "citations": list(verdict.citations)})


def write(row: Summary, engine: Engine) -> None:
    """Bring a claimed summary to its end. Raises EngineError where the model could not."""
    held = summaries.usable(row.documents)  # one may have been retracted since it was asked for
    if not held:
        summaries.fail(row.pk, "nothing")
        return
    writing = _Writing(row, [_passage(n, *one) for n, one in enumerate(held, start=1)], _language(held[0][0]))
    identity = engine.identity()
    request = Request(
        f"{row.pk}.{row.attempt}", _prompt(writing), SAMPLING, adapter=identity.adapter,
        opening_not=(prompts.NOT_HELD[writing.language],),
    )  # fmt: skip
    try:
        if writing.language in settings.MODEL_LANGUAGES:
            _listen(writing, engine, request)
    except reply.Lost:
        engine.cancel(request.id)
        return
    summaries.finish(
        row, composed=_compose(writing), lines=writing.lines, refused=writing.refused,
        documents=[str(document.pk) for document, _parts in held],
        left_out=row.left_out + len(row.documents) - len(held),
        passages=[[str(part.pk) for part in parts] for _document, parts in held],
        base_model=identity.base, base_hash=identity.base_hash, adapter=identity.adapter,
        adapter_hash=identity.adapter_hash, prompt_version=prompts.PROMPT_VERSION, guard_version=guard.GUARD_VERSION,
    )  # fmt: skip


def _listen(writing: _Writing, engine: Engine, request: Request) -> None:
    try:
        for _text, done in reply.read(engine, request, writing.ask, lambda: writing.has_enough):
            for sentence in done:
                writing.judge(sentence)
    except RequestRefused:
        pass  # too long for this model: the abstracts speak for themselves


def _passage(number: int, document: Document, parts: Sequence[Row]) -> Passage:
    return Passage(number, document.title, " ".join(part.text for part in parts))


def _language(document: Document) -> Language:
    return language_from(document.language)


def _prompt(writing: _Writing) -> tuple[ChatMessage, ...]:
    about, plain = _ASKED[writing.language]
    question = writing.row.question.strip()
    # What ends in a question mark is a question already.
    asked = question if question.endswith(("?", "？")) else about.format(question) if question else plain
    pairs = [(passage.title, _cut(passage.text)) for passage in writing.passages]
    return prompts.build(asked, pairs, language=writing.language)


def _cut(text: str) -> str:
    half = ABSTRACT_CHARS // 2
    return text if len(text) <= ABSTRACT_CHARS else f"{text[:half]} … {text[-half:]}"


def _verdict(sentence: str, passages: Sequence[Passage], language: Language, said: Sequence[str]) -> Verdict:
    """The guard's, and stricter: what cites nothing, such as good advice, is no part of a summary."""
    if sentence.strip() == prompts.NOT_HELD[language]:
        return Verdict(False, sentence, (), (Reason(NOT_HELD, "The model found nothing to say."),))
    verdict = guard.check_sentence(sentence, passages, level=Level.SELF_CARE, language=language, said=said)
    if verdict.allowed and not verdict.citations:
        return Verdict(False, verdict.text, (), (Reason("unsupported", "No abstract says it."),))
    return verdict


def _compose(writing: _Writing) -> Summary.Composed:
    """What the summary is made of in the end; fills it from the abstracts where the model left too little."""
    if len(writing.said) >= reply.SAID_MIN:
        return Summary.Composed.MODEL
    writing.said, writing.lines = [], []
    for passage in writing.passages:
        for sentence in conclusion(passage.text):
            verdict = _verdict(sentence, [passage], writing.language, writing.said)
            if verdict.allowed:
                writing.keep(verdict)
    return Summary.Composed.ABSTRACTS if writing.lines else Summary.Composed.NONE


def conclusion(text: str) -> list[str]:
    """The first sentences of an abstract's conclusion; where no part is called so, its last sentence."""
    marks = list(_CONCLUSION.finditer(text))
    if marks:
        return sentences.split(text[marks[-1].end() :])[:CONCLUSION_MAX]
    return sentences.split(text)[-1:]
