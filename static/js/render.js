// Messages as elements. `html` fields were sanitised by the server; everything else goes in as text.

import { localTime } from "./site.js";

export const words = document.getElementById("words")?.dataset ?? {};

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function inserted(node, html) {
  node.innerHTML = html;
  return node;
}

export function messageElement(message) {
  const item = element("li", `message message-${message.author}`);
  item.id = `m-${message.seq}`;
  item.dataset.id = message.id;
  item.dataset.seq = message.seq;
  if (message.kind === "card") item.classList.add("message-card");
  if (message.author === "patient" && !message.label) item.append(element("span", "visually-hidden", words.you));
  else if (message.label) item.append(labelElement(message.label));
  item.append(bodyElement(message));
  if (message.document) item.append(documentElement(message.document));
  if (message.author === "patient") item.append(sentElement(message.at));
  if (message.citations.length) item.append(sourcesElement(message.citations));
  return item;
}

// "Written by software · checked against 2 sources": who, and then how it was checked.
export function labelElement(label) {
  const [who, ...rest] = label.split(" · ");
  const line = element("p", "message-label");
  line.append(element("span", "", who));
  if (rest.length) line.append(" ", element("span", "tag", rest.join(" · ")));
  return line;
}

function bodyElement(message) {
  if (message.kind !== "card") {
    const bubble = inserted(element("div", "bubble"), message.html);
    bubble.dir = "auto";
    return bubble;
  }
  const card = inserted(element("section", `care-card level-${message.level}`), message.html);
  card.dir = "auto";
  card.tabIndex = -1;
  return card;
}

function documentElement(url) {
  const line = element("p", "message-document");
  const link = element("a", "", words.document);
  link.href = url;
  line.append(link);
  return line;
}

function sentElement(at) {
  const line = element("p", "message-state", `${words.sent} · `);
  const time = element("time", "", localTime(at));
  time.dateTime = at;
  line.append(time);
  return line;
}

export function markReplaced(item) {
  if (item.classList.contains("is-replaced")) return;
  item.classList.add("is-replaced");
  item.append(element("p", "message-state", words.replaced));
}

function sourcesElement(citations) {
  const details = element("details", "message-sources");
  const count = citations.length === 1 ? words.sourceOne : fill(words.sourceMany, { n: citations.length });
  const list = element("ol", "sources");
  list.append(...citations.map(sourceElement));
  details.append(element("summary", "", count), list);
  return details;
}

export function sourceElement(source) {
  const item = element("li", "source");
  item.dataset.source = source.number;
  const passage = element("p", "", source.text);
  passage.dir = "auto";
  const link = element("a", "", words.open);
  link.href = source.url;
  const last = element("p");
  last.append(link);
  const meta = [source.source, source.reviewed, source.date].filter(Boolean).join(" · ");
  item.append(
    element("h3", "source-title", `${source.number} · ${source.title}`),
    element("p", "source-meta", meta),
    passage,
    last,
  );
  return item;
}

// A message of the outbox. `state` is "sending", "waiting" or "failed".
export function pendingElement(row, state) {
  const item = element("li", "message message-patient is-sending");
  item.dataset.pending = row.client_id;
  const bubble = element("div", "bubble", row.text);
  bubble.dir = "auto";
  item.append(element("span", "visually-hidden", words.you), bubble, element("p", "message-state"));
  showPendingState(item, row, state);
  return item;
}

export function showPendingState(item, row, state) {
  const line = item.querySelector(".message-state");
  item.classList.toggle("is-sending", state !== "failed");
  line.classList.toggle("is-failed", state === "failed");
  if (state === "sending") return line.replaceChildren(words.sending);
  if (state === "waiting") return line.replaceChildren(words.waiting);
  line.replaceChildren(row.failed || words.failed, " ");
  for (const [action, text] of [["retry", words.retry], ["edit", words.edit]]) {
    const button = element("button", "btn btn-quiet btn-small", text);
    button.type = "button";
    button.dataset.action = action;
    line.append(button);
  }
}

// An answer that is being written.
export function replyElement(id) {
  const item = element("li", "message message-software message-reply");
  item.dataset.reply = id;
  const bubble = element("div", "bubble");
  bubble.dir = "auto";
  bubble.hidden = true;
  const line = element("p", "writing");
  const stop = element("button", "btn btn-small", words.stop);
  stop.type = "button";
  stop.dataset.action = "stop";
  line.append(element("span", "writing-words", words.starting), stop);
  item.append(labelElement(words.software), bubble, line);
  return item;
}

export function addSentence(item, html) {
  const bubble = item.querySelector(".bubble");
  bubble.hidden = false;
  const blocks = [...inserted(element("div"), html).children].filter((one) => /^(P|UL|OL)$/.test(one.tagName));
  if (blocks.length) {
    for (const block of blocks) block.classList.add("sentence");
    bubble.append(...blocks);
    return;
  }
  // After a block a paragraph begins anew, as it will stand in the whole answer.
  let last = bubble.lastElementChild;
  if (!last || last.classList.contains("sentence")) last = bubble.appendChild(element("p"));
  last.append(inserted(element("span", "sentence"), html), " ");
}

export function clearSentences(item) {
  const bubble = item.querySelector(".bubble");
  bubble.replaceChildren();
  bubble.hidden = true;
}

export function messageFoot(tools) {
  const foot = element("div", "message-foot");
  for (const [action, text] of tools) {
    const button = element("button", "btn btn-quiet btn-small", text);
    button.type = "button";
    button.dataset.action = action;
    foot.append(button);
  }
  return foot;
}
