// The patient's conversation page: puts together the socket, the outbox and what is drawn.
// All state comes from snapshots and messages of the server; a frame that is lost is healed by the next snapshot.

import { Live } from "./socket.js";
import { Draft, Outbox } from "./outbox.js";
import * as draw from "./render.js";
import { canReadAloud, readAloud, stopReading } from "./speech.js";

const VERSION = 1;
const POLL_MS = 3000;
const CONFIRM_MS = 2500;
const words = draw.words;

const first = JSON.parse(document.getElementById("snapshot").textContent);
const list = document.getElementById("messages");
const form = document.getElementById("composer");
const input = form.elements.text;
const note = document.getElementById("composer-note");
const status = document.getElementById("status");
const connection = document.getElementById("connection");
const personForm = document.getElementById("person");
const personState = document.getElementById("person-state");
const toNewest = document.getElementById("to-newest");
const sheet = document.getElementById("sheet");
const wide = window.matchMedia("(min-width: 1000px)");
const touch = window.matchMedia("(pointer: coarse)");

const outbox = new Outbox(first.conversation);
const draft = new Draft(first.conversation);
const messages = new Map();
const confirmTimers = new Map();
const held = new Set();
let lastSeq = 0; // all messages up to this number are here
let heldBy = first.held_by;
let personRequested = first.person_requested;
let reply = null;
const stopped = new Set();
let live = null;
let liveState = "connecting";
let hadTrouble = false;
let pollTimer = 0;
let lastTyping = 0;
let typingTimer = 0;
let following = true;
let shownTitle = first.title;

// --- what the server says ------------------------------------------------------------------------------------

function onFrame(frame) {
  const handler = {
    snapshot: applySnapshot,
    "message.created": (one) => takeMessage(one.message, true),
    "reply.started": onReplyStarted,
    "reply.chunk": onReplyChunk,
    "reply.done": (one) => takeMessage(one.message, true),
    "reply.failed": onReplyFailed,
    notice: onNotice,
    error: onError,
  }[frame.type];
  handler?.(frame);
}

function applySnapshot(snapshot, isNew = true) {
  for (const message of snapshot.messages) takeMessage(message, isNew);
  heldBy = snapshot.held_by;
  showPerson(snapshot.held_by, snapshot.person_requested, snapshot.person_status);
  showTitle(snapshot.title);
  if (!snapshot.reply) {
    dropReply();
    return;
  }
  const open = openReply(snapshot.reply.id, snapshot.reply.attempt);
  snapshot.reply.sentences.slice(open.shown).forEach((html) => showSentence(html));
  showProgress(snapshot.reply.state, snapshot.reply.place, snapshot.reply.wait);
}

// The first question gives the conversation its name.
function showTitle(title) {
  if (!title || title === shownTitle) return;
  shownTitle = title;
  document.title = title + document.title.slice(document.title.lastIndexOf(" · "));
  for (const one of document.querySelectorAll("h1, .conversation-title")) one.textContent = title;
  const name = document.getElementById("name");
  if (name && document.activeElement !== name) name.value = title;
}

function takeMessage(message, isNew) {
  settle(message.client_id);
  hold(message.seq);
  if (messages.has(message.id)) {
    if (reply && message.reply === reply.id) dropReply();
    return;
  }
  messages.set(message.id, message);
  const known = list.querySelector(`[data-id="${message.id}"]`);
  const item = known ?? draw.messageElement(message);
  addTools(item, message);
  const finished = reply && message.reply === reply.id ? reply.item : null;
  if (finished) reply = null;
  if (!known) place(item, message.seq, finished);
  if (message.author === "patient") dropChoices(message.seq);
  if (message.replaces) markReplaced(message.replaces);
  if (!shownTitle && isNew && message.author === "patient") fetchSnapshot();
  if (message.citations.length) showSources(message);
  if (!known && isNew) announce(message, item);
}

