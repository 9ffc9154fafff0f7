// How long somebody has looked at a picture, in milliseconds: time with the page hidden or a dialog open is left out.

export class Stopwatch {
  #elapsed = 0;
  #since = null;
  #holds = new Set();

  constructor() {
    const follow = () => (document.hidden ? this.hold("hidden") : this.release("hidden"));
    document.addEventListener("visibilitychange", follow);
    follow();
  }

  start() {
    this.#elapsed = 0;
    this.#since = this.#holds.size ? null : performance.now();
  }

  hold(reason) {
    if (this.#since !== null) this.#elapsed += performance.now() - this.#since;
    this.#since = null;
    this.#holds.add(reason);
  }

  release(reason) {
    if (this.#holds.delete(reason) && !this.#holds.size) this.#since = performance.now();
  }

  read() {
    return Math.round(this.#elapsed + (this.#since === null ? 0 : performance.now() - this.#since));
  }
}
