// The first look: how far it is, what it costs, how good it is, whether all is well.

import { element } from "../annotate/element.js";
import { ago, count, hour, interval, money, percent, preciseInterval, several } from "./words.js";

const KINDS = [
  ["finished", "finished", "The risk of a wrong label is below what you set."],
  ["exhausted", "exhausted", "Asked about as often as you allow, and still risky."],
  ["broken", "broken", "Two people say that there is nothing to see."],
  ["open", "open", "To be asked about."],
];

const REASONS = {
  finished: "no image is open",
  budget: "the budget is spent",
  early_stop: "more answers no longer helped",
  no_annotator: "nobody may be asked about any open image",
  promise_kept: "audits have shown that the promise is kept",
  cannot_be_reached: "the promised accuracy cannot be reached",
};

export function showSummary(summary) {
  document.title = `${percentDone(summary)} · ${summary.title} · askless`;
  document.getElementById("title").textContent = summary.title;
  const state = document.getElementById("state");
  state.dataset.state = summary.state;
  const reason = summary.state === "finished" ? `: ${REASONS[summary.reason] ?? summary.reason}` : "";
  state.textContent = `${{ running: "Running", paused: "Paused", finished: "Finished" }[summary.state]}${reason}`;
  document.getElementById("progress").replaceChildren(...progress(summary));
  document.getElementById("figures").replaceChildren(...figures(summary));
  const notes = document.getElementById("notes");
  notes.hidden = !summary.notes.length;
  notes.replaceChildren(...summary.notes.map((note) => element("li", {}, note)));
  document.getElementById("rests-on").textContent = summary.accuracy.rests_on;
}

// What is told by the clock alone; called every second or so.
export function showPulse(summary) {
  const { last_answer: last, n_active: active } = summary;
  document.getElementById("pulse").textContent =
    last === null ? "No answers yet" : `Last answer ${ago(last)}${active ? `, ${count(active)} at work` : ""}`;
}

// Whether answers wait for the first inference: what is finished is not known then.
const isToInfer = ({ n_answers: n, estimate }) => n > 0 && !estimate;

function percentDone(summary) {
  const { total, open } = summary.images;
  if (isToInfer(summary)) return "–";
  return percent(open ? Math.min((total - open) / total, 0.999) : total ? 1 : 0); // 100 % is said when all are done
}

function progress(summary) {
  const { images } = summary;
  if (isToInfer(summary))
    return [element("p", { className: "headline" }, several(images.total, "image"), "; the first inference will say which are done")];
  const shares = KINDS.filter(([kind]) => images[kind]).map(([kind]) => {
    const part = element("span", { className: kind });
    part.style.flexGrow = images[kind];
    return part;
  });
  const legend = KINDS.filter(([kind]) => images[kind] || ["finished", "open"].includes(kind)).map(([kind, name, title]) =>
    element("li", { className: kind, title }, element("b", {}, count(images[kind])), ` ${name}`),
  );
  const headline = element(
    "p",
    { className: "headline" },
    element("b", {}, percentDone(summary)),
    ` of ${several(images.total, "image")} done`,
  );
  return [headline, element("div", { className: "bar", ariaHidden: "true" }, ...shares), element("ul", { className: "legend" }, ...legend)];
}

function figures(summary) {
  const { accuracy, cost, images } = summary;
  const done = isToInfer(summary) ? 0 : images.total - images.open;
  const perImage = done && summary.n_answers ? `${(summary.n_answers / done).toFixed(2)} per image done` : "";
  const skips = summary.n_skips ? several(summary.n_skips, "skip") : "";
  return [
    figure("Answers", count(summary.n_answers), [perImage, skips], "answers"),
    figure("Per hour", summary.per_hour === null ? "–" : count(summary.per_hour), [several(summary.n_annotators, "annotator")]),
    figure("Still to come", cost.n_to_come ? `≈ ${count(cost.n_to_come)}` : (cost.n_to_come ?? "–"), [
      cost.price && cost.to_come ? `≈ ${money(cost.to_come, cost.currency)}` : "",
      cost.budget === null ? "no budget set" : `budget ${count(cost.budget)}`,
    ]),
    figure("Spent", cost.price ? money(cost.spent, cost.currency) : "–", [
      cost.price ? `${money(cost.price, cost.currency)} per answer` : "no price set",
    ]),
    figure("Accuracy, believed", summary.n_answers && summary.estimate ? percent(accuracy.estimated) : "–", [
      accuracy.audited ? `audits: ${preciseInterval(accuracy.audited)}` : "",
      accuracy.gold ? `gold: ${percent(accuracy.gold.share)} (${interval(accuracy.gold)})` : accuracy.audited ? "" : "not checked by gold",
    ]),
    figure("Inference", ...inferenceWords(summary)),
  ];
}

function inferenceWords(summary) {
  const { last_error: error, last_seconds: seconds, n_behind: behind, refreshed } = summary.inference;
  if (error) return ["In trouble", [error]];
  if (isToInfer(summary)) return ["–", ["the first one is under way"]];
  if (!behind && refreshed === null) return ["–", ["comes with the first answers"]];
  const when = refreshed === null ? "not yet" : `last at ${hour(refreshed)}`;
  const took = seconds === null ? "" : `took ${seconds.toFixed(1)} s`;
  return [behind ? `${several(behind, "change")} behind` : "Up to date", [when, took]];
}

function figure(name, value, notes, id = "") {
  const told = notes.filter(Boolean).join(" · ");
  return element(
    "div",
    id ? { id } : {},
    element("dt", {}, name),
    element("dd", {}, element("b", {}, String(value)), element("small", {}, told)),
  );
}
