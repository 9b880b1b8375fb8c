"""A clinician's summary of articles: asked for on the page, written through the guard, with the engine scripted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from consult.celery_app import app
from consult.chat import actions, summary, sweeper, tasks
from consult.library import store, summaries
from consult.library.ingest import run as ingestion
from consult.library.models import Document, Source, Summary
from llm.fake import FakeEngine
from llm.types import EngineBusy, EngineDown, RequestRefused
from tests.conftest import Login
from tests.library.test_ingest import article, pubmed_file

pytestmark = pytest.mark.django_db(transaction=True)
State = Summary.State
ASK = "/library/literature/summaries/"
HELPED = "Rest helped tired sailors. [1]"
GOUT = "Cherries did not lower uric acid in people with gout. [2]"
Sent = list[tuple[Any, ...]]


def with_conclusion(text: str, said: str) -> str:
    return text.replace("</Abstract>", f'<AbstractText Label="CONCLUSIONS">{said}</AbstractText></Abstract>')


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What went to the broker."""
    seen: Sent = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **kwargs: seen.append((name, args, kwargs["queue"])))
    return seen


@pytest.fixture
def articles(settings: Any, tmp_path: Path, sent: Sent) -> list[Document]:
    """Two articles with abstracts, and one that is only a title."""
    settings.INDEX_DIR = tmp_path / "index"
    source = Source.objects.create(slug="pubmed", name="PubMed")
    bare = article(3, "Only a title")
    bare = bare[: bare.index("<Abstract>")] + bare[bare.index("</Abstract>") + len("</Abstract>") :]
    gout = article(2, "Gout and cherries").replace(
        "Rest helped tired sailors.", "Cherries did not lower uric acid in people with gout."
    )
    path = pubmed_file(
        tmp_path / "a.xml",
        with_conclusion(article(1), "Rest may be tried first in tired sailors."),
        with_conclusion(gout, "Cherries are of no use in gout."),
        bare,
    )
    for _step in ingestion.go_on(ingestion.start(path, "pubmed", source), path):
        pass
    store.update()
    return [Document.objects.get(external_id=one) for one in "123"]


@pytest.fixture
def asked(articles: list[Document], chen: User) -> Summary:
    return summaries.ask_for(chen, [one.pk for one in articles], "rest and gout")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Summary, FakeEngine], Summary]:
    """Run the task of that summary with that engine, as a worker would."""

    def with_engine(row: Summary, engine: FakeEngine) -> Summary:
        monkeypatch.setattr(tasks, "engine", lambda: engine)
        tasks.summarise(str(row.pk))
        return Summary.objects.get(pk=row.pk)

    return with_engine


Run = Callable[[Summary, FakeEngine], Summary]


class TestAsking:
    def test_the_chosen_articles_go_in_line_and_the_task_carries_an_id_alone(
        self, articles: list[Document], chen: User, login: Login, sent: Sent
    ) -> None:
        answer = login(chen).post(ASK, {"q": "gout", "id": [str(articles[1].pk)], "listed": [str(articles[0].pk)]})
        row = Summary.objects.get()
        assert answer["Location"] == f"{ASK}{row.pk}/"
        assert row.documents == [str(articles[1].pk)]
        assert sent == [("consult.chat.tasks.summarise", [str(row.pk)], "llm")]
        assert AuditEntry.objects.filter(action="summary.asked", actor=chen.pk, target_id=str(row.pk)).exists()

    def test_with_none_ticked_the_first_of_the_list_are_taken(
        self, articles: list[Document], chen: User, login: Login
    ) -> None:
        login(chen).post(ASK, {"q": "", "listed": [str(one.pk) for one in articles]})
        row = Summary.objects.get()
        assert row.documents == [str(one.pk) for one in articles[:2]]  # the third has no abstract
        assert row.left_out == 0  # nobody asked for it

    def test_pressing_twice_makes_one(self, articles: list[Document], chen: User) -> None:
        ids = [one.pk for one in articles]
        assert summaries.ask_for(chen, ids, "gout").pk == summaries.ask_for(chen, ids, "gout").pk

    def test_too_many_at_once_and_nothing_to_summarise_are_told(
        self, articles: list[Document], chen: User, login: Login
    ) -> None:
        browser = login(chen)
        only = browser.post(ASK, {"id": str(articles[2].pk)}, follow=True).content.decode()
        assert "None of these can be summarised" in only
        for number in range(summaries.OPEN_MAX):
            browser.post(ASK, {"q": f"gout {number}", "id": str(articles[0].pk)})
        last = browser.post(ASK, {"q": "once more", "id": str(articles[0].pk)}, follow=True).content.decode()
        assert "Three of your summaries" in last
        assert Summary.objects.count() == summaries.OPEN_MAX

    def test_nobody_but_its_clinician_finds_it(
        self, asked: Summary, alice: User, olu: User, diaz: User, chen: User, login: Login
    ) -> None:
        for other in (alice, olu, diaz):
            for path in ("", "state"):
                assert login(other).get(f"{ASK}{asked.pk}/{path}").status_code == 404
            assert login(other).post(f"{ASK}{asked.pk}/stop").status_code == 404
        for stranger in (alice, olu):
            assert login(stranger).post(ASK, {"id": asked.documents}).status_code == 404
        assert login(chen).get(f"{ASK}{asked.pk}/").status_code == 200
        assert Summary.objects.get().state == State.WAITING

    def test_what_was_searched_for_lies_encrypted(self, asked: Summary) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT question FROM library_summary")
            assert b"gout" not in bytes(cursor.fetchone()[0])
        assert Summary.objects.get().question == "rest and gout"


