// A button for each class, under the name of its group, with the key that does the same.

import { byGroup } from "./choice.js";
import { element } from "./element.js";

const FEW = 10;

export function makeButtons(classes, onChoose) {
  const groups = byGroup(classes);
  const inOrder = [...groups.values()].flat();
  const buttons = new Map();
  inOrder.forEach((one, i) => {
    const button = element(
      "button",
      { type: "button", className: "class", title: one.description },
      element("kbd", { "data-action": `class-${i + 1}`, "aria-hidden": "true" }),
      element("span", {}, one.name),
    );
    button.addEventListener("click", () => onChoose(one));
    buttons.set(one.label, button);
  });

  const parts = [...groups].map(([name, members]) => {
    const row = element("div", { className: "classes" }, ...members.map((one) => buttons.get(one.label)));
    if (!name) return row;
    return element("section", { "aria-label": name }, element("h2", {}, name.split("/").join(" › ")), row);
  });
  const isFew = classes.length <= FEW && groups.size === 1;

  return {
    element: element("div", { className: isFew ? "few" : "many", role: "group", "aria-label": "Classes" }, ...parts),
    isFew,
    press: (number) => inOrder[number - 1] && onChoose(inOrder[number - 1]),
    mark: (label) => {
      for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === label));
    },
    focus: () => {},
  };
}
