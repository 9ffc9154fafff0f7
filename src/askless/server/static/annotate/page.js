// The page of one annotator at work: a picture, a key, the next picture. Everything else happens in the background.

import { makeChoice } from "./choice.js";
import { element } from "./element.js";
import { instructions, makeGuide } from "./guide.js";
import { ACTIONS } from "./keys.js";
import { NOTICE_PLACE as notice, showNotice } from "./notices.js";
import { makeId } from "./outbox.js";
import { announce, say, showProgress } from "./progress.js";
import { forget, Queue } from "./queue.js";
import { makeSettingsDialog, Settings } from "./settings.js";
import { makeStage } from "./stage.js";
import { Stopwatch } from "./stopwatch.js";

const MOST_UNDO = 20;
const LOOK_AGAIN_MS = {
  working: 1000,
  waiting: 3000,
  audited: 3000,
  auditor: 3000,
  paused: 3000,
  finished: 60_000,
  unqualified: null,
  banned: null,
};
const DECIDED = new Set(["unqualified", "banned"]); // nothing is taken back any more

const find = (id) => document.getElementById(id);
const work = find("work");

export class Page {
  #session;
  #outbox;
  #queue;
  #settings;
  #choice;
  #stage = makeStage(find("stage"), (entry) => this.#queue.sharpen(entry));
  #stopwatch = new Stopwatch();
  #guide;
  #settingsDialog;
  #history = [];
  #chosen = null;
  #isOver = false;
  #rests = false;
  #nKept;
  #again = null;

  constructor(api, session, outbox) {
    this.#session = session;
    this.#outbox = outbox;
    this.#nKept = session.n_answered;
    this.#queue = new Queue(api, session.ahead, outbox.events.filter((one) => one.kind === "answer").map((one) => one.item));
    this.#settings = new Settings(session.confirm);
    const classes = session.classes.filter((one) => one.label !== session.other);
    this.#choice = makeChoice(classes, this.#extras(), (one) => this.#choose(one));
    this.#guide = makeGuide(find("guide"), session, api);
    this.#settingsDialog = makeSettingsDialog(find("settings"), this.#settings, classes);
    this.#build();
    this.#listen();
  }

  begin() {
    const seen = `askless-welcome-${this.#session.person}`;
    if (!this.#session.instructions || localStorage.getItem(seen)) {
      this.#resume();
      return;
    }
    const go = element("button", { type: "button", className: "primary" }, "Start");
    go.addEventListener("click", () => {
      localStorage.setItem(seen, "yes");
      this.#resume();
    });
    notice.dataset.kind = "welcome";
    notice.replaceChildren(element("h2", {}, `Welcome, ${this.#session.name}`), instructions(this.#session), go);
    go.focus();
  }

  // Ends the work in this tab, until somebody wants it back.
  over(kind) {
    this.#isOver = true;
    this.#showNotice(kind);
  }

  #resume() {
    this.#isOver = this.#rests = false;
    find("rest").hidden = false;
    this.#outbox.send();
    this.#queue.refill();
    this.#show();
  }

  #extras() {
    return ["unsure", "none", "broken"].map((action) => ({ name: ACTIONS[action][0], group: "Other answers", action }));
  }

