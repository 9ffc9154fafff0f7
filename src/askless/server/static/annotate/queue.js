// The pictures to come: leased, fetched and decoded ahead, so that the next one is there when a key is pressed.

import { Refused } from "./api.js";

const AT_ONCE = 3;
const SIZE = 1024; // pixels of the longest side
const FULL_SIZE = 4096;
const RETRY_MS = 2000;

export class Queue extends EventTarget {
  #api;
  #ahead;
  #entries = [];
  #answered;
  #isAsking = false;
  #nLoading = 0;

  constructor(api, ahead, answered) {
    super();
    this.#api = api;
    this.#ahead = ahead;
    this.#answered = new Set(answered);
    this.state = "working";
    this.isOnline = true;
  }

  get current() {
    return this.#entries[0] ?? null;
  }

  get isLow() {
    return this.#entries.length <= this.#ahead / 2;
  }

  // Takes the current entry off, as it is answered.
  leave() {
    const entry = this.#entries.shift();
    this.#answered.add(entry.item);
    entry.isShown = entry.isUndone = false;
    const now = performance.now();
    this.#keep((one) => one.endsAt > now);
    if (this.isLow) this.refill();
    return entry;
  }

  // Puts an entry whose answer was taken back in front.
  comeBack(entry) {
    this.#answered.delete(entry.item);
    entry.isUndone = true;
    if (this.current) this.current.isShown = false;
    this.#entries.unshift(entry);
  }

  // Takes out what others have settled meanwhile; what is being looked at stays.
  drop(items) {
    this.#keep((one) => !items.includes(one.item));
  }

  // For a closer look at what is shown: the picture in full, where it was made smaller.
  async sharpen(entry) {
    const { picture } = entry;
    if (!picture || entry.isSharp || Math.max(picture.naturalWidth, picture.naturalHeight) < SIZE) return;
    entry.isSharp = true;
    try {
      const { src } = await decode(await this.#api.picture(entry.item, FULL_SIZE));
      entry.isSharp = picture.isConnected;
      URL.revokeObjectURL(entry.isSharp ? picture.src : src);
      if (entry.isSharp) picture.src = src;
    } catch {
      entry.isSharp = false; // enlarged, it is a little blurred
    }
  }

  // Asks for all that is held here, and more if that is little.
  async refill() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const reply = await this.#api.batches();
      this.isOnline = true;
      this.#take(reply);
      this.#load();
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      this.isOnline = false;
      this.dispatchEvent(new CustomEvent("failure", { detail: error }));
    } finally {
      this.#isAsking = false;
    }
  }

  #take(reply) {
    this.state = reply.state;
    const held = new Map();
    for (const batch of reply.batches) {
      const endsAt = performance.now() + 1000 * (batch.ends - reply.now);
      for (const { item } of batch.items) held.set(item, { item, batch: batch.id, endsAt });
    }
    this.#keep((one) => held.has(one.item));
    for (const one of this.#entries) {
      Object.assign(one, held.get(one.item));
      held.delete(one.item);
    }
    for (const one of held.values()) if (!this.#answered.has(one.item)) this.#entries.push(one);
  }

  // Leaves out the others, but never what is being looked at or was asked for again.
  #keep(isWanted) {
    const stays = (one) => one.isShown || one.isUndone || isWanted(one);
    this.#entries.filter((one) => !stays(one)).forEach(forget);
    this.#entries = this.#entries.filter(stays);
  }

  #load() {
    for (const entry of this.#entries) {
      if (this.#nLoading >= AT_ONCE) return;
      if (entry.isLoading || entry.isReady) continue;
      entry.isLoading = true;
      this.#nLoading += 1;
      this.#fetch(entry).finally(() => {
        this.#nLoading -= 1;
        this.#load();
        this.dispatchEvent(new Event("change"));
      });
    }
  }

  async #fetch(entry) {
    try {
      entry.picture = await decode(await this.#api.picture(entry.item, SIZE));
      entry.isReady = true;
    } catch (error) {
      if (error instanceof Refused || error.name === "EncodingError") {
        entry.isReady = true; // without a picture: it can still be called broken
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      entry.isLoading = false;
    }
  }
}

async function decode(blob) {
  const picture = new Image();
  picture.alt = "The image in question";
  picture.draggable = false;
  picture.src = URL.createObjectURL(blob);
  await picture.decode();
  return picture;
}

// Gives the memory of a picture back that will not be seen again.
export function forget(entry) {
  if (entry.picture) URL.revokeObjectURL(entry.picture.src);
}
