// How a class is chosen: by buttons while they fit on a page, by typing above that.

import { makeButtons } from "./buttons.js";
import { makeCombobox } from "./combobox.js";
import { MAX_CLASS_KEYS } from "./keys.js";

// Both kinds give `element`, `press(number)` for the class keys, `mark(label)` for a choice that is not confirmed yet,
// and `focus()` for a new picture.
export function makeChoice(classes, extras, onChoose) {
  return classes.length <= MAX_CLASS_KEYS ? makeButtons(classes, onChoose) : makeCombobox(classes, extras, onChoose);
}

// Classes by group, in the order in which the groups first come.
export function byGroup(classes) {
  const groups = new Map();
  for (const one of classes) {
    const name = one.group ?? "";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(one);
  }
  return groups;
}
