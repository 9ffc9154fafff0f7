// Who answers, how much, how fast, how well. Rows stay the same elements, so that a focus survives the news.

import { element } from "../annotate/element.js";
import { ago, count, interval, percent, seconds } from "./words.js";

const PER_PAGE = 20;
const FLAGS = {
  fast: ["too fast", "Half of their last answers came in less than a quarter of a second."],
  run: ["same again", "The same answer so often in a row that chance would do it once in a million."],
  chance: ["near chance", "Their answers are hardly better than guesses."],
  gold: ["fails gold", "They agree with gold less often than you ask for."],
  copy: ["copies", "All their answers equal somebody else's."],
};
const COLUMNS = [
  ["name", "Name", ({ name }) => name.toLowerCase()],
  ["answers", "Answers", ({ n_answers: n }) => -n],
  ["skips", "Skips", ({ n_skips: n }) => -n],
  ["pace", "Median time", ({ median_ms: ms }) => ms ?? Infinity],
  ["skill", "Skill, believed", ({ skill }) => -(skill?.share ?? -1)],
  ["gold", "Agrees with gold", ({ gold }) => -(gold?.share ?? -1)],
  ["flags", "Flags", ({ flags }) => -flags.length],
  ["last", "Last answer", ({ last }) => -(last ?? 0)],
];

export function annotatorsTable({ isAdmin, onBan, announce }) {
  const root = document.getElementById("annotators");
  const rows = new Map();
  const body = element("tbody");
  const headings = COLUMNS.map(([key, title]) => {
    const button = element("button", { type: "button", className: "quiet" }, title);
    button.onclick = () => sortBy(key);
    return element("th", { scope: "col", className: key }, button);
  });
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...headings, isAdmin ? element("td") : null)),
    body,
  );
  const scroller = element("div", { className: "scroller", role: "region", tabIndex: 0, ariaLabel: "Table of annotators" }, table);
  const more = element("button", { type: "button", className: "quiet" });
  const empty = element("p", { className: "empty" }, "Nobody has joined yet.");
  root.replaceChildren(empty, scroller, more);
  let people = [];
  let sorted = "answers";
  let n = PER_PAGE;

  const sort = document.getElementById("sort-annotators");
  sort.replaceChildren(...COLUMNS.map(([key, title]) => element("option", { value: key, selected: key === sorted }, title)));
  sort.onchange = () => sortBy(sort.value);
  const find = document.getElementById("find-annotator");
  find.oninput = () => show(people);
  more.onclick = () => {
    n += 5 * PER_PAGE;
    show(people);
  };

  function sortBy(key) {
    sorted = sort.value = key;
    body.replaceChildren();
    show(people);
    announce(`Sorted by ${COLUMNS.find(([one]) => one === key)[1]}`);
  }

  function show(news) {
    people = news;
    const key = COLUMNS.find(([one]) => one === sorted)[2];
    const sought = find.value.trim().toLowerCase();
    const found = people.filter(({ name }) => name.toLowerCase().includes(sought));
    found.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    const wanted = found.slice(0, n).map((person) => {
      if (!rows.has(person.name)) rows.set(person.name, row(isAdmin, onBan));
      const one = rows.get(person.name);
      one.fill(person);
      return one.line;
    });
    const isSame = wanted.length === body.children.length && wanted.every((line, i) => line === body.children[i]);
    if (!isSame && !(body.contains(document.activeElement) && wanted.includes(document.activeElement.closest("tr")) && wanted.length === body.children.length))
      body.replaceChildren(...wanted);
    headings.forEach((heading, i) =>
      COLUMNS[i][0] === sorted ? heading.setAttribute("aria-sort", sorted === "name" || sorted === "pace" ? "ascending" : "descending") : heading.removeAttribute("aria-sort"),
    );
    empty.hidden = people.length > 0;
    empty.textContent = people.length ? "" : "Nobody has joined yet.";
    scroller.hidden = !people.length;
    more.hidden = found.length <= n;
    more.textContent = `Show more (${count(found.length - n)} left)`;
  }

  return show;
}

function row(isAdmin, onBan) {
  const cells = Object.fromEntries(COLUMNS.map(([key, title]) => [key, element("td", { className: key, "data-title": title })]));
  cells.name = element("th", { className: "name", scope: "row" });
  const button = isAdmin ? element("button", { type: "button", className: "small" }) : null;
  const line = element("tr", {}, ...Object.values(cells), isAdmin ? element("td", { className: "order" }, button) : null);

  function fill(person) {
    const isBanned = person.standing === "banned";
    line.classList.toggle("banned", isBanned);
    const standing = ["working", "new"].includes(person.standing) ? null : element("span", { className: "badge" }, person.standing);
    cells.name.replaceChildren(element("span", { className: "who" }, person.name), ...[standing].filter(Boolean));
    cells.answers.textContent = count(person.n_answers);
    cells.skips.textContent = count(person.n_skips);
    cells.pace.textContent = seconds(person.median_ms);
    cells.skill.replaceChildren(...shareCell(person.skill, ""));
    cells.gold.replaceChildren(...shareCell(person.gold, ` of ${count(person.gold?.n ?? 0)}`));
    cells.flags.replaceChildren(...person.flags.map((flag) => flagBadge(flag, person)));
    cells.last.textContent = person.last === null ? "–" : ago(person.last);
    if (button) {
      button.textContent = isBanned ? "Let back in" : "Ban";
      button.setAttribute("aria-label", `${button.textContent} ${person.name}`);
      button.onclick = () => onBan(person.name, isBanned);
    }
  }
  return { line, fill };
}

function flagBadge(flag, { same_as: same }) {
  const [name, title] = FLAGS[flag];
  return element("span", { className: "badge flag", title }, flag === "copy" ? `same as ${same.join(", ")}` : name);
}

function shareCell(share, of) {
  if (!share) return ["–"];
  const bar = element("span", { className: "interval", ariaHidden: "true" }, element("i"), element("b"));
  bar.firstChild.style.left = `${100 * share.low}%`;
  bar.firstChild.style.width = `${100 * (share.high - share.low)}%`;
  bar.lastChild.style.left = `${100 * share.share}%`;
  const text = element("span", { title: `of ${count(share.n)} answers` }, percent(share.share), of, " ", element("small", {}, interval(share)));
  return [bar, text];
}
