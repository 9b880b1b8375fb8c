// What the patient has sent and the server has not yet confirmed. Kept for the tab's life (sessionStorage: it
// survives reloading and a sleeping phone, and leaves nothing behind on a shared computer). Knows no network.

export class Outbox {
  #key;
  #rows;

  constructor(conversation) {
    this.#key = `outbox:${conversation}`;
    this.#rows = read(this.#key, []);
  }

  get rows() {
    return [...this.#rows];
  }

  get isEmpty() {
    return this.#rows.length === 0;
  }

  // `replaces` is the id of an earlier message of which this is a new version, "" for none.
  add(text, replaces = "") {
    const row = { client_id: newId(), text, replaces, at: new Date().toISOString(), failed: "" };
    this.#rows.push(row);
    this.#save();
    return row;
  }

  get(clientId) {
    return this.#rows.find((row) => row.client_id === clientId);
  }

  fail(clientId, reason) {
    const row = this.get(clientId);
    if (!row) return;
    row.failed = reason;
    this.#save();
  }

  remove(clientId) {
    this.#rows = this.#rows.filter((row) => row.client_id !== clientId);
    this.#save();
  }

  #save() {
    write(this.#key, this.#rows.length ? this.#rows : null);
  }
}

// What is typed and not yet sent, and the id of the message of which it is a new version.
export class Draft {
  #key;

  constructor(conversation) {
    this.#key = `draft:${conversation}`;
  }

  get text() {
    return read(this.#key, "");
  }

  set text(text) {
    write(this.#key, text || null);
  }

  get replaces() {
    return read(`${this.#key}:replaces`, "");
  }

  set replaces(id) {
    write(`${this.#key}:replaces`, id || null);
  }
}

// On plain http a browser hides crypto.randomUUID, though not the random numbers.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function read(key, otherwise) {
  try {
    const stored = sessionStorage.getItem(key);
    return stored === null ? otherwise : JSON.parse(stored);
  } catch {
    return otherwise; // storage is full, forbidden or damaged: the page works without it
  }
}

function write(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // as above
  }
}
