"""A case as the cockpit shows it: why it is here, the conversation with the words seen, drafts. Reads only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from accounts.models import Profile, User
from accounts.profile import facts as told
from consult.chat import render, views_of
from consult.chat.models import Assessment, Attachment, Case, Message, Reply, ReplySentence
from consult.review import access, actions, due, highlight
from consult.safety.types import Level, language_from

EMPTY_STATES = (Reply.State.FAILED, Reply.State.STOPPED, Reply.State.WITHHELD)
Spans = dict[int, list[tuple[int, int]]]  # by the message's seq


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue."""

    case: Case
    words: str
    person: str
    cause: str
    holder: str
    mine: bool
    due: str
    late: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired: its id, why in a sentence with the words seen marked in it, and those it does not quote."""

    rule: str
    why: SafeString
    level: str
    words: list[str]


@dataclass(frozen=True, slots=True)
class Why:
    """Why the case is in the queue; the first thing read."""

    cause: str
    opened_at: datetime
    rose: str
    findings: list[Finding]

    @property
    def more(self) -> int:
        """Rules besides the first."""
        return len(self.findings) - 1


@dataclass(frozen=True, slots=True)
class Refused:
    """A sentence that the guard kept from the patient, and why."""

    text: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message, or the place of an answer that never came."""

    seq: int
    author: str
    kind: str
    level: str
    label: str
    at: datetime
    html: SafeString
    sources: int = 0
    refused: list[Refused] = field(default_factory=list)
    document: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer of the software that waits for approval."""

    reply: Reply
    text: str
    html: SafeString
    refused: list[Refused]
    sources: list[Any]


def rows_for(clinician: User, cases: list[Case]) -> list[Row]:
    """The queue in its order."""
    now = timezone.now()
    return [_row(clinician, case, now) for case in cases]


def _row(clinician: User, case: Case, now: datetime) -> Row:
    return Row(
        case=case,
        words=case.words,
        person=views_of.person(case.conversation),
        cause=str(Case.Cause(case.cause).label),
        holder=case.claimed_by.name if case.claimed_by else "",
        mine=case.claimed_by_id == clinician.pk,
        due=due.in_words(case.due_at, now),
        late=case.due_at < now,
    )


def version_of(cases: list[Case]) -> str:
    """Changes when any line of the queue does."""
    newest = max((case.changed_at for case in cases), default=None)
    return f"{len(cases)}-{newest.timestamp() if newest else 0}"


def why(case: Case, messages: list[Message]) -> Why:
    """The cause, and every finding since the message that opened or raised the case."""
    found: dict[str, Finding] = {}
    since = _first_unsettled(case, messages)
    for message in messages:
        assessment = _assessment(message)
        if assessment is None or message.seq < since:
            continue
        for one in assessment.findings:
            found.setdefault(one["rule"], _finding(one))
    findings = sorted(found.values(), key=lambda one: -Level(one.level).rank)
    return Why(str(Case.Cause(case.cause).label), case.opened_at, _rose(messages, since), findings)


def _first_unsettled(case: Case, messages: list[Message]) -> int:
    """The first message whose signs belong to this case."""
    before = [message.seq for message in messages if message.created_at <= case.opened_at]
    opener = case.message.seq if case.message else (before[-1] if before else 1)
    if case.state == Case.State.CLOSED:
        return opener
    return min(opener, case.conversation.settled_seq + 1)


def _assessment(message: Message) -> Assessment | None:
    return getattr(message, "assessment", None)


def _finding(stored: dict[str, Any]) -> Finding:
    words = list(dict.fromkeys(span["text"] for span in stored["spans"]))
    told = stored.get("told", {}).get(language_from(get_language())) or stored["why"] or stored["title"]
    spans = [(at, at + len(one)) for one in words if (at := _place_of(one, told)) >= 0]
    unquoted = [one for one in words if one not in told]
    return Finding(stored["rule"], highlight.inline(told, spans), stored["level"], unquoted)


def _place_of(words: str, told: str) -> int:
    """Where ``told`` quotes the words, else where it uses them; -1 for nowhere."""
    quoted = [at + 1 for mark in ('"', "“", "「") if (at := told.find(mark + words)) >= 0]
    return quoted[0] if quoted else told.find(words)


def _rose(messages: list[Message], since: int) -> str:
    """ "Level rose from self-care to urgent", where the newest rise is among these messages."""
    level, told = "", ""
    for message in messages:
        if not message.level or message.author_kind != Message.Author.PATIENT:
            continue
        if level and Level(message.level).rank > Level(level).rank and message.seq >= since:
            names = {"before": _level_name(level), "after": _level_name(message.level)}
            told = _("Level rose from %(before)s to %(after)s.") % names
        level = message.level
    return told


def _level_name(level: str) -> str:
    from consult.chat.models import LevelChoice

    return str(LevelChoice(level).label)


def spans_of(messages: list[Message]) -> Spans:
    """Where in which message triage saw a sign. A finding counts turns; notices are not among them."""
    turns = [message for message in messages if message.author_kind != Message.Author.SYSTEM]
    spans: Spans = defaultdict(list)
    for message in messages:
        assessment = _assessment(message)
        for finding in assessment.findings if assessment else []:
            for span in finding["spans"]:
                if 0 <= span["turn"] < len(turns):
                    spans[turns[span["turn"]].seq].append((span["start"], span["end"]))
    return spans


def entries(case: Case, reader: User, messages: list[Message], after: int = 0) -> list[Entry]:
    """The conversation for ``reader``, from message ``after`` + 1 on, with what the guard refused."""
    spans = spans_of(messages)
    replies = list(access.replies_of(case))
    by_message = {reply.message_id: reply for reply in replies if reply.message_id}
    unanswered = {reply.question_id: reply for reply in replies if reply.state in EMPTY_STATES and not reply.message_id}
    shown: list[Entry] = []
    for message in messages:
        if message.seq <= after:
            continue
        shown.append(_entry(message, reader, spans.get(message.seq, []), by_message.get(message.pk)))
        if message.pk in unanswered:
            shown.append(_missing(message, unanswered[message.pk]))
    return shown


def _entry(message: Message, reader: User, spans: list[tuple[int, int]], reply: Reply | None) -> Entry:
    view = views_of.message(message, reader)
    patient = message.author_kind == Message.Author.PATIENT
    html = highlight.marked(message.body, spans) if patient else mark_safe(view.html)  # noqa: S308 (made by render.py)
    return Entry(
        seq=message.seq, author=message.author_kind, kind=message.kind, level=message.level,
        label=view.label or view.author_name, at=message.created_at, html=html,
        sources=len(view.citations), refused=_refused(reply), document=getattr(message, "attachment", None),
    )  # fmt: skip


def _missing(question: Message, reply: Reply) -> Entry:
    """Where an answer would stand: what became of it."""
    reasons = {
        Reply.State.FAILED: _("The software could not finish an answer here."),
        Reply.State.STOPPED: _("An answer of the software was stopped here."),
        Reply.State.WITHHELD: _("An answer of the software was withheld here."),
    }
    return Entry(
        seq=question.seq, author="software", kind="missing", level="", label=_("Software"), at=reply.queued_at,
        html=mark_safe(render.plain(reasons[Reply.State(reply.state)])), refused=_refused(reply),  # noqa: S308
    )  # fmt: skip


def _refused(reply: Reply | None) -> list[Refused]:
    """Sentences of the newest attempt that were not let through."""
    if reply is None:
        return []
    rows = [one for one in reply.sentences.all() if one.attempt == reply.attempt and one.number is None]
    return [Refused(one.text, _reasons(one)) for one in rows]


def _reasons(sentence: ReplySentence) -> list[str]:
    return [str(reason.get("detail") or reason.get("code", "")) for reason in sentence.reasons]


def drafts(case: Case) -> list[Draft]:
    """Answers that wait for approval, newest first."""
    waiting = access.replies_of(case).filter(state=Reply.State.WAITING_APPROVAL).order_by("-queued_at")
    return [_draft(one) for one in waiting]


def _draft(reply: Reply) -> Draft:
    sources = views_of.citations_of(reply)
    html = render.answer(reply.final, {one.number: one.url for one in sources})
    return Draft(reply, reply.final, mark_safe(html), _refused(reply), sources)  # noqa: S308 (sanitised by render.py)


def being_written(case: Case) -> bool:
    """Whether the software is at an answer now."""
    return access.replies_of(case).filter(state__in=Reply.OPEN).exists()


def profile_facts(case: Case) -> list[str]:
    """What the patient told about themselves, in words; [] where nothing, or where they ask for someone else."""
    if case.conversation.subject != "self":
        return [_("asking for someone else")]
    row = Profile.objects.filter(user=case.conversation.patient_id).first()
    data = told(row)
    sexes = {"female": _("female"), "male": _("male"), "other": _("other")}
    facts = []
    if data.get("age_years") is not None:
        years = int(data["age_years"])
        facts.append(ngettext("%(n)d year old", "%(n)d years old", years) % {"n": years})
    facts.append(sexes.get(data.get("sex") or "", ""))
    facts.append(_("pregnant") if data.get("pregnant") else "")
    facts += [_listed(_("conditions"), data.get("conditions")), _listed(_("medicines"), data.get("medicines"))]
    facts.append(_listed(_("allergies"), data.get("allergies")))
    return [fact for fact in facts if fact]


def _listed(name: str, values: Any) -> str:
    return f"{name}: {', '.join(map(str, values))}" if values else ""


def outcome_name(case: Case) -> str:
    """How a closed case ended, in words."""
    return str(actions.Outcome(case.outcome).label) if case.outcome in actions.Outcome.values else case.outcome


def lower_levels(case: Case) -> list[tuple[str, str]]:
    """The levels that a clinician may set instead: value and word."""
    from consult.chat.models import LevelChoice

    return [(value, str(label)) for value, label in LevelChoice.choices if Level(value).rank < case.rank]