class TestWriting:
    def test_supported_sentences_are_shown_with_links_to_their_articles(
        self, asked: Summary, articles: list[Document], run: Run, chen: User, login: Login
    ) -> None:
        engine = FakeEngine(f"{HELPED} {GOUT}")
        row = run(asked, engine)
        assert (row.state, row.composed) == (State.DONE, "model")
        assert [line["citations"] for line in row.lines] == [[1], [2]]
        assert (row.base_model, row.refused) == ("fake", [])
        assert row.prompt_version
        assert AuditEntry.objects.filter(action="summary.written", target_id=str(row.pk)).exists()
        prompt = engine.requests[0].messages[-1].content
        assert "[2] Gout and cherries: Background:" in prompt
        assert "What do these articles report about rest and gout?" in prompt
        page = login(chen).get(f"{ASK}{row.pk}/").content.decode()
        assert "Rest helped tired sailors." in page
        assert f'class="cite" href="/library/document/{articles[1].pk}"' in page
        assert "Written by software, not checked." in page
        assert "not shown" not in page

    def test_what_no_abstract_says_is_dropped_and_counted(
        self, asked: Summary, run: Run, chen: User, login: Login
    ) -> None:
        made_up = "Colchicine cured 95% of patients. [2] Sailors lived ten years longer. [1]"
        row = run(asked, FakeEngine(f"{HELPED} {made_up} {GOUT}"))
        assert [one["text"] for one in row.refused] == made_up.replace(" [2] ", " [2]\n").splitlines()
        page = login(chen).get(f"{ASK}{row.pk}/").content.decode()
        assert "Colchicine" not in page
        assert "2 sentences were not shown because the abstracts do not say them." in page

    def test_where_too_little_is_left_the_abstracts_conclusions_speak_and_it_says_so(
        self, asked: Summary, run: Run, chen: User, login: Login
    ) -> None:
        row = run(asked, FakeEngine("Colchicine cured everybody. See a doctor soon."))
        assert row.composed == "abstracts"
        assert [(line["text"], line["citations"]) for line in row.lines] == [
            ("Rest may be tried first in tired sailors.", [1]),
            ("Cherries are of no use in gout.", [2]),
        ]
        assert "own conclusions" in login(chen).get(f"{ASK}{row.pk}/").content.decode()

    def test_a_retracted_article_is_never_used(
        self, asked: Summary, articles: list[Document], run: Run, chen: User, login: Login
    ) -> None:
        Document.objects.filter(pk=articles[1].pk).update(retracted=True)
        engine = FakeEngine(f"{HELPED} {GOUT}")
        row = run(asked, engine)
        assert "cherries" not in engine.requests[0].messages[-1].content.lower()
        assert row.documents == [str(articles[0].pk)]
        assert "uric acid" not in login(chen).get(f"{ASK}{row.pk}/").content.decode()

    def test_one_that_is_retracted_later_takes_its_sentences_along(
        self, asked: Summary, articles: list[Document], run: Run, chen: User, login: Login
    ) -> None:
        row = run(asked, FakeEngine(f"{HELPED} {GOUT}"))
        Document.objects.filter(pk=articles[1].pk).update(retracted=True)
        page = login(chen).get(f"{ASK}{row.pk}/").content.decode()
        assert "uric acid" not in page
        assert "1 sentence was taken out" in page
        assert "Retracted" in page

    def test_an_expression_of_concern_is_shown(
        self, asked: Summary, articles: list[Document], run: Run, chen: User, login: Login
    ) -> None:
        Document.objects.filter(pk=articles[0].pk).update(concern="Data under review")
        row = run(asked, FakeEngine(f"{HELPED} {GOUT}"))
        assert "Data under review" in login(chen).get(f"{ASK}{row.pk}/").content.decode()

    def test_a_text_too_long_for_the_model_is_answered_by_the_abstracts(self, asked: Summary, run: Run) -> None:
        assert run(asked, FakeEngine(RequestRefused("too long"))).composed == "abstracts"


