// One WebSocket that is kept open: tries again with back-off, at once when the network or the tab comes back.
// Knows frames as JSON objects only; what they mean is the caller's.
//
//   const live = new Live("/ws/conversation/<id>/", { hello: () => ({type: "hello", ...}), onFrame, onState });
//   live.send({type: "typing"})   // false where the socket is not open
//
// onState(state, code): "connecting", "open" (first frame has arrived), "waiting" (will try again), "ended" (will not).
// With quiet: true the server may have nothing to say at first, and the line counts as open at once.

const FINAL = new Set([4401, 4404, 4409]);
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20000;
const SILENT_OPEN_MS = 6000;

export class Live {
  #url;
  #hello;
  #onFrame;
  #onState;
  #socket = null;
  #timer = 0;
  #opening = 0;
  #failures = 0;
  #greeted = false;
  #ended = false;
  #quiet;

  constructor(path, { hello, onFrame, onState, quiet = false }) {
    const url = new URL(path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#url = url.href;
    this.#hello = hello;
    this.#onFrame = onFrame;
    this.#onState = onState;
    this.#quiet = quiet;
    window.addEventListener("online", () => this.#tryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#tryNow();
    });
    // A page that comes back from the back/forward cache has a dead socket.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.restart();
    });
    this.#open();
  }

  get isOpen() {
    return this.#greeted && this.#socket?.readyState === WebSocket.OPEN;
  }

  send(frame) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  // For when the line looks open and nothing comes through it.
  restart() {
    if (this.#ended) return;
    this.#drop();
    this.#failures = 0;
    this.#open();
  }

  end() {
    this.#ended = true;
    window.clearTimeout(this.#timer);
    this.#drop();
  }

  #open() {
    window.clearTimeout(this.#timer);
    this.#timer = 0;
    this.#onState("connecting", 0);
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch {
      this.#wait(0);
      return;
    }
    this.#socket = socket;
    // A server that takes the connection and then says nothing is no better than none.
    this.#opening = window.setTimeout(() => socket.close(), SILENT_OPEN_MS);
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      socket.send(JSON.stringify(this.#hello()));
      if (this.#quiet) this.#greet();
    });
    socket.addEventListener("message", (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.#socket) this.#closed(event.code);
    });
  }

  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    this.#failures = 0; // not already when a quiet line opens: one that is closed at once is tried again with pauses
    this.#greet();
    this.#onFrame(frame);
  }

  #greet() {
    if (this.#greeted) return;
    window.clearTimeout(this.#opening);
    this.#greeted = true;
    this.#onState("open", 0);
  }

  #closed(code) {
    this.#drop();
    if (this.#ended) return;
    if (FINAL.has(code)) {
      this.#ended = true;
      this.#onState("ended", code);
      return;
    }
    this.#wait(code);
  }

  #wait(code) {
    this.#failures += 1;
    const grown = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1));
    const least = code === 4429 || code === 4400 ? LONGEST_WAIT_MS : 0;
    // Spread, so that a thousand pages do not all come back in the same second.
    const wait = Math.max(least, grown) * (0.7 + 0.6 * Math.random());
    this.#onState("waiting", code);
    this.#timer = window.setTimeout(() => this.#open(), wait);
  }

  #tryNow() {
    if (this.#ended || !this.#timer) return;
    this.#failures = 0;
    this.#open();
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#greeted = false;
    window.clearTimeout(this.#opening);
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close();
  }
}
