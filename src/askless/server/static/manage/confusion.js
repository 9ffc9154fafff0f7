// What the crowd takes for what: a square of shares where there are few classes, and a list of the most frequent.

import { element } from "../annotate/element.js";
import { count, percent } from "./words.js";

const MAX_WRITTEN = 12;
const N_LISTED = 10;
const LEAST = 5; // answers about a class, as believed: shares of fewer say nothing

export function showConfusion({ classes, shares, n, top }) {
  const root = document.getElementById("confusion");
  if (!n.some((answers) => answers >= LEAST)) {
    root.replaceChildren(element("p", { className: "empty" }, `This comes when a class has ${LEAST} answers and an inference has read them.`));
    return;
  }
  root.replaceChildren(...(shares ? [square(classes, shares, n)] : []), list(classes, n, top, shares ? N_LISTED : top.length));
}

function square(classes, shares, n) {
  const isWritten = classes.length <= MAX_WRITTEN;
  const head = classes.map((name) => element("th", { scope: "col" }, element("span", { title: name }, name)));
  const lines = shares.map((row, y) => {
    const cells = row.map((share, z) => {
      if (n[y] < LEAST) return element("td", { title: "Too few answers to tell" });
      const words = `${classes[y]} called ${classes[z]}: ${percent(share)}`;
      const text = count(100 * share);
      const cell = element("td", { title: words, className: y === z ? "right" : "wrong" });
      const depth = y === z ? 45 * share : Math.min(90 * Math.sqrt(share), 45); // deeper, and the text is hard to read
      cell.style.setProperty("--share", `${depth.toFixed(1)}%`);
      cell.append(isWritten && text !== "0" ? text : element("span", { className: "for-screen-readers" }, text));
      return cell;
    });
    const name = element("th", { scope: "row", title: `${count(n[y])} answers` }, classes[y]);
    return element("tr", {}, name, ...cells);
  });
  const table = element(
    "table",
    { className: isWritten ? "square" : "square dense", "aria-describedby": "square-note" },
    element("thead", {}, element("tr", {}, element("td"), ...head)),
    element("tbody", {}, ...lines),
  );
  return element(
    "div",
    { className: "crowd" },
    element("p", { id: "square-note", className: "muted" }, "Row: what the image is, as believed. Column: what people called it, in % of their answers; empty where these are too few to tell."),
    element("div", { className: "scroller", role: "region", tabIndex: 0, ariaLabel: "Confusion of all people" }, table),
  );
}

function list(classes, n, top, most) {
  const isKnown = ({ truth, n: often }) => n[truth] >= LEAST && often >= 1;
  const lines = top.filter(isKnown).slice(0, most).map(({ truth, label, share, n: often }) =>
    element(
      "li",
      {},
      element("span", { className: "pair" }, element("b", {}, classes[truth]), " called ", element("b", {}, classes[label])),
      element("span", { className: "muted" }, `${percent(share)} (${count(often)})`),
    ),
  );
  const title = element("h3", {}, "Most often");
  return element("div", { className: "top" }, title, lines.length ? element("ol", {}, ...lines) : element("p", { className: "empty" }, "Nothing has been confused yet."));
}