class TestWhatGoesWrong:
    def test_with_the_engine_down_it_is_tried_again_and_then_fails_for_all_to_see(
        self, asked: Summary, run: Run, settings: Any, chen: User, login: Login
    ) -> None:
        row = run(asked, FakeEngine(EngineDown("away")))
        assert (row.state, row.failure) == (State.WAITING, "engine_down")
        assert "tried again" in login(chen).get(f"{ASK}{row.pk}/").content.decode()
        for _attempt in range(settings.REPLY_MAX_ATTEMPTS - 1):
            row = run(asked, FakeEngine(EngineDown("away")))
        assert (row.state, row.lines) == (State.FAILED, [])
        page = login(chen).get(f"{ASK}{row.pk}/").content.decode()
        assert "could not be reached" in page
        assert "Try again" in page

    def test_a_busy_model_costs_no_attempt(self, asked: Summary, run: Run) -> None:
        row = run(asked, FakeEngine(EngineBusy(3)))
        assert (row.state, row.attempt, row.failure) == (State.WAITING, 0, "busy")

    def test_patients_come_first(self, asked: Summary, run: Run, alice: User, chen: User, login: Login) -> None:
        from uuid import uuid4

        thread = actions.start_conversation(alice, language="en")
        actions.post_patient_message(alice, thread.pk, uuid4(), "What helps a sore throat?")
        engine = FakeEngine(HELPED)
        assert run(asked, engine).state == State.WAITING
        assert engine.requests == []
        assert "They come first" in login(chen).get(f"{ASK}{asked.pk}/state").json()["status"]

    def test_one_stopped_while_it_is_written_keeps_nothing(
        self, asked: Summary, run: Run, chen: User, login: Login, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(summary.reply, "ASK_S", -1.0)
        browser = login(chen)

        def press(request: Any) -> str:
            browser.post(f"{ASK}{asked.pk}/stop")
            return f"{HELPED} {GOUT}"

        row = run(asked, FakeEngine(press))
        assert (row.state, row.lines) == (State.STOPPED, [])
        assert "You stopped this summary" in browser.get(f"{ASK}{row.pk}/").content.decode()

    def test_a_killed_worker_s_summary_is_begun_anew_and_its_late_words_are_not_kept(
        self, asked: Summary, run: Run, sent: Sent
    ) -> None:
        first = summaries.claim(asked.pk, "worker-llm@dead")
        assert first is not None
        past = timezone.now() - timedelta(seconds=5)
        Summary.objects.update(lease_until=past, at=past)
        sent.clear()
        sweeper.sweep()
        assert [name for name, _args, _queue in sent] == ["consult.chat.tasks.summarise"]
        row = run(asked, FakeEngine(f"{HELPED} {GOUT}"))
        assert (row.state, row.attempt) == (State.DONE, 2)
        assert not summaries.finish(first, lines=[], composed="none")

    def test_a_process_that_starts_again_takes_back_what_it_was_writing(self, asked: Summary) -> None:
        summaries.claim(asked.pk, "worker-llm@one")
        summaries.take_back_from("worker-llm@one")
        assert Summary.objects.get().state == State.WAITING

    def test_what_waited_too_long_is_given_up(self, asked: Summary) -> None:
        Summary.objects.update(at=timezone.now() - summaries.WAIT_MAX - timedelta(seconds=1))
        sweeper.sweep()
        row = Summary.objects.get()
        assert (row.state, row.failure) == (State.FAILED, "waited_too_long")


class TestConclusions:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("Background: Old. Conclusions: It helps. More later. Third.", ["It helps.", "More later."]),
            ("Aim: x. CONCLUSION AND RELEVANCE: It helps.", ["It helps."]),
            ("Rest was tried. Rest helped.", ["Rest helped."]),
            ("目的：试验。结论：休息有用。", ["休息有用。"]),
        ],
    )
    def test_the_part_that_is_called_so_or_the_last_sentence(self, text: str, said: list[str]) -> None:
        assert [one.strip() for one in summary.conclusion(text)] == said


def test_the_page_is_in_the_reader_s_language_and_lists_its_summaries(
    asked: Summary, run: Run, chen: User, login: Login
) -> None:
    run(asked, FakeEngine(f"{HELPED} {GOUT}"))
    browser = login(chen)
    assert f"{ASK}{asked.pk}/" in browser.get("/library/literature/saved/").content.decode()
    browser.cookies["language"] = "zh-hans"
    page = browser.get(f"{ASK}{asked.pk}/", headers={"accept-language": "zh-hans"}).content.decode()
    assert "Rest helped tired sailors." in page
