"""What an administrator changes: who is here, and as what. Each action checks, writes, audits and announces."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, links
from accounts.models import Role, User
from consult.chat import events
from consult.chat.access import NotFound
from consult.chat.models import Conversation
from consult.library.ingest import line
from consult.library.ingest.run import FORMATS
from consult.library.models import Ingestion, Source
from consult.review import actions as review


class Refused(Exception):
    """The action was not done; the text says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def change_role(administrator: User, pk: UUID, role: str) -> User:
    """Give a person another role. Their pages close, and the cases they hold go back to the queue."""
    if role not in Role.values:
        raise Refused(_("Choose a role."))
    with transaction.atomic():
        person = _other(administrator, pk)
        before = person.role
        if before == role:
            return person
        if before == Role.PATIENT and Conversation.objects.filter(patient=person).exists():
            raise Refused(_("This person has conversations as a patient. Make a separate account for their work."))
        _leave_work(administrator, person)
        person.role = role
        person.save(update_fields=["role"])
        audit.record(administrator, "person.role_changed", person, before=before, after=role)
        events.close_sockets_of(person)
    return person


def set_active(administrator: User, pk: UUID, active: bool) -> User:
    """Let a person in again, or shut them out at once. Nothing of theirs is deleted."""
    with transaction.atomic():
        person = _other(administrator, pk)
        if person.is_active == active:
            return person
        if not active:
            _leave_work(administrator, person)
        person.is_active = active
        person.save(update_fields=["is_active"])
        audit.record(administrator, "person.activated" if active else "person.deactivated", person)
        events.close_sockets_of(person)
    return person


def invite(administrator: User, username: str, name: str, role: str) -> tuple[User, str]:
    """A new member of staff without a password, and the token of the link that signs them in once."""
    _check(administrator)
    if role not in (Role.CLINICIAN, Role.ADMINISTRATOR):
        raise Refused(_("Choose a role."))
    username, name = username.strip(), name.strip()
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        raise Refused(_("A user name has letters, digits and @ . + - _ only.")) from None
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(_("This user name is taken."))
    with transaction.atomic():
        person = User(username=username, display_name=name[:80], role=role, language=administrator.language)
        person.set_unusable_password()
        try:
            with transaction.atomic():
                person.save()
        except IntegrityError:  # two administrators at once
            raise Refused(_("This user name is taken.")) from None
        token = links.issue(person)
        audit.record(administrator, "person.invited", person, role=role)
    return person, token


def new_link(administrator: User, pk: UUID) -> tuple[User, str]:
    """Another link for a member of staff who never signed in; others have their own way in."""
    with transaction.atomic():
        person = _other(administrator, pk)
        if person.is_patient or not person.is_active or person.last_login is not None:
            raise Refused(_("A link is only made for staff who have not signed in yet."))
        person.sign_in_links.filter(used_at=None).delete()
        token = links.issue(person)
        audit.record(administrator, "person.link_made", person)
    return person, token


def _other(administrator: User, pk: UUID) -> User:
    """That person, locked. Nobody changes themselves: so there is always an administrator left."""
    _check(administrator)
    person = User.objects.select_for_update().filter(pk=pk).first()
    if person is None:
        raise NotFound
    if person.pk == administrator.pk:
        raise Refused(_("You cannot change your own account here. Ask another administrator."))
    return person


def _check(administrator: User) -> None:
    if not (administrator.is_active and administrator.is_administrator):
        raise NotFound


def _leave_work(administrator: User, person: User) -> None:
    """A clinician who leaves keeps no patient waiting."""
    if person.is_clinician:
        review.release_all_of(person, administrator)


def ingest(administrator: User, name: str, format_: str, *, patients: bool) -> Ingestion:
    """Let a worker read that file of the folder into the library; ``patients``: its source may speak to them."""
    if format_ not in FORMATS:
        raise Refused(_("Choose what kind of file it is."))
    kind = FORMATS[format_]
    with transaction.atomic():
        source, _made = Source.objects.get_or_create(
            slug=kind.slug, defaults={"name": kind.name, "licence": kind.licence}
        )
        if patients and not source.speaks_to_patients:
            source.speaks_to_patients = True
            source.save(update_fields=["speaks_to_patients"])
        try:
            run = line.queue(name, format_, source)
        except line.NotThere:
            raise Refused(_("Choose a file of the folder.")) from None
        audit.record(administrator, "ingestion.started", run, format=format_, patients=patients)
    return run
