"""The short fixed interview before a conversation about a symptom: its questions, and the message made of the answers.

Keeps nothing: answers travel with the form until the patient sends them as their own words. Knows no urgency;
the message goes through the same door as any other, and triage reads it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from consult.chat import actions

TEXT_MAX = 500
UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Question:
    """One page. ``choices`` are (value, what is shown, what is said in the message); () asks for own words."""

    key: str
    text: Promise
    hint: Promise | str = ""
    choices: tuple[tuple[str, Promise, Promise | str], ...] = ()
    said: Promise | str = ""  # before own words
    needed: bool = False


NOT_SURE = (UNSURE, later("I'm not sure"), "")

QUESTIONS: tuple[Question, ...] = (
    Question(
        "who", later("Who is it about?"), needed=True,
        choices=(("self", later("Me"), ""), ("other", later("Someone else"), "")),
    ),
    Question(
        "what", later("What is the main problem?"), later("In your own words, as you would tell a friend."),
        said=later("The problem:"), needed=True,
    ),
    Question("since", later("When did it begin?"), choices=(
        ("today", later("Earlier today"), later("It began today.")),
        ("days", later("Some days ago"), later("It began some days ago.")),
        ("week", later("About a week ago"), later("It began about a week ago.")),
        ("longer", later("Longer ago"), later("It began more than a week ago.")),
        (UNSURE, later("I'm not sure"), later("I'm not sure when it began.")),  # so that nobody asks again
    )),
    Question("strength", later("How strong is it?"), choices=(
        ("mild", later("Mild: I notice it"), later("It is mild.")),
        ("middling", later("Middling: it gets in the way"), later("It gets in the way of daily life.")),
        ("strong", later("Strong: hardly anything else is possible"), later("It is very strong.")),
        NOT_SURE,
    )),
    Question("course", later("Is it getting better or worse?"), choices=(
        ("better", later("Better"), later("It is getting better.")),
        ("same", later("The same"), later("It stays the same.")),
        ("worse", later("Worse"), later("It is getting worse.")),
        NOT_SURE,
    )),
    Question(
        "besides", later("What else do you notice?"), later("Such as fever, a rash, vomiting or trouble breathing."),
        said=later("Besides:"),
    ),
    Question(
        "tried", later("What have you tried, and which medicines are taken?"), later("Also those for other illnesses."),
        said=later("Tried or taken:"),
    ),
)  # fmt: skip
KEYS = tuple(question.key for question in QUESTIONS)


def answers_in(data: Mapping[str, str]) -> dict[str, str]:
    """What was answered so far; what no question knows falls out."""
    return {question.key: answer for question in QUESTIONS if (answer := _clean(question, data.get(question.key, "")))}


def _clean(question: Question, answer: str) -> str:
    if question.choices:
        return answer if answer in {value for value, _shown, _said in question.choices} else ""
    own = answer.replace("\x00", "").strip()
    return own if actions.is_visible(own) else ""


def too_long(answers: Mapping[str, str]) -> str:
    """The key of the first answer in own words that is longer than TEXT_MAX; "" for none."""
    return next((key for key, answer in answers.items() if len(answer) > TEXT_MAX), "")


def shown(answers: Mapping[str, str]) -> Iterator[tuple[Question, str]]:
    """Each question with its answer as the patient reads it back."""
    for question in QUESTIONS:
        labels = {value: str(label) for value, label, _said in question.choices}
        answer = answers.get(question.key, "")
        yield question, labels.get(answer, answer) or _("I'm not sure")


def message_of(answers: Mapping[str, str]) -> str:
    """The answers as one message, in the language that is active. What was not answered is not mentioned."""
    return "\n".join(line for question in QUESTIONS if (line := _line(question, answers.get(question.key, ""))))


def _line(question: Question, answer: str) -> str:
    if question.choices:
        return next((str(said) for value, _shown, said in question.choices if value == answer), "")
    return f"{question.said} {answer}" if answer else ""
