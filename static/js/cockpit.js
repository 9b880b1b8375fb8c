// One case: messages as they come, drafts, and the clinician's reply. As in queue.js, frames say that there is news,
// and the words come from the server's templates. Without a socket the same is looked up every few seconds.

import { localTime } from "./site.js";
import { Live } from "./socket.js";
import { countDown, words } from "./queue.js";

const VERSION = 1;
const POLL_MS = 4000;
const HEAL_MS = 30000;
const SETTLE_MS = 60;
const CONFIRM_MS = 2500;
const TYPING_EVERY_MS = 3000;
const TYPING_SHOWN_MS = 6000;

const work = document.getElementById("work");
const list = document.getElementById("messages");
const talkStatus = document.getElementById("talk-status");
const changed = document.getElementById("changed");
const form = document.getElementById("reply");
const input = form?.elements.text;
const note = document.getElementById("reply-state");
let live = null;
let looking = false;
let again = false;
let settle = 0;
let looked = Date.now();
let holder = null;
let sending = null; // the client_id that waits for its confirmation
let confirm = 0;
let lastTyping = 0;
let typingTimer = 0;

// --- news ----------------------------------------------------------------------------------------------------

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const query = new URLSearchParams({ after: list.dataset.last, state: work.dataset.state });
    const answer = await fetch(`${work.dataset.url}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.status === 404) {
      // A colleague has closed it: it is no page of ours any more.
      live?.end();
      offer(document.querySelector(".back a").href);
    }
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    show(await answer.json());
    looked = Date.now();
  } catch {
    // queue.js says that there is no connection; here the next look tries again
  }
  looking = false;
  if (again) {
    again = false;
    look();
  }
}

function show(found) {
  if (!found.changed) return;
  const atEnd = isAtEnd();
  if (found.last_seq > Number(list.dataset.last)) {
    list.insertAdjacentHTML("beforeend", found.entries);
    list.dataset.last = found.last_seq;
  }
  document.getElementById("why").innerHTML = found.why;
  const drafts = document.getElementById("drafts");
  if (drafts && !drafts.querySelector("details.edit[open]")) drafts.innerHTML = found.drafts;
  for (const time of document.querySelectorAll("time[data-local]")) time.textContent = localTime(time.dateTime);
  talkStatus.textContent = found.state.endsWith("-1") ? words.writing : "";
  work.dataset.state = found.state;
  countDown();
  if (atEnd) toEnd();
  showHolder(`${found.case_state} ${found.held_by}`);
}

// Who has the case decides what the right column offers: the page is loaded anew, unless something is typed there.
function showHolder(now) {
  holder ??= initialHolder();
  if (now === holder) return;
  const typed = [...work.querySelectorAll("textarea")].some((box) => box.value !== box.defaultValue);
  if (!typed) {
    window.location.reload();
    return;
  }
  offer(window.location.href);
}

function offer(address) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = words.show;
  changed.replaceChildren(words.changed, " ", link);
  changed.hidden = false;
}

function initialHolder() {
  return `${work.dataset.caseState} ${work.dataset.heldBy}`;
}

function isAtEnd() {
  const talk = list.closest(".talk");
  const box = talk.scrollHeight > talk.clientHeight ? talk : document.scrollingElement;
  return box.scrollHeight - box.scrollTop - box.clientHeight < 120;
}

function toEnd() {
  talkStatus.scrollIntoView({ block: "end" });
}

function lookSoon() {
  window.clearTimeout(settle);
  settle = window.setTimeout(look, SETTLE_MS);
}

// --- the reply -----------------------------------------------------------------------------------------------

function send() {
  const text = input.value.trim();
  if (!text || sending) return;
  sending = form.elements.client_id.value;
  note.textContent = words.sending;
  input.readOnly = true;
  const frame = { type: "clinician.message", client_id: sending, text };
  if (!live?.send(frame)) sendByForm();
  else confirm = window.setTimeout(sendByForm, CONFIRM_MS);
}

// The same client_id: what had arrived by the socket after all is not stored twice.
async function sendByForm() {
  window.clearTimeout(confirm);
  const id = sending;
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (sending !== id) return;
    if (answer.ok && !answer.redirected) {
      sent();
      return;
    }
    const told = await answer.json().catch(() => null);
    failed(told?.error?.text || words.notSent);
  } catch {
    if (sending === id) failed(words.notSent);
  }
}

function sent() {
  window.clearTimeout(confirm);
  sending = null;
  input.value = "";
  input.readOnly = false;
  form.elements.client_id.value = newId();
  note.textContent = words.sent;
  lookSoon();
}

function failed(text) {
  window.clearTimeout(confirm);
  sending = null;
  input.readOnly = false;
  note.textContent = text;
  input.focus();
}

// randomUUID is missing on plain http from another machine.
function newId() {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
input?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
input?.addEventListener("input", () => {
  note.textContent = "";
  if (Date.now() - lastTyping < TYPING_EVERY_MS) return;
  lastTyping = Date.now();
  live?.send({ type: "typing" });
});

// --- live ----------------------------------------------------------------------------------------------------

function onFrame(frame) {
  if (frame.type === "notice" && frame.code === "typing") {
    talkStatus.textContent = words.typing;
    window.clearTimeout(typingTimer);
    typingTimer = window.setTimeout(() => (talkStatus.textContent = ""), TYPING_SHOWN_MS);
    return;
  }
  if (frame.type === "error") {
    if (sending && frame.client_id === sending) failed(frame.text || words.notSent);
    return;
  }
  if (frame.type === "message.created" && sending && frame.message.client_id === sending) sent();
  if (frame.type !== "reply.chunk") lookSoon();
}

if (!("closed" in work.dataset)) {
  live = new Live(`/ws/conversation/${work.dataset.conversation}/`, {
    hello: () => ({ type: "hello", version: VERSION, last_seq: Number(list.dataset.last) }),
    onFrame,
    onState: (state) => {
      if (state === "ended") look();
    },
  });
  window.setInterval(() => {
    const since = Date.now() - looked;
    if (!document.hidden && since > (live.isOpen ? HEAL_MS : POLL_MS)) look();
  }, POLL_MS / 2);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
}