  #build() {
    const { campaign } = this.#session;
    document.title = campaign;
    find("title").textContent = campaign;
    work.classList.toggle("beside", !this.#choice.isFew);
    find("choice").replaceChildren(this.#choice.element);
    find("actions").replaceChildren(
      ...["undo", "skip", "unsure", "none", "broken"].map((action) => {
        const made = element(
          "button",
          { type: "button", id: `do-${action}` },
          element("span", {}, ACTIONS[action][0]),
          element("kbd", { "data-action": action, "aria-hidden": "true" }),
        );
        made.addEventListener("click", () => this.#act(action));
        return made;
      }),
    );
    for (const button of [find("open-guide"), find("open-settings")]) button.hidden = false;
    this.#settings.keys.paint();
  }

  #listen() {
    this.#queue.addEventListener("change", () => this.#show());
    this.#queue.addEventListener("failure", ({ detail }) => this.#failed(detail));
    this.#outbox.addEventListener("change", () => this.#showProgress());
    this.#outbox.addEventListener("failure", ({ detail }) => this.#failed(detail));
    this.#outbox.addEventListener("lost", ({ detail }) => say(`An answer could not be kept: ${detail.message}`));
    this.#outbox.addEventListener("reply", ({ detail }) => this.#replied(detail));
    this.#settings.addEventListener("change", () => {
      this.#settings.keys.paint();
      this.#mark(null);
    });
    document.addEventListener("askless:painted", (event) => this.#settings.keys.paint(event.target));
    document.addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("mousedown", (event) => {
      // What is clicked takes no focus: Space and Enter stay answers.
      if (event.target.closest("body > header button, #work button")) event.preventDefault();
    });
    find("open-guide").addEventListener("click", () => this.#act("guide"));
    find("open-settings").addEventListener("click", () => this.#open(this.#settingsDialog));
    find("rest").addEventListener("click", () => this.#rest());
    for (const id of ["guide", "settings"]) find(id).addEventListener("close", () => this.#stopwatch.release("dialog"));
    document.addEventListener("visibilitychange", () => !document.hidden && !this.#isOver && !this.#rests && this.#queue.refill());
    addEventListener("online", () => this.#queue.refill());
  }

  #pressed(event) {
    if (event.repeat || event.isComposing) return;
    const { target } = event;
    const action = this.#settings.keys.actionOf(event);
    if (document.querySelector("dialog[open]")) {
      if (action === "guide") find("guide").close();
      return;
    }
    if (target.matches?.("input") && !this.#choice.lets?.(event)) return;
    if (target.matches?.("button, a") && [" ", "Enter"].includes(event.key)) return;
    if (event.key === "Enter" && this.#chosen) this.#answer(this.#chosen);
    else if (action) this.#act(action);
    else return;
    event.preventDefault();
  }

  #act(action) {
    if (action === "undo") this.#undo();
    else if (action === "guide") this.#open(this.#guide);
    else if (work.hidden) return;
    else if (action === "zoom") this.#stage.zoom();
    else if (action === "search") this.#choice.search?.();
    else if (action.startsWith("class-")) this.#choice.press(Number(action.slice(6)));
    else this.#choose({ name: ACTIONS[action][0], action });
  }

  #open(dialog) {
    this.#stopwatch.hold("dialog");
    dialog.open();
  }

  #choose(one) {
    if (!this.#queue.current?.isShown || work.hidden) return;
    if (this.#settings.confirms && this.#chosen !== one && !one.action) this.#mark(one);
    else this.#answer(one);
  }

  #mark(one) {
    this.#chosen = one;
    this.#choice.mark(one?.label ?? null);
    if (one) announce(`${one.name}. Enter confirms.`);
  }

  #answer({ name, label = null, action }) {
    const isOther = action === "none" && this.#session.other !== null;
    const reason = isOther || !action ? null : action === "none" ? "none_of_these" : action;
    const { item, batch } = this.#queue.current;
    const event = this.#event("answer", item, batch, {
      label: isOther ? this.#session.other : label,
      reason,
      response_ms: this.#stopwatch.read(),
    });
    this.#history.push({ entry: this.#queue.leave(), event, name });
    if (this.#history.length > MOST_UNDO) forget(this.#history.shift().entry);
    this.#outbox.add(event);
    this.#show();
    announce(`${name}. ${this.#nAnswered} answered.`);
  }

  #undo() {
    if (this.#isOver || !this.#history.length || DECIDED.has(this.#queue.state)) return;
    const last = this.#history.pop();
    const { item, batch } = last.entry;
    this.#outbox.add(this.#event("undo", item, batch, { undoes: last.event.id }));
    this.#queue.comeBack(last.entry);
    this.#rests = false;
    this.#show();
    announce(`Taken back: ${last.name}.`);
  }

  #event(kind, item, batch, more) {
    return { id: makeId(), kind, batch, item, label: null, reason: null, response_ms: null, undoes: null, ...more };
  }

  #show() {
    this.#showProgress();
    if (this.#isOver || this.#rests) return;
    clearTimeout(this.#again);
    const entry = this.#queue.current;
    if (entry?.isShown) return;
    this.#mark(null);
    if (!entry && (this.#queue.state !== "working" || !this.#isOnline)) {
      this.#showNotice(this.#isOnline ? this.#queue.state : "offline");
      this.#lookAgain();
      return;
    }
    notice.hidden = true;
    work.hidden = false;
    if (entry?.isReady) {
      this.#stage.show(entry);
      entry.isShown = true;
      this.#stopwatch.start();
      this.#choice.focus();
    } else {
      this.#stage.wait();
      this.#lookAgain();
    }
  }

  #showNotice(kind) {
    const shown = [kind, this.#nAnswered, this.#history.length > 0].join();
    if (!notice.hidden && notice.dataset.shown === shown) return; // said once is enough
    notice.dataset.shown = shown;
    const extras = [];
    if (kind === "rest" || kind === "elsewhere") {
      const go = element("button", { type: "button", className: "primary" }, kind === "rest" ? "Go on" : "Work here");
      go.addEventListener("click", () => (kind === "rest" ? this.#resume() : location.reload()));
      extras.push(go);
    } else if (this.#history.length && !DECIDED.has(kind)) {
      const undo = element("button", { type: "button" }, "Undo the last answer");
      undo.addEventListener("click", () => this.#undo());
      extras.push(undo);
    }
    work.hidden = true;
    notice.hidden = false;
    showNotice(kind, this.#nAnswered, ...extras);
  }

  #lookAgain() {
    const wait = LOOK_AGAIN_MS[this.#queue.state];
    if (wait) this.#again = setTimeout(() => this.#queue.refill(), wait);
  }

  #rest() {
    if (this.#queue.current) this.#queue.current.isShown = false;
    this.#rests = true;
    this.#showNotice("rest");
  }

  #replied({ results, n_answered, drop }) {
    this.#nKept = n_answered;
    const refused = results.filter((one) => one.status === "refused");
    if (refused.length) say(`Not taken: ${refused[0].detail}`);
    this.#queue.drop(drop);
    if (this.#queue.isLow && !this.#isOver && !this.#rests) this.#queue.refill();
    this.#showProgress();
  }

  #failed(error) {
    if (error.status === 401) this.over("linkEnded");
    else if (error.status === 403) this.over("banned");
    else this.#show();
  }

  get #isOnline() {
    return navigator.onLine && this.#outbox.isOnline && this.#queue.isOnline;
  }

  get #nAnswered() {
    const { events } = this.#outbox;
    return this.#nKept + events.reduce((n, { kind }) => n + (kind === "answer" ? 1 : -1), 0);
  }

  #showProgress() {
    showProgress(this.#nAnswered, this.#outbox.events.length, this.#isOnline);
    const last = this.#history.at(-1);
    const undo = find("do-undo");
    undo.disabled = !last;
    undo.firstChild.textContent = last ? `Undo “${last.name}”` : "Undo";
  }
}