// A question that was answered has nothing left to press.
function dropChoices(seq) {
  for (const one of list.querySelectorAll(".card-choices"))
    if (Number(one.closest("li").dataset.seq) < seq) one.remove();
}

function markReplaced(id) {
  const item = list.querySelector(`[data-id="${id}"]`);
  if (item) draw.markReplaced(item);
}

// The answer to a message sent by HTTP may be newer than one that has not come yet. "All up to here" must stay true,
// or the missing one would never be asked for.
function hold(seq) {
  held.add(seq);
  while (held.has(lastSeq + 1)) lastSeq += 1;
}

// Messages by number, then the answer being written, then what is not sent yet.
function place(item, seq, replaced) {
  const later = [...list.children].find((one) => one.dataset.seq === undefined || Number(one.dataset.seq) > seq);
  keepInView(() => {
    list.insertBefore(item, later ?? null);
    replaced?.remove();
  });
}

function announce(message, item) {
  if (message.author === "patient") return;
  toNewest.hidden = following || atEnd();
  if (isAlarm(message)) {
    showAlarm(item);
    return; // moving the focus reads the card; saying it twice would only delay it
  }
  const who = message.author === "software" && message.kind !== "card" ? words.answer : message.label;
  say([who, plainText(item)].filter(Boolean).join("\n"));
}

function isAlarm(message) {
  return message?.kind === "card" && (message.level === "emergency" || message.level === "crisis");
}

// Its heading says what to do: that is what must be on the screen.
function showAlarm(item) {
  const card = item.querySelector(".care-card");
  following = false;
  card.scrollIntoView({ block: "start", behavior: "instant" });
  card.focus({ preventScroll: true });
}

function say(text) {
  status.textContent = "";
  window.setTimeout(() => {
    status.textContent = text;
  }, 60);
}

// --- the answer that is being written ------------------------------------------------------------------------

function openReply(id, attempt) {
  if (reply && (reply.id !== id || attempt > reply.attempt)) {
    if (reply.id === id) {
      draw.clearSentences(reply.item);
      Object.assign(reply, { attempt, shown: 0 });
      return reply;
    }
    dropReply();
  }
  if (!reply) {
    reply = { id, attempt, shown: 0, item: draw.replyElement(id), told: false };
    const pending = list.querySelector("[data-pending]");
    keepInView(() => list.insertBefore(reply.item, pending));
  }
  return reply;
}

function dropReply() {
  reply?.item.remove();
  reply = null;
}

function showProgress(state, placeInLine, wait = "") {
  const line = placeInLine > 0 ? draw.fill(words.inLine, { n: placeInLine }) : words.starting;
  const waiting = wait ? `${line} ${wait}` : line;
  const text = state === "running" ? words.writing : waiting;
  reply.item.querySelector(".writing-words").textContent = text;
  if (state === "running" && !reply.told) {
    reply.told = true;
    say(words.writing);
  }
}

function showSentence(html) {
  keepInView(() => draw.addSentence(reply.item, html));
  reply.shown += 1;
}

function onReplyStarted(frame) {
  if ([...messages.values()].some((message) => message.reply === frame.reply)) return;
  if (reply && reply.id === frame.reply && frame.attempt < reply.attempt) return;
  openReply(frame.reply, frame.attempt);
  showProgress(frame.state, frame.place, frame.wait);
}

function onReplyChunk(frame) {
  if ([...messages.values()].some((message) => message.reply === frame.reply)) return;
  if (reply && reply.id === frame.reply && frame.attempt < reply.attempt) return;
  openReply(frame.reply, frame.attempt);
  if (frame.number < reply.shown) return;
  if (frame.number > reply.shown) {
    fetchSnapshot(); // one was lost on the way: the snapshot has them all
    return;
  }
  showSentence(frame.html);
  showProgress("running", 0);
}

