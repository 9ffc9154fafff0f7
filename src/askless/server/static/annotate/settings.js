// Each person's own settings, kept in this browser: the keys, and whether an answer wants a second one.

import { element } from "./element.js";
import { ACTIONS, Keys, labelOf, MAX_CLASS_KEYS, nameOf } from "./keys.js";

const PLACE = "askless-settings";
const NOT_KEYS = ["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Tab", "Dead", "Process"];

export class Settings extends EventTarget {
  constructor(asksForConfirmation) {
    super();
    const saved = read();
    this.keys = new Keys(saved.keys);
    this.confirms = saved.confirms ?? asksForConfirmation;
  }

  changed() {
    const { isOn, changed } = this.keys;
    try {
      localStorage.setItem(PLACE, JSON.stringify({ keys: { isOn, changed }, confirms: this.confirms }));
    } catch {
      // Without a place to keep them they hold until the page is closed.
    }
    this.dispatchEvent(new Event("change"));
  }
}

export function makeSettingsDialog(dialog, settings, classes) {
  const { keys } = settings;
  const hasButtons = classes.length <= MAX_CLASS_KEYS;
  const names = Object.entries(ACTIONS).map(([action, [name]]) => [action, name]);
  if (hasButtons) names.splice(-1, 1, ...classes.map((one, i) => [`class-${i + 1}`, one.name])); // nothing to search

  function fill() {
    const close = element("button", { type: "button", className: "quiet" }, "Close ", element("kbd", {}, "Esc"));
    close.addEventListener("click", () => dialog.close());
    const reset = element("button", { type: "button" }, "All keys as they were");
    reset.addEventListener("click", () => {
      keys.reset();
      settings.changed();
      fill();
    });
    dialog.replaceChildren(
      element("header", {}, element("h2", { id: "settings-title" }, "Settings"), close),
      element(
        "div",
        { className: "body", tabIndex: 0 },
        check("Answer with single keys", keys.isOn, (isOn) => (keys.isOn = isOn)),
        check("Confirm each answer with Enter", settings.confirms, (confirms) => (settings.confirms = confirms)),
        element("h3", {}, "Keys"),
        element("ul", { className: "keys" }, ...names.map(row)),
        reset,
      ),
    );
  }

  function check(text, isOn, set) {
    const box = element("input", { type: "checkbox", checked: isOn });
    box.addEventListener("change", () => {
      set(box.checked);
      settings.changed();
    });
    return element("label", { className: "check" }, box, text);
  }

  function row([action, name]) {
    const button = element("button", { type: "button", "aria-label": `Key for ${name}: ${spoken(keys.keyOf(action))}` });
    button.append(element("kbd", {}, labelOf(keys.keyOf(action)) || "none"));
    button.addEventListener("click", () => {
      button.textContent = "Press a key …";
      button.addEventListener("keydown", listen);
      button.addEventListener("blur", fillAgain, { once: true });
    });

    function listen(event) {
      if (NOT_KEYS.includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      const pressed = nameOf(event);
      if (pressed && pressed !== "Escape" && pressed !== "Enter" && pressed !== "Ctrl+z") {
        keys.set(action, pressed);
        settings.changed();
      }
      fillAgain();
    }

    function fillAgain() {
      button.removeEventListener("keydown", listen);
      button.removeEventListener("blur", fillAgain);
      const place = [...dialog.querySelectorAll(".keys button")].indexOf(button);
      if (place < 0) return;
      const top = dialog.querySelector(".body").scrollTop;
      const hadFocus = document.activeElement === button;
      fill();
      dialog.querySelector(".body").scrollTop = top;
      if (hadFocus) dialog.querySelectorAll(".keys button")[place].focus();
    }

    return element("li", {}, element("span", {}, name), button);
  }

  return {
    get isOpen() {
      return dialog.open;
    },
    open: () => {
      fill();
      dialog.showModal();
    },
  };
}

function spoken(key) {
  return key === " " ? "Space" : key || "none";
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}
