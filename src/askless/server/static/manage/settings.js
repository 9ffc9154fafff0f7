// What can be changed while people work: it holds from the next answer on.

import { element } from "../annotate/element.js";

const FIELDS = [
  ["budget", "Budget", "answers in all; empty means none", { min: 1, step: 1 }],
  ["max_risk", "Risk per image", "chance of a wrong label below which an image is finished", { min: 0, max: 1, step: "any", required: true }],
  ["max_per_item", "Answers per image", "at most", { min: 1, max: 1000, step: 1, required: true }],
  ["gold_rate", "Share of gold", "questions whose label is known", { min: 0, max: 0.99, step: "any", required: true }],
  ["price", "Price per answer", "", { min: 0, step: "any", required: true }],
];

export function settingsForm({ isAdmin, onChange }) {
  const form = document.getElementById("settings");
  const inputs = new Map();
  const lines = FIELDS.map(([name, title, hint, limits]) => {
    const input = element("input", { type: "number", id: `set-${name}`, name, inputMode: "decimal", disabled: !isAdmin, ...limits });
    inputs.set(name, input);
    const note = element("small", { id: `hint-${name}` }, hint);
    if (hint) input.setAttribute("aria-describedby", note.id);
    return element("div", { className: "field" }, element("label", { htmlFor: input.id }, title), input, note);
  });
  const save = element("button", { className: "primary", disabled: true }, "Save");
  form.replaceChildren(...lines, ...(isAdmin ? [save] : []));
  let known = {};

  const written = () =>
    Object.fromEntries([...inputs].map(([name, input]) => [name, input.value === "" ? null : Number(input.value)]));
  const changes = () => Object.fromEntries(Object.entries(written()).filter(([name, value]) => value !== known[name]));
  form.oninput = () => (save.disabled = !Object.keys(changes()).length);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const wanted = changes();
    if (await onChange(wanted)) {
      known = { ...known, ...wanted };
      save.disabled = true;
    }
  };

  return ({ settings, cost, has_gold: hasGold }) => {
    const edited = new Set(Object.keys(changes()));
    for (const [name, input] of inputs) {
      if (!edited.has(name) || !(name in known)) input.value = settings[name] ?? "";
    }
    known = settings;
    document.getElementById("hint-price").textContent = `in ${cost.currency}`;
    if (!hasGold) document.getElementById("hint-gold_rate").textContent = "no gold yet: give known labels by askless add";
  };
}
