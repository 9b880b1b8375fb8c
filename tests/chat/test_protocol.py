"""The wire refuses surprises in both directions."""

from __future__ import annotations

import json
from typing import Any, get_args
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consult.chat import protocol

ID = str(uuid4())
GOOD: list[dict[str, Any]] = [
    {"type": "hello", "version": 1, "last_seq": 3},
    {"type": "patient.message", "client_id": ID, "text": "hello"},
    {"type": "clinician.message", "client_id": ID, "text": "你好"},
    {"type": "patient.message", "client_id": ID, "text": "hello", "replaces": ID},
    {"type": "reply.stop", "reply": ID},
    {"type": "typing"},
    {"type": "seen", "seq": 2},
]


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["type"]))
def test_each_declared_frame_is_taken(frame: dict[str, Any]) -> None:
    assert protocol.dump(protocol.parse(json.dumps(frame)))["type"] == frame["type"]


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["type"]))
def test_an_undeclared_field_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        protocol.parse(json.dumps(frame | {"role": "clinician"}))


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "1", '"hello"', "{", '{"type": "nonsense"}', '{"type": "snapshot"}', '{"type": null}'),
        *('{"type":"hello","version":NaN}', '{"type":"hello","version":1,"last_seq":-1}', "[" * 5000),
        *('{"type":"patient.message","client_id":"1","text":"x"}', '{"type":"patient.message","text":"x"}'),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        protocol.parse(text)


@given(st.text())
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(ValidationError):
        protocol.parse(text)


def test_every_server_frame_has_its_own_type() -> None:
    types = [frame.model_fields["type"].default for frame in get_args(protocol.ServerFrame)]
    assert len(types) == len(set(types)) == 11
