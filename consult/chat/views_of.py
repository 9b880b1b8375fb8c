"""Rows as a page sees them: the words, labels and HTML of frames. Reads only; knows no sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Profile as ProfileRow
from accounts.models import User
from accounts.profile import facts
from consult.chat import access, personal, protocol, render, waiting
from consult.chat.models import Case, Conversation, Message, Reply
from consult.library import citations as library
from consult.safety import messages as cards
from consult.safety import triage
from consult.safety.types import Level, language_from


def citations_of(reply: Reply | None, used: set[int] | None = None) -> list[protocol.Citation]:
    """The sources of an answer by their numbers; only those ``used``, where that is given."""
    if reply is None or not reply.passages:
        return []
    return [
        protocol.Citation(
            number=number,
            title=view.title,
            source=view.source,
            reviewed=view.reviewed,
            date=str(view.date),
            text=view.text,
            url=view.url,
        )
        for number, view in enumerate(library.describe(reply.passages), start=1)
        if used is None or number in used
    ]


def urls_of(reply: Reply | None) -> dict[int, str]:
    """Number to address of each source."""
    return {one.number: one.url for one in citations_of(reply)}


def message(row: Message, reader: User) -> protocol.MessageView:
    """One message for ``reader``, in the language that is active now."""
    reply = _reply_of(row)
    used = {int(mark) for mark in render.MARK.findall(row.body)}
    sources = citations_of(reply, used)
    return protocol.MessageView(
        id=row.pk,
        seq=row.seq,
        author=cast(protocol.AuthorKind, row.author_kind),
        author_name=author_name(row, reader),
        label=label(row, len(sources), reader),
        kind=cast(protocol.MessageKind, row.kind),
        level=cast(protocol.LevelName, row.level) if row.level else None,
        text=row.body,
        html=html(row, sources, reader),
        at=row.created_at.isoformat(),
        client_id=row.client_id if row.author_id == reader.pk else None,
        replaces=row.replaces_id,
        reply=reply.pk if reply else None,
        document=document_url(row, reader),
        citations=sources,
    )


def _reply_of(row: Message) -> Reply | None:
    """The reply that a software message came from; the related row is missing for all others."""
    return getattr(row, "reply", None) if row.author_kind != Message.Author.PATIENT else None


def document_url(row: Message, reader: User) -> str:
    """Where the patient finds the photo or document behind the message; "" for other messages and other readers."""
    document = getattr(row, "attachment", None) if row.author_kind == Message.Author.PATIENT else None
    if document is None or row.author_id != reader.pk:
        return ""
    return reverse("chat:document", args=[row.conversation_id, document.pk])


def author_name(row: Message, reader: User) -> str:
    """Who wrote it, as the reader calls them."""
    if row.author_kind == Message.Author.PATIENT:
        return _("You") if row.author_id == reader.pk else _("Patient")
    return row.author.name if row.author else ""


def label(row: Message, sources: int, reader: User) -> str:
    """Who wrote it and how it was checked, in words."""
    if row.replaces_id is not None:
        return author_name(row, reader) + " · " + _("new version of an earlier question")
    if row.author_kind == Message.Author.CLINICIAN:
        return _("%(name)s · written by a clinician") % {"name": row.author.name if row.author else ""}
    if row.author_kind == Message.Author.SYSTEM or row.author_kind == Message.Author.PATIENT:
        return ""
    if row.kind == Message.Kind.CARD:
        asked = bool(row.card and row.card.get("choices"))
        return _("Standard question · written in advance") if asked else _("Standard advice · written in advance")
    reply = _reply_of(row)
    if reply is not None and reply.approved_by:
        return _("Written by software · checked by %(name)s") % {"name": reply.approved_by.name}
    if not sources:
        return _("Written by software")
    counted = ngettext("checked against %(n)d source", "checked against %(n)d sources", sources) % {"n": sources}
    return _("Written by software") + " · " + counted


def html(row: Message, sources: list[protocol.Citation], reader: User) -> str:
    """The inside of the message."""
    if row.kind == Message.Kind.CARD and row.card:
        return card_html(row.card) + (choices(row) if reader.pk == row.conversation.patient_id else "")
    if row.author_kind == Message.Author.SOFTWARE:
        return render.answer(row.body, {one.number: one.url for one in sources}) + used(row) + worsening(row)
    return render.plain(row.body)


def used(row: Message) -> str:
    """Which fields of the profile the answer rests on: only those that the patient agreed to share get there."""
    reply = _reply_of(row)
    told = personal.said(reply.used) if reply else ""
    return format_html('<p class="used">{}</p>', told) if told else ""


def worsening(row: Message) -> str:
    """What to do if it gets worse: under every answer, from the application and not from the model."""
    return format_html('<p class="worsening">{}</p>', advice(row))


def advice(row: Message) -> str:
    """The same in plain words; "" for what is not an answer of the software."""
    if row.author_kind != Message.Author.SOFTWARE or row.kind == Message.Kind.CARD:
        return ""
    reply = _reply_of(row)
    level = Level(reply.question.level or Level.ROUTINE) if reply else Level.ROUTINE
    language = triage.language_of(row.body) or language_from(row.conversation.language)
    return cards.worsening(level, language)


def card_html(card: dict[str, object]) -> str:
    """A fixed card: heading, paragraphs, points, things to press."""
    paragraphs = format_html_join("", "<p>{}</p>", ((one,) for one in cast(list[str], card["paragraphs"])))
    points = format_html_join("", "<li>{}</li>", ((one,) for one in cast(list[str], card["points"])))
    actions = "".join(_action(one) for one in cast(list[dict[str, str]], card["actions"]))
    listed = format_html("<ul>{}</ul>", points) if points else ""
    return format_html("<h3>{}</h3>", card["title"]) + paragraphs + listed + actions


def choices(row: Message) -> str:
    """The answers to press under a question, as long as nothing has been said since: buttons of the page's composer.

    So they work without JavaScript, and carry its token and its ``client_id``.
    """
    listed = cast(list[dict[str, str]], (row.card or {}).get("choices", ()))
    if not listed or row.seq != row.conversation.last_seq:
        return ""
    button = '<button class="btn" form="composer" formnovalidate name="choice" value="{}">{}</button>'
    buttons = format_html_join(" ", button, ((one["said"], one["label"]) for one in listed))
    return format_html('<div class="actions card-choices">{}</div>', buttons)


def _action(action: dict[str, str]) -> str:
    """A button-like link; only telephone numbers and pages of ours."""
    href = action["href"]
    if not href.startswith(("tel:", "/", "#")):
        return format_html("<p><strong>{}</strong></p>", action["label"])
    return format_html('<a class="button button-card" href="{}">{}</a>', href, action["label"])


def snapshot(conversation: Conversation, reader: User, last_seq: int) -> protocol.Snapshot:
    """Everything that a page needs which holds messages up to ``last_seq``."""
    rows = access.messages_after(conversation, last_seq)
    reply = access.open_reply(conversation)
    return protocol.Snapshot(
        version=protocol.VERSION,
        conversation=conversation.pk,
        title=conversation.title,
        level=cast(protocol.LevelName, conversation.level),
        held_by=conversation.holder.name if conversation.holder else "",
        person_requested=conversation.person_requested_at is not None,
        person_status=waiting.request_status(conversation),
        last_seq=rows[-1].seq if rows else last_seq,
        messages=[message(row, reader) for row in rows],
        reply=reply_view(reply) if reply and not reply.supervised else None,
    )


def reply_state(reply: Reply) -> protocol.ReplyState:
    """The state, typed for the wire."""
    return cast(protocol.ReplyState, reply.state)


def reply_view(reply: Reply) -> protocol.ReplyView:
    """An open answer with what is shown of it so far."""
    shown = [html for _number, html in sentences(reply, -1)]
    return protocol.ReplyView(
        id=reply.pk,
        state=reply_state(reply),
        attempt=reply.attempt,
        sentences=shown,
        place=waiting.place_in_line(reply),
        wait=waiting.for_answer(reply),
    )


def sentences(reply: Reply, after: int) -> Iterator[tuple[int, str]]:
    """Number and HTML of the sentences let through after number ``after``, of the present attempt."""
    # Refused sentences have no number. Said outright: Django drops "> -1" of a positive column, and they would pass.
    rows = reply.sentences.filter(attempt=reply.attempt, number__isnull=False, number__gt=after).order_by("number")
    urls: dict[int, str] | None = None
    for row in rows:
        urls = urls_of(reply) if urls is None else urls
        yield cast(int, row.number), render.sentence(render.marked(row.text, row.citations), urls)


def ending(reply: Reply) -> str:
    """Why no answer came, for the patient."""
    if reply.state == Reply.State.STOPPED:
        return _("You stopped this answer.")
    if reply.state == Reply.State.WITHHELD:
        return _("A clinician has this conversation now.")
    if reply.state == Reply.State.WAITING_APPROVAL:
        return _("A clinician reads this answer before you see it.")
    return _("The answer could not be finished. A clinician has been told.")


def holder_notice(held_by: str) -> protocol.Notice:
    """A clinician came, or gave the conversation back."""
    if held_by:
        text = _("%(name)s has joined. The software writes nothing now.") % {"name": held_by}
        return protocol.Notice(code="held", text=text, held_by=held_by)
    return protocol.Notice(code="given_back", text=_("The clinician has left. The software answers again."), held_by="")


def request_notice(status: str) -> protocol.Notice:
    """The request for a person has come further."""
    return protocol.Notice(code="person_requested", text=status, held_by="")


def case(row: Case, reader: User) -> protocol.CaseView:
    """A row of the queue."""
    return protocol.CaseView(
        id=row.pk,
        conversation=row.conversation_id,
        state=cast(protocol.CaseState, row.state),
        level=cast(protocol.LevelName, row.level),
        reason=row.reason,
        words=row.words,
        person=person(row.conversation),
        claimed_by=row.claimed_by.name if row.claimed_by else "",
        mine=row.claimed_by_id == reader.pk,
        opened_at=row.opened_at.isoformat(),
        due_at=row.due_at.isoformat(),
        seen=row.seen_at is not None,
    )


def person(conversation: Conversation) -> str:
    """Sex and age, as far as the patient told; "" otherwise. The name stays out of the list."""
    if conversation.subject != "self":
        return _("asking for someone else")
    row = ProfileRow.objects.filter(user=conversation.patient_id).first()
    data = facts(row)
    sexes = {"female": _("female"), "male": _("male")}
    parts = [sexes.get(data.get("sex") or "", ""), str(int(data["age_years"])) if data.get("age_years") else ""]
    return escape(", ".join(part for part in parts if part))
