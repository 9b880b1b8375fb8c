"""Loading topics and building the index: nothing twice, nothing lost, never half."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from consult.library import citations, loading, store
from consult.library.models import Document, Passage, Revision
from consult.library.search import search


def build(content: Path, *arguments: str) -> str:
    out = StringIO()
    call_command("build_index", "--content", str(content), *arguments, stdout=out, stderr=out)
    return out.getvalue()


def rewrite(content: Path, name: str, old: str, new: str) -> None:
    path = content / "en" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_building_twice_changes_nothing(library: Path) -> None:
    before = set(Passage.objects.values_list("pk", flat=True))
    said = build(library)
    assert "0 new, 0 changed, 4 the same" in said
    assert "documents indexed: 0" in said
    assert set(Passage.objects.values_list("pk", flat=True)) == before


def test_a_changed_paragraph_becomes_a_new_passage_and_the_others_stay(library: Path) -> None:
    before = {row.key: row.pk for row in Passage.objects.filter(document__external_id="headache")}
    rewrite(library, "headache.md", "- Drink plenty.", "- Drink water.")
    build(library)
    after = {row.key: row.pk for row in Passage.objects.filter(document__external_id="headache", current=True)}
    assert {key for key in before if before[key] != after[key]} == {"headache#what-you-can-do-1"}
    assert "Drink water" in search("headache what can i do", language="en")[0].text


def test_an_older_citation_keeps_the_words_it_had(library: Path) -> None:
    cited = Passage.objects.get(key="headache#what-you-can-do-1")
    rewrite(library, "headache.md", "- Drink plenty.", "- Drink water.")
    build(library)
    view = citations.describe([cited.pk])[0]
    assert "Drink plenty" in view.text
    assert view.notice == "This page has been revised since."


def test_a_faulty_file_is_reported_and_the_rest_goes_in(library: Path) -> None:
    rewrite(library, "headache.md", "## Prevention", "## Oops")
    rewrite(library, "sore-throat.md", "is common", "is very common")
    with pytest.raises(CommandError, match="1 topic files have faults"):
        build(library)
    assert not Document.objects.get(external_id="headache").withdrawn
    assert "very common" in Passage.objects.get(key="sore-throat#what-it-is-1", current=True).text


def test_a_clinicians_edit_outlives_a_changed_file(library: Path) -> None:
    Document.objects.filter(external_id="headache").update(edited_here=True)
    rewrite(library, "headache.md", "- Drink plenty.", "- Drink water.")
    assert loading.load_topics(library).kept_edits == 1
    assert "Drink plenty" in Passage.objects.get(key="headache#what-you-can-do-1", current=True).text
    assert Revision.objects.filter(document__external_id="headache", applied=False).count() == 1
    assert loading.load_topics(library).kept_edits == 0


def test_a_rebuild_that_fails_leaves_the_old_index_in_use(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(document: Document) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(store, "entries", fail)
    with pytest.raises(RuntimeError):
        store.rebuild()
    assert search("sore throat", language="en")


def test_a_reader_sees_a_rebuilt_index_without_a_restart(library: Path) -> None:
    held = store.store().current()
    assert search("sore throat", language="en")
    build(library, "--rebuild")
    assert store.store().current() != held
    assert search("sore throat", language="en")


def test_an_index_of_another_format_is_built_anew(library: Path, settings: object) -> None:
    root = Path(settings.INDEX_DIR)  # type: ignore[attr-defined]
    (root / "current").write_text("0123456789ab.v0")
    assert search("sore throat", language="en") == []
    assert "documents indexed: 4" in build(library)
    assert search("sore throat", language="en")
