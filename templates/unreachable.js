{% load static %}// Keeps one page and its style sheets, and shows that page where a page of /chat/ cannot be reached.
// Never keeps anything else: no page, answer or word of a person. Forms that are posted do not pass here.

const NAME = "unreachable";
const PAGE = "{% url 'unreachable' %}";
const KEPT = [PAGE, "{% static 'css/base.css' %}", "{% static 'css/components.css' %}"];
const NO_ANSWER = [502, 503, 504]; // a proxy's, for a site that is away

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});

async function keep() {
  const cache = await caches.open(NAME);
  await cache.addAll(KEPT.map((path) => new Request(path, { credentials: "omit" }))); // as for a stranger
  const old = (await cache.keys()).filter((request) => !KEPT.includes(pathOf(request)));
  await Promise.all(old.map((request) => cache.delete(request)));
}

self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(opened(request));
  else if (KEPT.includes(pathOf(request))) event.respondWith(kept(pathOf(request)).then((found) => found ?? fetch(request)));
});

async function opened(request) {
  const answer = await fetch(request).catch(() => null);
  if (answer && !NO_ANSWER.includes(answer.status)) return answer;
  return (await kept(PAGE)) ?? answer ?? Response.error();
}

function kept(path) {
  return caches.match(path, { cacheName: NAME, ignoreVary: true });
}

function pathOf(request) {
  return new URL(request.url).pathname;
}
