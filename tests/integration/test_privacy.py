"""Patient text stays where it belongs: no log, no task argument, no broker, no readable byte in the database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import redis

from tests.live import LiveSite
from tests.visitor import Visitor, message, receive

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
# Words that stand nowhere else, each sent on another way.
ASKED, URGENT, FORM, STAFF = "quorvexa", "zymblatt", "hexopringle", "drustwick"


@pytest.fixture(scope="module")
def site(live_site: LiveSite) -> LiveSite:
    """A site on which the marker words were sent: socket, form, emergency, clinician; with an error on the way."""
    with Visitor(live_site, "alice") as alice, Visitor(live_site, "chen") as chen:
        conversation = alice.begin()
        with alice.open_conversation(conversation) as socket:
            socket.send(message(f"I have a sore throat and {ASKED}, what can I do?"))
            socket.send('{"type":"patient.message","text":"' + ASKED + '"}')
            receive(socket, "error")
        alice.wait_for(conversation, "software")
        alice.say(conversation, f"I have crushing chest pain in my left arm and {URGENT}")
        alice.http.post(f"/chat/{conversation}/messages/", data={"text": FORM})  # no token: refused
        alice.say(conversation, f"{FORM} " * 3000)  # too long: refused beside the field
        case = chen.http.get("/review/").text.split('data-case="')
        address = next(part.split('"')[0] for part in case[1:] if len(part.split('"')[0]) == 36)
        chen.submit(f"/review/{address}/", f"/review/{address}/claim/")
        chen.submit(
            f"/review/{address}/", f"/review/{address}/reply/", text=f"Please call {STAFF}", client_id=conversation
        )
    return live_site


WORDS = pytest.mark.parametrize("word", [ASKED, URGENT, FORM, STAFF])


@WORDS
def test_no_log_holds_what_a_person_wrote(site: LiveSite, word: str) -> None:
    logs = [path for path in (site.var / "log").rglob("*") if path.is_file()]
    assert logs
    assert not [path.name for path in logs if word in path.read_text(errors="replace")]
    assert word not in site.output


@WORDS
def test_the_broker_holds_nothing_that_a_person_wrote(site: LiveSite, word: str) -> None:
    client = redis.Redis.from_url(site.redis_url)
    for key in client.scan_iter("*"):
        assert word.encode() not in key + (client.dump(key) or b"")
    for path in (site.var / "valkey").rglob("*"):  # its append-only file keeps everything that ever went through
        assert not path.is_file() or word.encode() not in path.read_bytes()


@WORDS
def test_the_database_file_holds_no_readable_word(site: LiveSite, word: str) -> None:
    files = list(site.var.glob("db.sqlite3*"))
    for path in files:
        assert word.encode() not in path.read_bytes()
    if not files:
        pytest.skip("this run is on PostgreSQL; tests/accounts/test_crypto.py reads its columns")


def test_the_marker_words_are_really_there_for_those_who_may_read_them(site: LiveSite) -> None:
    with Visitor(site, "alice") as alice:
        assert URGENT in alice.http.get("/chat/").text or ASKED in alice.http.get("/chat/").text


def test_the_search_would_find_a_word_that_leaked(site: LiveSite, tmp_path: Path) -> None:
    """The net has no hole: a word stored in the clear is found in a database file."""
    path = tmp_path / "leak.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", [ASKED])
    connection.close()
    assert ASKED.encode() in path.read_bytes()
