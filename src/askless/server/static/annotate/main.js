// The annotator's page: a picture, a key, the next picture. Everything else happens in the background.

import { connect } from "./api.js";
import { makeChoice } from "./choice.js";
import { element } from "./element.js";
import { instructions, makeGuide } from "./guide.js";
import { ACTIONS } from "./keys.js";
import { showNotice } from "./notices.js";
import { makeId, Outbox } from "./outbox.js";
import { openDatabase } from "./outbox_database.js";
import { forget, Queue } from "./queue.js";
import { makeSettingsDialog, Settings } from "./settings.js";
import { makeStage } from "./stage.js";
import { Stopwatch } from "./stopwatch.js";
import { takeOver } from "./tabs.js";

const MOST_UNDO = 20;
const LOOK_AGAIN = { working: 1000, waiting: 5000, paused: 5000, finished: 60_000, unqualified: null, banned: null };

const find = (id) => document.getElementById(id);
const work = find("work");
const notice = find("notice");

start();

async function start() {
  addEventListener("hashchange", () => location.reload());
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) return showNotice(notice, "linkNeeded");
  const api = connect(token);
  let session;
  try {
    session = await api.session();
  } catch (error) {
    showNotice(notice, { 401: "linkEnded", 403: "wrongRole" }[error.status] ?? "offline");
    if (!error.status || error.status >= 500) setTimeout(() => location.reload(), 5000);
    return undefined;
  }
  const outbox = await Outbox.open(() => openDatabase(token), api.events);
  const page = new Page(api, session, outbox);
  takeOver(token, () => page.over("elsewhere"));
  page.begin(token);
  return page;
}

class Page {
  #api;
  #session;
  #outbox;
  #queue;
  #settings;
  #choice;
  #stage = makeStage(find("stage"));
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
    this.#api = api;
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

  begin(token) {
    const seen = `askless-welcome-${token}`;
    if (!this.#session.instructions || localStorage.getItem(seen)) return this.#resume();
    const go = element("button", { type: "button", className: "primary" }, "Start");
    go.addEventListener("click", () => {
      localStorage.setItem(seen, "yes");
      this.#resume();
    });
    notice.dataset.kind = "welcome";
    notice.replaceChildren(element("h2", {}, `Welcome, ${this.#session.name}`), instructions(this.#session), go);
    go.focus();
    return undefined;
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
    work.addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault()); // keys stay the page's
    find("open-guide").addEventListener("click", () => this.#act("guide"));
    find("open-settings").addEventListener("click", () => this.#open(this.#settingsDialog));
    find("rest").addEventListener("click", () => this.#rest());
    for (const id of ["guide", "settings"]) find(id).addEventListener("close", () => this.#stopwatch.release("dialog"));
    document.addEventListener("visibilitychange", () => !document.hidden && !this.#isOver && !this.#rests && this.#queue.refill());
    addEventListener("online", () => this.#queue.refill());
  }

  #pressed(event) {
    if (event.repeat || event.isComposing || document.querySelector("dialog[open]")) {
      if (find("guide").open && !event.repeat && this.#settings.keys.actionOf(event) === "guide") find("guide").close();
      return;
    }
    const { target } = event;
    if (target.matches?.("input") && !this.#choice.lets?.(event)) return;
    if (target.matches?.("button, a") && [" ", "Enter"].includes(event.key)) return;
    if (event.key === "Enter" && this.#chosen) return this.#confirm();
    const action = this.#settings.keys.actionOf(event);
    if (!action) return;
    event.preventDefault();
    this.#act(action);
  }

  #act(action) {
    if (action === "undo") return this.#undo();
    if (action === "guide") return this.#open(this.#guide);
    if (work.hidden) return undefined;
    if (action === "zoom") return this.#stage.zoom();
    if (action === "search") return this.#choice.search?.();
    if (action.startsWith("class-")) return this.#choice.press(Number(action.slice(6)));
    return this.#choose({ name: ACTIONS[action][0], action });
  }

  #open(dialog) {
    this.#stopwatch.hold("dialog");
    dialog.open();
  }

  #choose(one) {
    if (!this.#queue.current?.isShown || work.hidden) return;
    if (this.#settings.confirms && this.#chosen?.one !== one && !one.action) this.#mark(one);
    else this.#answer(one);
  }

  #mark(one) {
    this.#chosen = one && { one };
    this.#choice.mark(one?.label ?? null);
    if (one) announce(`${one.name}. Enter confirms.`);
  }

  #confirm() {
    this.#answer(this.#chosen.one);
  }

  #answer({ name, label = null, action }) {
    const isOther = action === "none" && this.#session.other !== null;
    const reason = isOther || !action ? null : { none: "none_of_these" }[action] ?? action;
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
    const last = this.#history.pop();
    if (!last || this.#isOver) return;
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
    if (!entry && (this.#queue.state !== "working" || !this.#outbox.isOnline || !navigator.onLine)) {
      this.#showNotice(this.#outbox.isOnline && navigator.onLine ? this.#queue.state : "offline");
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
    const extras = [];
    if (kind === "rest" || kind === "elsewhere") {
      const go = element("button", { type: "button", className: "primary" }, kind === "rest" ? "Go on" : "Work here");
      go.addEventListener("click", () => (kind === "rest" ? this.#resume() : location.reload()));
      extras.push(go);
    } else if (this.#history.length) {
      const undo = element("button", { type: "button" }, "Undo the last answer");
      undo.addEventListener("click", () => this.#undo());
      extras.push(undo);
    }
    work.hidden = true;
    notice.hidden = false;
    showNotice(notice, kind, this.#nAnswered, ...extras);
  }

  #lookAgain() {
    const wait = LOOK_AGAIN[this.#queue.state];
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

  get #nAnswered() {
    const { events } = this.#outbox;
    return this.#nKept + events.reduce((n, { kind }) => n + (kind === "answer" ? 1 : -1), 0);
  }

  #showProgress() {
    find("progress").textContent = `${this.#nAnswered.toLocaleString()} answered`;
    const { length } = this.#outbox.events;
    const isOnline = this.#outbox.isOnline && navigator.onLine;
    const sync = find("sync");
    sync.dataset.state = isOnline ? (length ? "sending" : "saved") : "offline";
    sync.textContent = isOnline ? (length ? "Sending" : "Saved") : `Offline: ${length} kept here`;
    const last = this.#history.at(-1);
    const undo = find("do-undo");
    undo.disabled = !last;
    undo.firstChild.textContent = last ? `Undo “${last.name}”` : "Undo";
  }
}

function announce(text) {
  find("announcer").textContent = text;
}

function say(text) {
  const toast = find("toast");
  toast.textContent = text;
  toast.hidden = false;
  setTimeout(() => (toast.hidden = true), 8000);
}
