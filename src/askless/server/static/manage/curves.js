// Curves by uPlot: images by where they stand, the accuracy that is believed, answers per hour.

import { element } from "../annotate/element.js";
import { count, date, hour, moment, percent } from "./words.js";

const HEIGHT = 190;
const charts = new Map();
const WHOLE = Array.from({ length: 39 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3)); // steps of an axis
const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14_400, 43_200].map((n) => 60 * n);

export function showCurves(curves) {
  const root = document.getElementById("curves");
  if (!curves.time.length && !curves.hour.length) {
    charts.clear();
    root.replaceChildren(element("p", { className: "empty" }, "Curves come with the first answers."));
    return;
  }
  root.querySelector(".empty")?.remove();
  const last = curves.time.length - 1;
  const at = (values) => (last < 0 || values[last] === null ? "–" : count(values[last]));
  draw(root, "images", "Images", [curves.time, curves.finished, curves.open, curves.exhausted], {
    series: [line("finished", "--good"), line("open", "--muted", [6, 4]), line("exhausted", "--warn", [2, 3])],
    scales: { y: { range: [0, Math.max(curves.n_items, 1)] } },
    told: `At the last inference ${at(curves.finished)} finished, ${at(curves.open)} open, ${at(curves.exhausted)} exhausted.`,
  });
  const accuracy = curves.accuracy.map((share) => (share === null ? null : 100 * share));
  draw(root, "accuracy", "Accuracy, believed (%)", [curves.n_answers, accuracy], {
    series: [line("believed", "--accent")],
    scales: { y: { range: (_, low) => [Math.max(10 * Math.floor((low - 1) / 10), 0), 100] } },
    isTime: false,
    xLabel: "answers",
    told: last < 0 || accuracy[last] === null ? "" : `${percent(curves.accuracy[last])} after ${count(curves.n_answers[last])} answers.`,
  });
  draw(root, "pace", "Answers per hour", [curves.hour, curves.per_hour], {
    series: [{ ...line("answers", "--accent"), paths: uPlot.paths.bars({ size: [0.8, 40], align: 1 }), fill: colour("--accent-soft"), points: { show: false } }],
    scales: { x: { time: true, range: ({ data: [hours] }) => [hours[0], hours.at(-1) + 3600] }, y: { range: (_, low, high) => [0, Math.max(high * 1.05, 1)] } },
    told: `${count(Math.max(0, ...curves.per_hour))} in the best hour.`,
  });
}

function draw(root, name, title, data, { series, scales = {}, isTime = true, xLabel = "", told }) {
  let chart = charts.get(name);
  if (!chart) {
    const figure = element("figure", {}, element("figcaption", {}, title), element("div", { role: "img" }));
    root.append(figure);
    const box = figure.lastChild;
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 0.5 }, ticks: { stroke: colour("--line") } };
    const options = {
      width: width(figure),
      height: HEIGHT,
      cursor: { y: false },
      scales: { x: { time: isTime, range: isTime ? fromTo(120) : fromTo(10) }, ...scales },
      axes: [
        { ...axis, label: xLabel || undefined, labelSize: 18, ...(isTime ? { values: times, incrs: MINUTES } : { values: (_, ticks) => ticks.map(count), incrs: WHOLE }) },
        { ...axis, size: 56, space: 28, incrs: WHOLE, values: (_, ticks) => ticks.map(count) },
      ],
      series: [{ label: isTime ? "time" : xLabel, value: orLast(isTime ? moment : count) }, ...series],
    };
    const plot = new uPlot(options, data, box);
    new ResizeObserver(() => plot.setSize({ width: width(figure), height: HEIGHT })).observe(figure);
    chart = { plot, box };
    charts.set(name, chart);
  } else {
    chart.plot.setData(data);
  }
  chart.box.setAttribute("aria-label", `${title}. ${told}`);
}

// From the first value to the last one, and at least so far.
const fromTo = (room) => (plot) => {
  const [first, last] = [plot.data[0][0], plot.data[0].at(-1)];
  return [first, Math.max(last, first + room)];
};

const width = (figure) => Math.max(figure.clientWidth - 24, 200);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const line = (label, name, dash) => ({ label, stroke: colour(name), width: 2, dash, points: { size: 4 }, value: orLast(oneDecimal) });

const oneDecimal = (value) => String(+value.toFixed(1));

// What the legend says: the value below the pointer, or the last one.
const orLast = (words) => (plot, value, series) => {
  const shown = value ?? plot.data[series]?.at(-1);
  return shown === null || shown === undefined ? "–" : words(shown);
};

const times = (_, ticks, __, ___, step) => ticks.map((tick) => (step < 86400 ? hour(tick) : date(tick)));

// Colours are painted, so they follow a change to dark or light only when they are painted anew.
export function repaintCurves(curves) {
  for (const { plot } of charts.values()) plot.destroy();
  charts.clear();
  document.getElementById("curves").replaceChildren();
  if (curves) showCurves(curves);
}
