// The pages of a photo or document. Without this file they work too: the form is checked by the server, and the page
// that waits reloads itself.

const POLL_MS = 1000;
const SLOW_MS = 90000;

const form = document.getElementById("document-add");
const waiting = document.querySelector("#document[data-state-url]");
const status = document.getElementById("document-status");

function onChosen() {
  const file = form.elements.file.files[0];
  const tooLarge = file && file.size > Number(form.dataset.max);
  const error = document.getElementById("file-error");
  error.hidden = !tooLarge;
  error.textContent = tooLarge ? form.dataset.tooLarge : "";
  document.getElementById("file-field").classList.toggle("field-has-error", Boolean(tooLarge));
  form.elements.file.toggleAttribute("aria-invalid", Boolean(tooLarge));
  return !tooLarge;
}

function onSubmit(event) {
  if (!onChosen()) {
    event.preventDefault();
    form.elements.file.focus();
    return;
  }
  status.textContent = form.dataset.sending;
  form.querySelector("button").disabled = true;
}

// The state is asked, not the page: what a screen reader is at is not torn away until there is something new.
async function poll(since) {
  const options = { headers: { Accept: "application/json" }, redirect: "manual" };
  const answer = await fetch(waiting.dataset.stateUrl, options).catch(() => null);
  const ended = answer && (answer.ok ? !(await answer.json()).waiting : answer.status < 500);
  if (ended) {
    location.reload();
    return;
  }
  if (Date.now() - since > SLOW_MS) status.textContent = waiting.dataset.slow;
  window.setTimeout(() => poll(since), POLL_MS);
}

if (form) {
  form.elements.file.addEventListener("change", onChosen);
  form.addEventListener("submit", onSubmit);
  window.addEventListener("pageshow", () => {
    form.querySelector("button").disabled = false;
    status.textContent = "";
  });
}
if (waiting) poll(Date.now());
