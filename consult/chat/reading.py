"""Reading a conversation with the eyes of the safety layer: turns, profile, and what is still unsettled."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from accounts.models import Profile as ProfileRow
from accounts.models import User
from accounts.profile import facts
from consult.chat import personal
from consult.chat.models import Conversation, Message
from consult.safety import triage
from consult.safety.types import Assessment, Finding, Language, Level, Profile, Turn, highest

log = logging.getLogger(__name__)


def profile_of(user: User) -> Profile:
    """What the patient told about themselves, as safety wants it."""
    row = ProfileRow.objects.filter(user=user).first()
    return personal.profile_of(facts(row))


def assess(conversation: Conversation, text: str) -> Assessment:
    """Triage of the conversation with ``text`` as its newest turn. Never raises: a failure is urgent.

    Findings that rest on settled messages alone are left out: a clinician has dealt with them.
    """
    rows = [row for row in conversation.messages.all() if row.author_kind != Message.Author.SYSTEM]
    turns = [Turn(row.author_kind, row.body) for row in rows]  # type: ignore[arg-type]
    settled = sum(row.seq <= conversation.settled_seq for row in rows)
    # A relative's signs are not read with the account holder's own profile.
    profile = profile_of(conversation.patient) if conversation.subject == "self" else None
    language: Language | None = None
    assessment = triage.assess([*turns, Turn("patient", text)], profile, language)
    return _unsettled(assessment, settled)


def _unsettled(assessment: Assessment, settled: int) -> Assessment:
    """Without the findings whose words all stand in the first ``settled`` turns."""
    if not settled:
        return assessment
    kept = [one for one in assessment.findings if not one.spans or any(span.turn >= settled for span in one.spans)]
    if len(kept) == len(assessment.findings):
        return assessment
    level = highest(*(one.level for one in kept)) if kept else Level.SELF_CARE
    message = next((one.message for one in kept if one.level == level), "")
    return dataclasses.replace(assessment, findings=tuple(kept), level=level, message=message)


def as_json(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Findings as they are stored."""
    return [dataclasses.asdict(finding) for finding in findings]


def is_new(assessment: Assessment, newest_turn: int) -> bool:
    """Whether the newest message itself carries one of the signs, or only repeats what is known."""
    return any(span.turn == newest_turn for finding in assessment.findings for span in finding.spans)