function onReplyFailed(frame) {
  if (reply && reply.id !== frame.reply) return;
  dropReply();
  // A new question ends the answer to the last one; that needs no word. Pressing "Stop" does.
  const asked = stopped.delete(frame.reply);
  if (frame.state === "stopped" && !asked) return;
  list.querySelector(`[data-note="${frame.reply}"]`)?.remove();
  const again = frame.state === "stopped" || frame.state === "failed";
  showLine(frame.reason, again ? { note: frame.reply, tools: [["again", words.again]] } : { note: frame.reply });
  say(frame.reason);
}

async function stopReply() {
  if (!reply) return;
  const id = reply.id;
  stopped.add(id);
  if (live.send({ type: "reply.stop", reply: id })) return;
  await post(words.stopUrl, { reply: id }).catch(() => null);
  fetchSnapshot();
}

// --- notices and errors --------------------------------------------------------------------------------------

function onNotice(frame) {
  if (frame.code === "typing") {
    showTyping(frame.text);
    return;
  }
  heldBy = frame.held_by;
  const requested = frame.code === "person_requested" || (personRequested && frame.code !== "given_back");
  showPerson(heldBy, requested, frame.code === "person_requested" ? frame.text : "");
  if (frame.code === "waiting_approval" || frame.code === "held" || frame.code === "given_back") showLine(frame.text);
  say(frame.text);
}

// A line of ours between the messages. It has the number of the message before it, so that later ones come after.
function showLine(text, { note = "", tools = [] } = {}) {
  const item = draw.element("li", "message message-system");
  item.dataset.seq = Math.max(0, ...held);
  if (note) item.dataset.note = note;
  item.append(draw.element("p", "bubble", text));
  if (tools.length) item.append(draw.messageFoot(tools));
  const pending = list.querySelector("[data-reply], [data-pending]");
  keepInView(() => list.insertBefore(item, pending));
}

function showTyping(name) {
  let line = list.querySelector("[data-typing]");
  if (!line) {
    line = draw.element("li", "message writing", draw.fill(words.typing, { name }));
    line.dataset.typing = "";
    keepInView(() => list.append(line));
  }
  window.clearTimeout(typingTimer);
  typingTimer = window.setTimeout(() => line.remove(), 5000);
}

function showPerson(name, requested, status = "") {
  personRequested = requested;
  const known = Boolean(name) || requested;
  personForm.hidden = known;
  personState.hidden = !known;
  if (known) personState.textContent = status || (name ? draw.fill(words.held, { name }) : words.told);
}

function onError(frame) {
  if (!frame.client_id) {
    say(frame.text);
    return;
  }
  window.clearTimeout(confirmTimers.get(frame.client_id));
  if (frame.code === "too_many") {
    retryLater(frame.client_id, frame.retry_after_s, frame.text);
    return;
  }
  if (frame.code === "unavailable") {
    sendByHttp(frame.client_id);
    return;
  }
  markFailed(frame.client_id, frame.text);
}

// --- sending -------------------------------------------------------------------------------------------------

function send(text, replaces = "") {
  const row = outbox.add(text, replaces);
  const item = draw.pendingElement(row, "sending");
  following = true;
  keepInView(() => list.append(item));
  deliver(row.client_id);
}

function deliver(clientId) {
  const row = outbox.get(clientId);
  if (!row || row.failed) return;
  showState(clientId, "sending");
  window.clearTimeout(confirmTimers.get(clientId));
  if (!live.send({ type: "patient.message", ...content(row) })) {
    sendByHttp(clientId);
    return;
  }
  // An open socket may be a dead one. Sending twice is harmless: the server knows the id.
  confirmTimers.set(clientId, window.setTimeout(() => sendByHttp(clientId), CONFIRM_MS));
}

function content(row) {
  const version = row.replaces ? { replaces: row.replaces } : {};
  return { client_id: row.client_id, text: row.text, ...version };
}

