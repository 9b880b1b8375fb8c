"""A conversation as FHIR R4B for another system: one Bundle, checked by the library's models as it is made.

Patient, the encounter, and one Communication a message. Codes are HL7's own only: where none exists, words stand.
Text by software is labelled AIAST ("Artificial Intelligence asserted"), a clinician's CLINAST, a patient's PATAST;
an answer that a clinician checked has a Provenance that names the verifier. Knows no database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
LABELS = {
    "software": ("AIAST", "Artificial Intelligence asserted"),
    "software_checked_by_clinician": ("AIAST", "Artificial Intelligence asserted"),
    "clinician": ("CLINAST", "clinician asserted"),
    "patient": ("PATAST", "patient asserted"),
}
GENDERS = {"female", "male", "other"}


class Person(NamedTuple):
    """Who asks, and what they told of themselves; "" where they did not."""

    pk: str
    name: str
    sex: str = ""
    birth_year: str = ""


def bundle(copy: dict[str, Any], person: Person) -> bytes:
    """The Bundle as JSON for what ``copies.contents`` made. Raises pydantic's ValidationError for what is no FHIR."""
    from fhir.resources.R4B.bundle import Bundle  # only when asked: its models take a while to load

    resources = [*_people(copy, person), _encounter(copy)]
    for message in copy["messages"]:
        resources += _message(copy, message)
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    made = {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": _instant(copy["exported_at"]),
        "entry": entries,
    }
    checked: str = Bundle.model_validate(made).model_dump_json(indent=1)
    return checked.encode()


def _id(copy: dict[str, Any], name: str) -> str:
    """The same id for the same thing in every copy of one conversation."""
    return str(uuid5(NAMESPACE_URL, f"consult:{copy['conversation']}:{name}"))


def _reference(copy: dict[str, Any], name: str, display: str = "") -> dict[str, str]:
    made = {"reference": f"urn:uuid:{_id(copy, name)}"}
    return {**made, "display": display} if display else made


def _people(copy: dict[str, Any], person: Person) -> list[dict[str, Any]]:
    """The patient, who writes, the software, and the clinicians who wrote."""
    made: list[dict[str, Any]] = [_patient(copy, person)]
    if copy["about"] != "self":
        made.append(
            {"resourceType": "RelatedPerson", "id": _id(copy, "writer"), "patient": _reference(copy, "patient"),
             "name": [{"text": person.name}]}
        )  # fmt: skip
    made.append(
        {"resourceType": "Device", "id": _id(copy, "software"),
         "deviceName": [{"name": copy["site"], "type": "user-friendly-name"}]}
    )  # fmt: skip
    names = {one["author_name"] for one in copy["messages"] if one["provenance"] == "clinician"}
    names |= {one["checked_by"] for one in copy["messages"] if one["checked_by"]}
    return made + [
        {"resourceType": "Practitioner", "id": _id(copy, f"clinician {name}"), "name": [{"text": name}]}
        for name in sorted(names)
    ]


def _patient(copy: dict[str, Any], person: Person) -> dict[str, Any]:
    """The person that it is about. Of someone else nothing is known, and nothing is said."""
    made: dict[str, Any] = {"resourceType": "Patient", "id": _id(copy, "patient")}
    if copy["about"] != "self":
        return made
    made["identifier"] = [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{person.pk}"}]
    made["name"] = [{"text": person.name}]
    if person.sex in GENDERS:
        made["gender"] = person.sex
    if person.birth_year:
        made["birthDate"] = person.birth_year
    return made


def _encounter(copy: dict[str, Any]) -> dict[str, Any]:
    last = copy["messages"][-1]["at"] if copy["messages"] else copy["begun_at"]
    return {
        "resourceType": "Encounter",
        "id": _id(copy, "encounter"),
        "status": "in-progress" if copy["state"] == "open" else "finished",
        "class": {"system": ACT_CODE, "code": "VR", "display": "virtual"},
        "subject": _reference(copy, "patient"),
        "period": {"start": _instant(copy["begun_at"]), "end": _instant(last)},
    }


def _message(copy: dict[str, Any], message: dict[str, Any]) -> list[dict[str, Any]]:
    """The Communication, and a Provenance where a clinician checked what software wrote."""
    name = f"message {message['seq']}"
    made: dict[str, Any] = {
        "resourceType": "Communication",
        "id": _id(copy, name),
        "status": "completed",
        "subject": _reference(copy, "patient"),
        "encounter": _reference(copy, "encounter"),
        "sent": _instant(message["at"]),
        "sender": _sender(copy, message),
        "payload": [{"contentString": text} for text in _texts(message)],
    }
    label = LABELS.get(message["provenance"])
    if label:
        made["meta"] = {"security": [{"system": OBSERVATION_VALUE, "code": label[0], "display": label[1]}]}
    if message["label"]:
        made["note"] = [{"text": message["label"]}]
    if not message["checked_by"]:
        return [made]
    return [made, _check(copy, message, name)]


def _texts(message: dict[str, Any]) -> list[str]:
    """What was said, what to do if it gets worse, and the sources."""
    sources = [
        f"[{one['number']}] " + " · ".join(part for part in (one["title"], one["source"], one["date"]) if part)
        for one in message["citations"]
    ]
    return [text for text in (message["text"], message["advice"], *sources) if text.strip()]


def _sender(copy: dict[str, Any], message: dict[str, Any]) -> dict[str, str]:
    if message["provenance"] == "patient":
        return _reference(copy, "patient" if copy["about"] == "self" else "writer")
    if message["provenance"] == "clinician":
        return _reference(copy, f"clinician {message['author_name']}", message["author_name"])
    return _reference(copy, "software", copy["site"])


def _check(copy: dict[str, Any], message: dict[str, Any], name: str) -> dict[str, Any]:
    verifier, author = ({"coding": [{"system": PARTICIPANT, "code": code}]} for code in ("verifier", "author"))
    clinician = _reference(copy, f"clinician {message['checked_by']}", message["checked_by"])
    return {
        "resourceType": "Provenance",
        "id": _id(copy, f"check of {name}"),
        "target": [_reference(copy, name)],
        "recorded": _instant(message["at"]),
        "agent": [
            {"type": author, "who": _reference(copy, "software", copy["site"])},
            {"type": verifier, "who": clinician},
        ],
    }


def _instant(iso: str) -> str:
    """Whole seconds, with the zone: what every reader of FHIR takes."""
    return datetime.fromisoformat(iso).isoformat(timespec="seconds")
