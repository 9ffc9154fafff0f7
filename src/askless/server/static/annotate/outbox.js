// Answers on their way: on this device first, then sent in the background, in order, until the server has them.
// What is sent again carries the same id, and the server keeps it once.

const MOST = 100;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

export class Outbox extends EventTarget {
  #database;
  #deliver;
  #waiting = [];
  #isSending = false;
  #wait = FIRST_WAIT;
  #most = MOST;
  #wake = null;

  constructor(database, deliver) {
    super();
    this.#database = database;
    this.#deliver = deliver;
    this.isOnline = true;
    addEventListener("online", () => this.hurry());
  }

  // An outbox with what was not sent the last time. Without a database (a private window, say) it lives in memory.
  static async open(openDatabase, deliver) {
    let database = null;
    let kept = [];
    try {
      database = await openDatabase();
      kept = await database.all();
    } catch {
      addEventListener("beforeunload", (leaving) => {
        if (outbox.events.length) leaving.preventDefault();
      });
    }
    const outbox = new Outbox(database, deliver);
    outbox.#waiting = kept.map(({ place, event }) => ({ event, stored: Promise.resolve(place) }));
    return outbox;
  }

  get events() {
    return this.#waiting.map((one) => one.event);
  }

  add(event) {
    const stored = this.#database ? this.#database.add(event).catch(() => null) : Promise.resolve(null);
    this.#waiting.push({ event, stored });
    this.#changed();
    this.send();
  }

  // Tries again now instead of at the end of the wait.
  hurry() {
    this.#wait = FIRST_WAIT;
    this.#wake?.();
  }

  async send() {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#waiting.length) await this.#sendSome();
    this.#isSending = false;
  }

  async #sendSome() {
    const some = this.#waiting.slice(0, this.#most);
    const places = await Promise.all(some.map((one) => one.stored));
    let reply;
    try {
      reply = await this.#deliver(some.map((one) => one.event));
    } catch (error) {
      await this.#failed(error, some, places);
      return;
    }
    this.#wait = FIRST_WAIT;
    this.#most = MOST;
    this.isOnline = true;
    await this.#forget(some, places);
    this.dispatchEvent(new CustomEvent("reply", { detail: reply }));
  }

  async #failed(error, some, places) {
    const isUnreadable = error.status === 413 || error.status === 422;
    if (isUnreadable && some.length > 1) {
      this.#most = 1; // one of them is at fault; the others shall not wait for it
      return;
    }
    if (isUnreadable) {
      await this.#forget(some, places);
      this.dispatchEvent(new CustomEvent("lost", { detail: error }));
      return;
    }
    this.isOnline = false;
    this.#changed();
    this.dispatchEvent(new CustomEvent("failure", { detail: error }));
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, this.#wait * (0.75 + Math.random() / 2));
    });
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
  }

  async #forget(some, places) {
    this.#waiting.splice(0, some.length);
    this.#changed();
    const stored = places.filter((place) => place !== null);
    if (stored.length) await this.#database.remove(stored).catch(() => null); // sent again, it is a repeat
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

// A version 4 UUID, also where the page came without TLS and crypto.randomUUID is missing.
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