async function sendByHttp(clientId) {
  const row = outbox.get(clientId);
  if (!row || row.failed) return;
  const answer = await post(form.action, content(row)).catch(() => null);
  if (!answer) {
    showState(clientId, "waiting");
    schedulePoll();
    return;
  }
  if (answer.ok) {
    const body = await answer.json();
    if (body.snapshot) applySnapshot(body.snapshot);
    for (const message of body.messages ?? []) takeMessage(message, true);
    takeMessage(body.message, true);
    if (!held.has(body.message.seq - 1) && body.message.seq > 1) fetchSnapshot();
    schedulePoll();
    return;
  }
  await refused(clientId, answer);
}

async function refused(clientId, answer) {
  if (isSignedOut(answer)) {
    showState(clientId, "waiting");
    endWith(4401);
    return;
  }
  const { error = {} } = await answer.json().catch(() => ({}));
  if (answer.status === 429) retryLater(clientId, error.retry_after_s ?? 30, error.text);
  else if (answer.status >= 500) {
    showState(clientId, "waiting");
    schedulePoll();
  } else markFailed(clientId, error.text || words.failed);
}

// Pages for signed-in people answer everybody else with a redirect to the sign-in page.
function isSignedOut(answer) {
  return answer.status === 401 || answer.type === "opaqueredirect";
}

function retryLater(clientId, seconds, text) {
  const item = showState(clientId, "waiting");
  if (item) item.querySelector(".message-state").textContent = text || words.slowDown;
  confirmTimers.set(clientId, window.setTimeout(() => deliver(clientId), Math.max(1, seconds) * 1000));
}

function markFailed(clientId, reason) {
  outbox.fail(clientId, reason);
  showState(clientId, "failed");
  say(reason);
}

function showState(clientId, state) {
  const item = list.querySelector(`[data-pending="${clientId}"]`);
  const row = outbox.get(clientId);
  if (item && row) draw.showPendingState(item, row, state);
  return item;
}

function settle(clientId) {
  if (!clientId) return;
  window.clearTimeout(confirmTimers.get(clientId));
  confirmTimers.delete(clientId);
  outbox.remove(clientId);
  list.querySelector(`[data-pending="${clientId}"]`)?.remove();
}

function post(url, body) {
  return fetch(url, {
    method: "POST",
    credentials: "same-origin",
    redirect: "manual",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
  });
}

// --- the connection ------------------------------------------------------------------------------------------

function onState(state, code) {
  liveState = state;
  if (state === "ended") {
    endWith(code);
    return;
  }
  if (state === "open") {
    window.clearTimeout(pollTimer);
    pollTimer = 0;
    if (hadTrouble) say(words.back);
    hadTrouble = false;
    resend();
  }
  if (state === "waiting") {
    hadTrouble = true;
    for (const row of outbox.rows) if (!row.failed) sendByHttp(row.client_id);
    schedulePoll();
  }
  showConnection();
}

function resend() {
  for (const row of outbox.rows) if (!row.failed) deliver(row.client_id);
}

function showConnection() {
  let text = "";
  if (!navigator.onLine) text = words.offline;
  else if (hadTrouble && liveState !== "open") text = words.polling;
  if (connection.textContent === text && connection.hidden === !text) return;
  connection.textContent = text;
  connection.hidden = !text;
  if (text) say(text);
}

function endWith(code) {
  window.clearTimeout(pollTimer);
  live.end();
  liveState = "ended";
  const [text, label, url] = {
    4401: [words.signedOut, words.signIn, `${words.signInUrl}?next=${encodeURIComponent(location.pathname)}`],
    4404: [words.gone, words.list, words.listUrl],
    4409: [words.old, words.reload, location.pathname],
  }[code];
  const link = draw.element("a", "", label);
  link.href = url;
  connection.replaceChildren(text, " ", link);
  connection.hidden = false;
  say(text);
}

