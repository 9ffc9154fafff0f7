// Many classes: a search field with a list below (ARIA 1.2 combobox), and the classes used last at a key each.

import { element } from "./element.js";
import { makeIndex, MOST_SHOWN, search } from "./search.js";

const N_RECENT = 9;

export function makeCombobox(classes, extras, onChoose) {
  const sorted = [...classes].sort((a, b) => a.name.localeCompare(b.name));
  const index = makeIndex([...sorted, ...extras]);
  const hasNumbers = classes.some((one) => [one.name, ...one.aliases].some((name) => /^\d/.test(name)));
  let recent = [];
  let shown = [];
  let active = 0;

  const input = element("input", {
    id: "class-search",
    type: "text",
    role: "combobox",
    placeholder: `Search ${classes.length} classes`,
    autocomplete: "off",
    spellcheck: false,
    "aria-label": "Search classes",
    "aria-autocomplete": "list",
    "aria-controls": "class-list",
    "aria-expanded": "true",
  });
  const list = element("div", { id: "class-list", role: "listbox", "aria-label": "Classes" });
  const count = element("p", { className: "count", role: "status" });
  const chips = element("div", { className: "recent", role: "group", "aria-label": "Used last" });

  function show() {
    const query = input.value.trim();
    shown = query ? search(index, query) : sorted.slice(0, MOST_SHOWN).map((entry) => ({ entry, alias: null }));
    list.replaceChildren(...shown.map(option));
    const ofAll = `${shown.length} of ${sorted.length}: type to find the others`;
    count.textContent = !query ? ofAll : shown.length ? `${shown.length} found` : "No class is called that.";
    activate(0);
  }

  function option({ entry, alias }, i) {
    const remark = [alias, entry.group?.split("/").join(" › ")].filter(Boolean).join(" · ");
    const made = element(
      "div",
      { id: `class-${i}`, role: "option", className: "option", "aria-selected": "false", title: entry.description ?? "" },
      element("span", {}, entry.name),
      remark ? element("small", {}, remark) : null,
    );
    made.addEventListener("click", () => choose(entry));
    return made;
  }

  function activate(place) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = Math.max(0, Math.min(place, shown.length - 1));
    const now = list.children[active];
    if (now) {
      now.setAttribute("aria-selected", "true");
      if (place > 0) now.scrollIntoView({ block: "nearest" });
      else list.scrollTop = 0;
      input.setAttribute("aria-activedescendant", now.id);
    } else input.removeAttribute("aria-activedescendant");
  }

  function choose(entry) {
    if (!entry) return;
    onChoose(entry);
    if (!entry.action) {
      recent = [entry, ...recent.filter((one) => one !== entry)].slice(0, N_RECENT);
      showRecent();
    }
  }

  function showRecent() {
    chips.replaceChildren(
      ...recent.map((entry, i) => {
        const made = element(
          "button",
          { type: "button", className: "class" },
          element("kbd", { "data-action": `class-${i + 1}`, "aria-hidden": "true" }, String(i + 1)),
          element("span", {}, entry.name),
        );
        made.addEventListener("click", () => choose(entry));
        return made;
      }),
    );
    chips.dispatchEvent(new Event("askless:painted", { bubbles: true }));
  }

  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key in steps) activate(active + steps[event.key]);
    else if (event.key === "Enter" && input.value.trim()) choose(shown[active]?.entry);
    else if (event.key === "Escape" && input.value) reset();
    else if (event.key === "Escape") input.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  function reset() {
    input.value = "";
    show();
  }

  show();
  return {
    element: element("div", { className: "typed" }, chips, input, count, list),
    isFew: false,
    press: (number) => choose(recent[number - 1]),
    mark: (label) => {
      for (const [i, { entry }] of shown.entries()) list.children[i].classList.toggle("marked", entry.label === label);
    },
    focus: () => {
      if (input.value) reset();
      if (matchMedia("(pointer: fine)").matches) input.focus({ preventScroll: true });
    },
    search: () => input.focus(),
    // Whether a key in the empty field is a shortcut and no beginning of a name.
    lets: (event) => event.target === input && !input.value && (/^( |Backspace)$/.test(event.key) || (!hasNumbers && /^\d$/.test(event.key))),
  };
}
