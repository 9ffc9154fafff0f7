// What the classes mean, to look up at any time: instructions, descriptions, examples.

import { byGroup } from "./choice.js";
import { element } from "./element.js";

export function makeGuide(dialog, session, api) {
  let isFilled = false;

  function fill() {
    isFilled = true;
    const close = element("button", { type: "button", className: "quiet", "aria-label": "Close" }, "Close ", element("kbd", {}, "Esc"));
    close.addEventListener("click", () => dialog.close());
    const isOther = (one) => one.label === session.other;
    const described = session.classes.filter((one) => !isOther(one) || one.description);
    described.sort((a, b) => isOther(a) - isOther(b)); // last, as its text speaks of those above
    const parts = [...byGroup(described)].map(([group, members]) =>
      element(
        "section",
        {},
        group ? element("h3", {}, group.split("/").join(" › ")) : null,
        element("dl", {}, ...members.flatMap((one) => describe(one, api))),
      ),
    );
    dialog.replaceChildren(
      element("header", {}, element("h2", { id: "guide-title" }, "Guide"), close),
      element("div", { className: "body", tabIndex: 0 }, instructions(session), ...parts),
    );
  }

  return {
    get isOpen() {
      return dialog.open;
    },
    open: () => {
      if (!isFilled) fill();
      dialog.showModal();
    },
  };
}

// The manager's text, made harmless by the server: the one place where markup from elsewhere is shown as such.
export function instructions(session) {
  if (!session.instructions) return null;
  const place = element("div", { className: "instructions" });
  place.innerHTML = session.instructions;
  return place;
}

function describe(one, api) {
  const aliases = one.aliases.length ? element("small", {}, `also: ${one.aliases.join(", ")}`) : null;
  const examples = Array.from({ length: one.n_examples }, (_, number) => example(one, number, api));
  return [
    element("dt", {}, one.name, " ", aliases),
    element(
      "dd",
      {},
      one.description ? element("p", {}, one.description) : null,
      examples.length ? element("div", { className: "examples" }, ...examples) : null,
    ),
  ];
}

function example(one, number, api) {
  const picture = element("img", { alt: `${one.name}, example ${number + 1}` });
  const seen = new IntersectionObserver(async ([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    try {
      picture.src = URL.createObjectURL(await api.example(one.label, number));
    } catch {
      picture.remove();
    }
  });
  seen.observe(picture);
  return picture;
}
