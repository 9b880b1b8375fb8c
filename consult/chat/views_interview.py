"""The pages of the interview: one question each, then all answers to check, then a conversation."""

from __future__ import annotations

from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import consenting_patient_required, user_of
from consult.chat import actions, interview

CHECK = "check"


@consenting_patient_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """GET begins. POST carries every answer so far, the question ``at`` hand, and where to ``go``."""
    if request.method == "GET":
        return _ask(request, {}, interview.KEYS[0])
    answers = interview.answers_in(request.POST)
    at, go = request.POST.get("at", ""), request.POST.get("go", "next")
    if long := interview.too_long(answers):
        error = _("Please shorten this to %(limit)d characters.") % {"limit": interview.TEXT_MAX}
        return _ask(request, answers, long, error=error)
    if go == "send":
        return _send(request, answers)
    if go in interview.KEYS:
        return _ask(request, answers, go, changing=True)
    if at not in interview.KEYS:
        return _check(request, answers)
    place = interview.KEYS.index(at)
    if go == "back":
        return _ask(request, answers, interview.KEYS[max(0, place - 1)])
    if interview.QUESTIONS[place].needed and at not in answers:
        return _ask(request, answers, at, error=_("Please answer this one: the others can be left out."))
    last = place == len(interview.KEYS) - 1 or request.POST.get("changing") == "yes"
    return _check(request, answers) if last else _ask(request, answers, interview.KEYS[place + 1])


def _ask(
    request: HttpRequest, answers: dict[str, str], key: str, *, changing: bool = False, error: str = ""
) -> HttpResponse:
    place = interview.KEYS.index(key)
    context = {
        "question": interview.QUESTIONS[place],
        "number": place + 1,
        "count": len(interview.KEYS),
        "answer": answers.get(key, ""),
        "others": [(name, value) for name, value in answers.items() if name != key],
        "changing": changing or request.POST.get("changing") == "yes",
        "error": error,
        "text_max": interview.TEXT_MAX,
    }
    return render(request, "chat/interview.html", context, status=400 if error else 200)


def _check(request: HttpRequest, answers: dict[str, str], error: str = "") -> HttpResponse:
    context = {"rows": list(interview.shown(answers)), "answers": list(answers.items()), "error": error}
    return render(request, "chat/interview_check.html", context, status=400 if error else 200)


def _send(request: HttpRequest, answers: dict[str, str]) -> HttpResponse:
    missing = [question.key for question in interview.QUESTIONS if question.needed and question.key not in answers]
    if missing:
        return _ask(
            request, answers, missing[0], changing=True, error=_("Please answer this one: the others can be left out.")
        )
    user = user_of(request)
    conversation = actions.start_conversation(user, language=request.LANGUAGE_CODE, subject=answers["who"])
    try:
        actions.post_patient_message(user, conversation.pk, uuid4(), interview.message_of(answers))
    except actions.Refused as refused:
        return _check(request, answers, refused.text)
    return redirect("chat:conversation", conversation.pk)
