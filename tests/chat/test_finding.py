"""What is found for an answer: every passage once, and each medicine of the question with the passages about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from consult.chat import finding, personal
from consult.library.search import Hit


def hit(title: str, text: str) -> Hit:
    return Hit(
        passage_id=uuid4(),
        key=title,
        document_title=title,
        section="",
        text=text,
        source="",
        reviewed="",
        written=None,
        url="",
        score=1.0,
        why=(),
        highlights=(),
    )


def test_a_passage_found_again_for_the_medicine_stays_one_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    page = hit("Antibiotics", "Feeling sick is a common side effect.")
    other = hit("Chest infection", "Rest, and drink plenty of water.")

    def search(text: str, **_: Any) -> list[Hit]:
        return [replace(page, score=0.4)] if "side effects" in text else [other, page]

    monkeypatch.setattr(finding.library, "search", search)
    monkeypatch.setattr(finding.library, "holds", lambda *_: True)
    found = finding.find("Does amoxicillin help a chest infection?", "en", "", personal.About())
    assert found.hits == [other, page]
    assert found.medicines == ((2,),)
    assert found.lacking == ()