function schedulePoll() {
  if (pollTimer || liveState === "ended" || live?.isOpen) return;
  pollTimer = window.setTimeout(poll, document.hidden ? 5 * POLL_MS : POLL_MS);
}

async function poll() {
  pollTimer = 0;
  if (live.isOpen || liveState === "ended") return;
  const reached = await fetchSnapshot();
  if (reached) for (const row of outbox.rows) if (!row.failed && !confirmTimers.has(row.client_id)) sendByHttp(row.client_id);
  schedulePoll();
}

async function fetchSnapshot() {
  const url = `${words.snapshotUrl}?last_seq=${lastSeq}`;
  const options = { headers: { Accept: "application/json" }, redirect: "manual", signal: AbortSignal.timeout(10000) };
  const answer = await fetch(url, options).catch(() => null);
  if (!answer) return false;
  if (answer.ok) applySnapshot(await answer.json());
  else if (isSignedOut(answer)) endWith(4401);
  else if (answer.status === 404) endWith(4404);
  return answer.ok;
}

// --- sources and tools ---------------------------------------------------------------------------------------

function showSources(message, number) {
  for (const id of ["side-sources", "sheet-sources"]) {
    const target = document.getElementById(id);
    target.replaceChildren(...message.citations.map(draw.sourceElement));
    for (const one of target.children) one.classList.toggle("is-picked", one.dataset.source === String(number));
  }
  document.getElementById("side-empty").hidden = true;
}

function openSources(item, number) {
  const message = messages.get(item.dataset.id);
  if (!message) return;
  showSources(message, number);
  const target = wide.matches ? "side-sources" : "sheet-sources";
  if (!wide.matches) sheet.showModal();
  const picked = document.querySelector(`#${target} .is-picked`);
  picked?.scrollIntoView({ block: "nearest" });
  if (wide.matches && picked) say(picked.textContent);
}

function addTools(item, message) {
  if (message.kind !== "text" || item.querySelector(".message-foot")) return;
  if (message.author === "patient") {
    list.querySelector(".message-patient .message-foot")?.remove();
    item.append(draw.messageFoot([["change", words.change]]));
    return;
  }
  if (message.author === "system") return;
  const tools = [];
  if (navigator.clipboard) tools.push(["copy", words.copy]);
  if (canReadAloud(list)) tools.push(["read", words.read]);
  if (message.author === "software") tools.push(["helpful", words.helpful], ["unhelpful", words.unhelpful]);
  if (tools.length) item.append(draw.messageFoot(tools));
}

const REASONS = {
  not_my_question: words.whyNotMyQuestion,
  hard_to_understand: words.whyHardToUnderstand,
  nothing_new: words.whyNothingNew,
  seems_wrong: words.whySeemsWrong,
};

function askWhy(item, message) {
  if (item.querySelector(".message-why")) return;
  const group = draw.element("div", "message-why");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", words.why);
  group.append(draw.element("p", "small muted", words.why));
  for (const [code, text] of Object.entries(REASONS)) {
    const button = draw.element("button", "chip", text);
    button.type = "button";
    button.addEventListener("click", () => rate(item, message, "no", code));
    group.append(button);
  }
  keepInView(() => item.append(group));
  group.querySelector("button").focus();
}

async function rate(item, message, helpful, reason) {
  const body = new FormData(personForm); // for its token
  for (const [name, value] of Object.entries({ message: message.id, helpful, reason })) body.set(name, value);
  const answer = await fetch(words.rateUrl, { method: "POST", body }).catch(() => null);
  if (!answer?.ok) {
    say(words.failed);
    return;
  }
  for (const button of item.querySelectorAll('[data-action$="helpful"]')) button.remove();
  item.querySelector(".message-why")?.remove();
  item.querySelector(".message-foot").append(draw.element("p", "message-thanks", words.thanks));
  say(words.thanks);
}

