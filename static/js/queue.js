// The clinicians' queue. Frames of the socket only say that there is news: the rows come from the server, always
// by the same template, so that a lost frame costs nothing and a page without a socket shows the same, a little later.

import { Live } from "./socket.js";

const VERSION = 1;
const POLL_MS = 10000;
const HEAL_MS = 60000;
const TICK_MS = 10000;
const SETTLE_MS = 60; // frames that come together cost one look

export const words = document.getElementById("words").dataset;
const dueWords = JSON.parse(document.getElementById("due-words").textContent);
const list = document.getElementById("queue-list");
const liveState = document.getElementById("live-state");
const news = document.getElementById("news");
const title = document.title;
let live = null;
let looking = false;
let again = false;
let settle = 0;
let looked = Date.now();

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// --- time left -----------------------------------------------------------------------------------------------

function dueText(iso) {
  const minutes = Math.floor((new Date(iso) - Date.now()) / 60000);
  if (minutes === 0 || minutes === -1) return dueWords.now;
  const late = minutes < 0;
  const n = late ? -minutes - 1 : minutes;
  let key = n >= 60 ? "hours" : n === 1 ? "minute" : "minutes";
  if (late) key = `late${key[0].toUpperCase()}${key.slice(1)}`;
  return fill(dueWords[key], { n, h: Math.floor(n / 60), m: n % 60 });
}

export function countDown() {
  for (const due of document.querySelectorAll("[data-due]")) {
    const text = dueText(due.dataset.due);
    if (due.textContent !== text) due.textContent = text;
    due.classList.toggle("is-late", new Date(due.dataset.due) < Date.now());
  }
}

// --- the rows ------------------------------------------------------------------------------------------------

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const query = new URLSearchParams({ v: list.dataset.version, case: list.dataset.case });
    const answer = await fetch(`${list.dataset.url}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    looked = Date.now();
    if (live?.isOpen) say("");
    else say(words.notLive);
  } catch {
    say(words.offline);
  }
  looking = false;
  if (again) {
    again = false;
    look();
  }
}

function show(found) {
  if (!found.changed) return;
  const before = new Set([...list.querySelectorAll("[data-case]")].map((row) => row.dataset.case));
  const focused = document.activeElement?.closest(".queue-row")?.dataset.case;
  list.innerHTML = found.html; // rendered by our own template, which escapes what people wrote
  list.dataset.version = found.version;
  document.getElementById("waiting").textContent = found.waiting;
  document.getElementById("mine").textContent = found.mine;
  if (focused) list.querySelector(`[data-case="${focused}"] a`)?.focus({ preventScroll: true });
  const fresh = [...list.querySelectorAll(".queue-row")].filter((row) => !before.has(row.dataset.case));
  if (fresh.length) news.textContent = fill(words.newCase, { level: fresh[0].dataset.level });
  showTitle();
  countDown();
}

function showTitle() {
  const waiting = list.querySelectorAll('[data-state="waiting"]').length;
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

function say(text) {
  if (liveState.textContent !== text) liveState.textContent = text;
}

function lookSoon() {
  window.clearTimeout(settle);
  settle = window.setTimeout(look, SETTLE_MS);
}

// --- live ----------------------------------------------------------------------------------------------------

function onState(state) {
  if (state === "open") {
    say("");
    lookSoon();
  } else if (state === "ended") say(words.signedOut);
  else if (state === "waiting") say(words.notLive);
}

live = new Live("/ws/queue/", {
  hello: () => ({ type: "hello", version: VERSION, last_seq: 0 }),
  onFrame: (frame) => {
    if (frame.type === "case.opened" || frame.type === "case.changed") lookSoon();
  },
  onState,
  quiet: true, // an empty queue has nothing to tell
});

window.setInterval(() => {
  const since = Date.now() - looked;
  if (!document.hidden && since > (live.isOpen ? HEAL_MS : POLL_MS)) look();
}, POLL_MS / 2);
window.setInterval(countDown, TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
showTitle();
countDown();
