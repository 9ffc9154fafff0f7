// The riskiest, the most disputed and the broken images, a page at a time, with who said what.

import { element } from "../annotate/element.js";
import { count, percent } from "./words.js";

const PER_PAGE = 12;
const SORTS = [
  ["risk", "Riskiest", "No image is risky: all are finished."],
  ["disputed", "Most disputed", "People agree about every image so far."],
  ["broken", "Called broken", "Nobody has called an image broken."],
];
const REASONS = { skip: "skipped", unsure: "unsure", none_of_these: "none of these", broken: "broken" };

export function imagesView({ server, onPage }) {
  const root = document.getElementById("images");
  const pictures = new Map();
  let sort = "risk";
  let start = 0;

  const buttons = SORTS.map(([key, name]) => {
    const button = element("button", { type: "button", ariaPressed: String(key === sort) }, name);
    button.onclick = () => {
      [sort, start] = [key, 0];
      buttons.forEach((one) => (one.ariaPressed = String(one === button)));
      onPage();
    };
    return button;
  });
  document.getElementById("sorts").replaceChildren(...buttons);
  const previous = element("button", { type: "button" }, "Previous");
  const next = element("button", { type: "button" }, "Next");
  const where = element("span", { role: "status" });
  const pager = element("div", { className: "pager" }, previous, where, next);
  const grid = element("ul", { className: "grid" });
  const empty = element("p", { className: "empty" });
  root.replaceChildren(empty, grid, pager);
  const turn = (step) => () => {
    start = Math.max(start + step, 0);
    onPage();
  };
  previous.onclick = turn(-PER_PAGE);
  next.onclick = turn(PER_PAGE);

  function show({ items, total }) {
    if (start >= total && start > 0) return turn(-start)();
    empty.hidden = total > 0;
    empty.textContent = SORTS.find(([key]) => key === sort)[2];
    grid.replaceChildren(...items.map(card));
    pager.hidden = total <= PER_PAGE;
    previous.disabled = start === 0;
    next.disabled = start + PER_PAGE >= total;
    where.textContent = `${count(start + 1)} to ${count(start + items.length)} of ${count(total)}`;
    forget(new Set(items.map(({ item }) => item)));
  }

  function card(item) {
    const picture = element("img", { alt: `Image ${item.id}`, width: 160, height: 160 });
    load(item.item, picture);
    const votes = item.votes.map(({ annotator, label, reason, is_banned: isBanned }) =>
      element(
        "li",
        { className: isBanned ? "banned" : label === null ? "skip" : label === item.label ? "agrees" : "differs" },
        element("b", {}, label ?? REASONS[reason]),
        ` ${annotator}${isBanned ? " (banned)" : ""}`,
      ),
    );
    return element(
      "li",
      { className: "card" },
      element("div", { className: "frame" }, picture),
      ...belief(item),
      votes.length ? element("ul", { className: "votes" }, ...votes) : element("p", { className: "muted" }, "Nobody was asked"),
      element("p", { className: "id muted" }, `${item.id} · ${item.status === "confident" ? "finished" : item.status}`),
    );
  }

  function belief({ label, probability, runner_up: second, runner_up_probability: ofSecond }) {
    if (probability === ofSecond) return [element("p", { className: "believed" }, "No belief yet")];
    return [
      element("p", { className: "believed" }, element("b", {}, label), ` ${percent(probability)}`),
      element("p", { className: "muted" }, `or ${second} ${percent(ofSecond)}`),
    ];
  }

  async function load(item, picture) {
    if (!pictures.has(item)) pictures.set(item, server.picture(item, 256).then((blob) => URL.createObjectURL(blob)));
    try {
      picture.src = await pictures.get(item);
    } catch {
      pictures.delete(item);
      picture.replaceWith(element("p", { className: "muted" }, "This picture cannot be shown."));
    }
  }

  async function forget(shown) {
    for (const [item, url] of pictures) {
      if (shown.has(item) || pictures.size <= 5 * PER_PAGE) continue;
      pictures.delete(item);
      URL.revokeObjectURL(await url.catch(() => ""));
    }
  }

  return { path: () => `items?sort=${sort}&start=${start}&n=${PER_PAGE}`, show };
}