function onToolPressed(event) {
  const cite = event.target.closest("a.cite");
  const item = event.target.closest("li.message");
  if (cite && item?.dataset.id) {
    event.preventDefault();
    openSources(item, cite.dataset.cite);
    return;
  }
  const summary = event.target.closest(".message-sources > summary");
  if (summary) {
    event.preventDefault();
    openSources(item, "");
    return;
  }
  if (event.target.closest('a[href="#person"]')) {
    event.preventDefault();
    askForPerson();
    return;
  }
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action) act(action, item, event.target);
}

function act(action, item, button) {
  const message = messages.get(item.dataset.id);
  const pending = item.dataset.pending;
  if (action === "stop") stopReply();
  if (action === "copy") navigator.clipboard.writeText(plainText(item)).then(() => say(words.copied));
  if (action === "read") toggleReading(button, item, message);
  if (action === "again") askAgain(item);
  if (action === "helpful") rate(item, message, "yes", "");
  if (action === "unhelpful") askWhy(item, message);
  if (action === "change") changeQuestion(message);
  if (action === "retry") {
    outbox.fail(pending, "");
    deliver(pending);
  }
  if (action === "edit") {
    const row = outbox.get(pending);
    settle(pending);
    changeQuestion({ text: [row?.text, input.value].filter(Boolean).join("\n"), id: row?.replaces });
  }
}

function askAgain(note) {
  const own = [...messages.values()].filter((message) => message.author === "patient");
  const last = own.at(-1);
  if (!last) return;
  note.remove();
  send(last.text);
}

// The new version is a new message that names the old one: what was asked and answered stays as it was.
function changeQuestion(message) {
  draft.replaces = message.id ?? "";
  input.value = message.text;
  input.dispatchEvent(new Event("input"));
  if (draft.replaces) showNote(words.changing);
  input.focus();
  input.setSelectionRange(input.value.length, input.value.length);
}

// The words of a message, one block a line, without the numbers of its sources.
function plainText(item) {
  const copy = item.querySelector(".bubble, .care-card").cloneNode(true);
  for (const mark of copy.querySelectorAll(".cite")) mark.remove();
  const blocks = [...copy.querySelectorAll("h3, p, li, .button-card")];
  return (blocks.length ? blocks : [copy]).map((block) => block.textContent.trim()).join("\n");
}

function toggleReading(button, item) {
  if (button.getAttribute("aria-pressed") === "true") {
    stopReading();
    return;
  }
  button.setAttribute("aria-pressed", "true");
  button.textContent = words.readStop;
  readAloud(plainText(item), () => {
    button.removeAttribute("aria-pressed");
    button.textContent = words.read;
  });
}

async function askForPerson() {
  if (personForm.hidden) return;
  const body = new FormData(personForm);
  const answer = await fetch(personForm.action, { method: "POST", body, headers: { Accept: "application/json" } }).catch(
    () => null,
  );
  if (!answer?.ok) {
    personForm.submit();
    return;
  }
  showPerson(heldBy, true);
  personState.scrollIntoView({ block: "nearest" });
  say(words.told);
  if (!live.isOpen) fetchSnapshot();
}

// --- the composer --------------------------------------------------------------------------------------------

function onSubmit(event) {
  event.preventDefault();
  if (event.submitter?.name === "choice") {
    send(event.submitter.value); // what was typed stays in the field
    return;
  }
  const text = input.value.trim();
  const over = [...text].length - Number(words.max);
  const isVisible = /[^\s\p{Cf}\p{Cc}]/u.test(text); // zero-width signs alone would make an empty bubble
  if (!isVisible || over > 0) {
    showNote(isVisible ? draw.fill(words.tooLong, { n: over }) : words.empty, true);
    input.focus();
    return;
  }
  const replaces = draft.replaces;
  draft.replaces = "";
  input.value = "";
  draft.text = "";
  showNote("");
  fit();
  send(text, replaces);
  input.focus();
}

