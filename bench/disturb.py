"""Whether anything is lost or doubled: ``python -m bench.disturb [--times 100] [--seed 1]``.

Starts an installation of its own. Alice asks in one tab and has the conversation open in a second one; while answers
are written, the first tab is reloaded, loses its socket, goes offline or is put to sleep, at random. At the end both
tabs must hold exactly the messages of the database, in order and word for word, each that was sent once; and every
state of an answer that was seen on the way must be a beginning of that answer. Prints one line of JSON; exit status 1
where anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Error

from bench.page import DESKTOP, QUESTIONS, sign_in
from tests import browsers
from tests.live import LiveSite

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, WebSocketRoute

PER_QUESTION = 8  # disturbances while one answer is awaited
WORDS = """(one) => {
  const copy = one.cloneNode(true);
  for (const ours of copy.querySelectorAll('.cite, .worsening')) ours.remove();
  return copy.textContent;
}"""
SHOWN = f"""() => [...document.querySelectorAll('#messages > li[data-id]')].map(
  (one) => [one.dataset.id, ({WORDS})(one.querySelector('.bubble, .care-card'))])"""
WRITING = f"""() => [...document.querySelectorAll('#messages > li[data-reply]')].map(
  (one) => [one.dataset.reply, [...one.querySelectorAll('.sentence')].map({WORDS})])"""
STORED = """
import json
from consult.chat.models import Conversation, ReplySentence
row = Conversation.objects.get(pk="%s")
said = [[str(m.pk), m.author_kind, m.body] for m in row.messages.order_by("seq")]
parts = {}
for s in ReplySentence.objects.filter(reply__conversation=row, number__isnull=False).order_by("attempt", "number"):
    parts.setdefault(str(s.reply_id), {}).setdefault(str(s.attempt), []).append(s.text)
print("FOUND" + json.dumps([said, parts]))
"""


def main() -> int:
    """Disturb, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with LiveSite() as site, browsers.browser() as browser:
        found = Disturbance(sign_in(browser, site, DESKTOP), random.Random(options.seed)).run(options.times)
        found |= compare(site, found)
    for name in ("seen", "tabs", "sent", "conversation"):
        del found[name]
    print(json.dumps(found))
    return 1 if found["faults"] else 0


class Disturbance:
    """Two tabs on one conversation, and what is done to the first."""

    def __init__(self, context: BrowserContext, chance: random.Random) -> None:
        self.context, self.chance = context, chance
        self.sockets: list[WebSocketRoute] = []
        self.done: Counter[str] = Counter()
        self.seen: list[tuple[str, list[str]]] = []  # every state of an answer that was on a screen
        self.page = context.new_page()
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.page.route_web_socket("**/ws/**", self.relay)

    def relay(self, socket: WebSocketRoute) -> None:
        """Between page and server, so that the line can be cut."""
        socket.connect_to_server()
        self.sockets.append(socket)

    def run(self, times: int) -> dict[str, Any]:
        """Ask, disturb, and read both tabs when all is quiet."""
        page = self.page
        page.goto("/chat/")
        page.locator("main form button[name=attach]").click()
        page.wait_for_url("**/documents/")
        page.goto(page.url.removesuffix("documents/"))
        other = self.context.new_page()
        other.goto(page.url)
        sent: list[str] = []
        while sum(self.done.values()) < times:
            text = f"{QUESTIONS[len(sent) % len(QUESTIONS)]} ({len(sent) + 1})"
            page.locator("#composer textarea").fill(text)
            page.keyboard.press("Enter")
            sent.append(text)
            for _ in range(min(PER_QUESTION, times - sum(self.done.values()))):
                page.wait_for_timeout(self.chance.uniform(30, 900))
                self.look(page)
                self.look(other)
                self.disturb()
            self.wait_until_quiet(page)
        self.wait_until_quiet(other)
        tabs = [page.evaluate(SHOWN), other.evaluate(SHOWN)]
        return {
            "times": dict(self.done), "questions": len(sent), "sent": sent, "tabs": tabs, "seen": self.seen,
            "conversation": page.url.rstrip("/").rsplit("/", 1)[1],
        }  # fmt: skip

    def look(self, page: Page) -> None:
        """Note what is shown of an answer that is being written."""
        try:
            self.seen += page.evaluate(WRITING)
        except Error:
            return  # the page is just loading

    def disturb(self) -> None:
        """One disturbance of the first tab."""
        kind = self.chance.choice(["refresh", "socket", "offline", "sleep", "tab"])
        self.done[kind] += 1
        if kind == "refresh":
            self.page.reload(wait_until="domcontentloaded")
        elif kind == "socket" and self.sockets:
            self.cut()
        elif kind == "offline":
            self.context.set_offline(True)
            self.cut()
            self.page.wait_for_timeout(self.chance.uniform(100, 1500))
            self.context.set_offline(False)
        elif kind == "sleep":
            self.sleep()
        elif kind == "tab":
            other = self.context.new_page()
            other.goto("/chat/")
            other.bring_to_front()
            other.close()
            self.page.bring_to_front()

    def cut(self) -> None:
        """Close the newest socket as a lost line would."""
        if self.sockets:
            self.sockets.pop().close()

    def sleep(self) -> None:
        """What a phone does to a page that is put away."""
        devtools = self.context.new_cdp_session(self.page)
        devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        self.page.wait_for_timeout(self.chance.uniform(200, 1500))
        devtools.send("Page.setWebLifecycleState", {"state": "active"})
        devtools.detach()

    def wait_until_quiet(self, page: Page) -> None:
        """Until everything is sent and no answer is awaited."""
        script = """() => !document.querySelector('[data-pending], [data-reply]') &&
          document.querySelector('#messages > li[data-id]:last-child:not(.message-patient)')"""
        page.wait_for_function(script, timeout=180_000)


def compare(site: LiveSite, found: dict[str, Any]) -> dict[str, Any]:
    """The tabs and all that was seen against the database."""
    printed = site.manage("shell", "-c", STORED % found["conversation"])
    said, parts = json.loads(printed.partition("FOUND")[2])
    faults = []
    stored = [(pk, plain(body)) for pk, _author, body in said]
    for number, tab in enumerate(found["tabs"], start=1):
        shown = [(pk, plain(text)) for pk, text in tab]
        if shown != stored:
            faults.append(f"tab {number}: {len(shown)} messages shown, {len(stored)} stored, or their words differ")
    if [body for _pk, author, body in said if author == "patient"] != found["sent"]:
        faults.append("what was sent is not what is stored")
    for reply, sentences in found["seen"]:
        shown = plain(" ".join(sentences))
        if not any(plain(" ".join(rows)).startswith(shown) for rows in parts.get(reply, {}).values()) and shown:
            faults.append(f"reply {reply}: what was shown is no beginning of what is stored")
    return {"messages": len(said), "states_seen": len(found["seen"]), "faults": faults}


def plain(text: str) -> str:
    """Letters and digits alone: without marks of sources, lists and emphasis, and however the lines are broken."""
    return re.sub(r"\W", "", re.sub(r"\[\d+\]", "", text))


if __name__ == "__main__":
    sys.exit(main())
