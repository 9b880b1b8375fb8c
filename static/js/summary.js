// The page of a summary that is being written. Without this file it reloads itself every few seconds.

const POLL_MS = 1500;

const waiting = document.querySelector("#summary[data-state-url]");
const status = document.getElementById("summary-status");

// The state is asked, not the page: what a screen reader is at is not torn away until there is something new.
async function poll() {
  const options = { headers: { Accept: "application/json" }, redirect: "manual" };
  const answer = await fetch(waiting.dataset.stateUrl, options).catch(() => null);
  const news = answer && answer.ok ? await answer.json() : null;
  if (news ? !news.waiting : answer && answer.status < 500) {
    location.reload();
    return;
  }
  if (news && status.textContent !== news.status) status.textContent = news.status;
  window.setTimeout(poll, POLL_MS);
}

if (waiting) poll();