function showNote(text, isError = false) {
  note.replaceChildren(...(text ? [draw.element("p", isError ? "field-error" : "field-hint", text)] : []));
  if (isError) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (isError) say(text);
}

function onInput() {
  if (!input.value) draft.replaces = ""; // an emptied field begins something new
  draft.text = input.value;
  const left = Number(words.max) - [...input.value.trim()].length;
  if (left < 0) showNote(draw.fill(words.tooLong, { n: -left }), true);
  else showNote(left < 200 ? draw.fill(words.left, { n: left }) : "");
  fit();
  if (heldBy && Date.now() - lastTyping > 3000 && live.send({ type: "typing" })) lastTyping = Date.now();
}

// Half-typed Chinese must not be sent: while a word is being composed, Enter belongs to the input method.
// On a touch keyboard Enter makes a line; the button sends.
function onKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  if (touch.matches) return;
  event.preventDefault();
  form.requestSubmit();
}

function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

// --- staying at the end --------------------------------------------------------------------------------------

function atEnd() {
  const page = document.scrollingElement;
  return page.scrollHeight - page.scrollTop - window.innerHeight < 120;
}

// Someone who reads further up is not pulled away; someone at the end stays there.
function keepInView(change) {
  const stay = following || atEnd();
  change();
  if (stay) window.scrollTo({ top: document.scrollingElement.scrollHeight, behavior: "instant" });
}

function onScroll() {
  following = atEnd();
  if (following) toNewest.hidden = true;
}

// --- start ---------------------------------------------------------------------------------------------------

function reportSeen() {
  if (!document.hidden && lastSeq) live.send({ type: "seen", seq: lastSeq });
}

input.removeAttribute("required"); // an empty message is answered beside the field, in our words
input.removeAttribute("maxlength"); // a long paste is kept whole and said to be too long, never cut
for (const message of first.messages) takeMessage(message, false);
if (!input.value) input.value = draft.text;
for (const row of outbox.rows) {
  if ([...messages.values()].some((message) => message.client_id === row.client_id)) settle(row.client_id);
  else list.append(draw.pendingElement(row, row.failed ? "failed" : "sending"));
}

const print = document.getElementById("print");
print.hidden = false;
print.addEventListener("click", () => {
  print.closest("details").open = false;
  window.print();
});
form.addEventListener("submit", onSubmit);
input.addEventListener("input", onInput);
input.addEventListener("keydown", onKey);
list.addEventListener("click", onToolPressed);
personForm.addEventListener("submit", (event) => {
  event.preventDefault();
  askForPerson();
});
window.addEventListener("scroll", onScroll, { passive: true });
toNewest.addEventListener("click", () => window.scrollTo({ top: document.scrollingElement.scrollHeight }));
window.addEventListener("offline", showConnection);
window.addEventListener("online", () => {
  showConnection();
  resend();
});
window.addEventListener("beforeunload", (event) => {
  const waiting = outbox.rows.some((row) => !row.failed && Date.now() - new Date(row.at) > 3000);
  if (waiting) event.preventDefault(); // a reload keeps it, closing the tab does not
});
document.addEventListener("visibilitychange", reportSeen);

live = new Live(`/ws/conversation/${first.conversation}/`, {
  hello: () => ({ type: "hello", version: VERSION, last_seq: lastSeq }),
  onFrame: (frame) => {
    onFrame(frame);
    if (frame.type === "snapshot" || frame.type === "message.created" || frame.type === "reply.done") reportSeen();
  },
  onState,
});
applySnapshot({ ...first, messages: [] }, false);
// Where it is refused (no https, a private window) a reload without a line shows the browser's own error.
navigator.serviceWorker?.register(words.unreachableUrl, { scope: words.listUrl }).catch(() => null);
if (location.hash === "" || location.hash === "#newest") keepInView(() => fit());
if (isAlarm(first.messages.at(-1))) showAlarm(list.querySelector(`[data-id="${first.messages.at(-1).id}"]`));
