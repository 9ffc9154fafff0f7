// Which key does what. Every key can be changed, and all single keys switched off (WCAG 2.1.4).

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
const THIRD_ROW = ["q", "w", "e", "r", "t", "y", "i", "o", "p", "a"];
const CLASS_KEYS = [...DIGITS, ...DIGITS.map((digit) => `Shift+${digit}`), ...THIRD_ROW];

export const MAX_CLASS_KEYS = CLASS_KEYS.length;

export const ACTIONS = {
  skip: ["Skip", " "],
  unsure: ["Unsure", "u"],
  none: ["None of these", "n"],
  broken: ["Broken image", "b"],
  undo: ["Undo", "Backspace"],
  guide: ["Guide", "h"],
  zoom: ["Zoom", "z"],
  search: ["Search", "/"],
};

const DEFAULTS = {
  ...Object.fromEntries(Object.entries(ACTIONS).map(([action, [, key]]) => [action, key])),
  ...Object.fromEntries(CLASS_KEYS.map((key, i) => [`class-${i + 1}`, key])),
};

export class Keys {
  constructor(saved = {}) {
    this.isOn = saved.isOn ?? true;
    this.changed = saved.changed ?? {};
  }

  keyOf(action) {
    return this.changed[action] ?? DEFAULTS[action] ?? "";
  }

  // Gives an action a key; who had that key before goes without.
  set(action, key) {
    for (const other of Object.keys(DEFAULTS)) if (this.keyOf(other) === key) this.changed[other] = "";
    this.changed[action] = key;
  }

  reset() {
    this.changed = {};
    this.isOn = true;
  }

  actionOf(event) {
    const pressed = nameOf(event);
    if (pressed === "Ctrl+z") return "undo";
    if (!this.isOn || !pressed) return null;
    return Object.keys(DEFAULTS).find((action) => this.keyOf(action) === pressed) ?? null;
  }

  // Writes the keys wherever the page names them.
  paint(root = document) {
    for (const place of root.querySelectorAll("kbd[data-action]")) {
      const key = this.keyOf(place.dataset.action);
      place.textContent = labelOf(key);
      place.hidden = !this.isOn || !key;
    }
  }
}

// The name of what was pressed; none for a key that belongs to browser or system. Digits go by their place on the
// keyboard, so that they and Shift are the same on every layout.
export function nameOf(event) {
  const isLetterZ = event.key.toLowerCase() === "z";
  if (event.ctrlKey || event.metaKey || event.altKey) return isLetterZ && !event.altKey ? "Ctrl+z" : null;
  const digit = /^Digit(\d)$/.exec(event.code)?.[1] ?? (/^\d$/.test(event.key) ? event.key : null);
  if (digit) return event.shiftKey ? `Shift+${digit}` : digit;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

export function labelOf(key) {
  const names = { " ": "Space", Backspace: "⌫", Enter: "↵", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
  if (key.startsWith("Shift+")) return `⇧${key.slice(6)}`;
  return names[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}
