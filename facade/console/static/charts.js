"use strict";
// Draws the charts, each with a legend that can switch its lines off and, where it is asked for, a table of what it shows.

const root = document.documentElement;
const drawings = new Map(); // of an element with `data-chart`: its plot, chart and legend
const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const isPiled = (chart) => Boolean(chart.stacked || chart.bars);

function made(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

// ---- Lines that are switched off are named in the address.

function hiddenLines() {
  const told = new URL(location.href).searchParams.get("hide");
  return new Set(told ? told.split(",").map(unescaped) : []);
}

// A title may hold the comma that separates titles.
const escaped = (title) => title.replace(/[%,]/g, encodeURIComponent);
const unescaped = (title) => title.replaceAll("%2C", ",").replaceAll("%25", "%");

function toggle(title) {
  const hidden = hiddenLines();
  if (!hidden.delete(title)) hidden.add(title);
  history.replaceState(null, "", address({ hide: [...hidden].map(escaped).join(",") || null }));
  for (const element of drawings.keys()) showLines(element);
}

function showLines(element) {
  const { plot, chart, legend } = drawings.get(element);
  const hidden = hiddenLines();
  legend.buttons.forEach((button, index) => button.setAttribute("aria-pressed", !hidden.has(chart.lines[index].title)));
  plot.batch(() => {
    chart.lines.forEach((line, index) => plot.setSeries(placeOf(chart, index), { show: !hidden.has(line.title) }));
    if (isPiled(chart)) plot.setData(columns(chart));
  });
}

// ---- From a chart to what uPlot draws.

// A stack is painted from its top down, so that lower layers cover higher ones.
const placeOf = (chart, index) => (isPiled(chart) ? chart.lines.length - index : index + 1);

function columns(chart) {
  const hidden = hiddenLines();
  const values = chart.lines.map((line) => line.values);
  if (ofScatter(chart)) return [chart.x, ...values.map((line) => line.map((value) => value || null))]; // its scale has no 0
  if (!isPiled(chart)) return [chart.x, ...values];
  let below = chart.x.map(() => 0);
  const piled = chart.lines.map((line) => {
    if (!hidden.has(line.title)) below = below.map((value, index) => value + (line.values[index] ?? 0));
    return chart.bars ? below.map((value) => value || null) : below;
  });
  return [chart.x, ...piled.reverse()];
}

const strokeOf = (line, index) => color(line.before ? "--muted" : line.tone ? `--${line.tone}` : `--line-${index + 1}`);

function seriesOf(chart) {
  const piled = isPiled(chart);
  const lines = chart.lines.map((line, index) => {
    const stroke = strokeOf(line, index);
    return {
      label: line.title,
      stroke,
      width: piled ? 1 : 1.6,
      dash: line.before ? [4, 4] : undefined,
      fill: piled ? stroke : chart.lines.length === 1 || (index === 0 && !line.before) ? `${stroke}1c` : undefined,
      paths: chart.bars ? uPlot.paths.bars({ size: [0.8, 56], align: 1 }) : undefined,
      points: chart.bars ? { show: false } : { size: 5, filter: (plot, position) => alone(plot.data[position]) },
    };
  });
  return [{}, ...(piled ? lines.reverse() : lines)];
}

// Points between two gaps, which no line leads to.
function alone(values) {
  return [...values.keys()].filter((place) => values[place] != null && values[place - 1] == null && values[place + 1] == null);
}

const isMidnight = (split) => clock(new Date(split * 1000)) === "00:00";

function ticks(_, splits, __, ___, step) {
  return splits.map((split) => {
    const date = new Date(split * 1000);
    return step >= 86400 || (step >= 3600 && isMidnight(split)) ? day(date).slice(5) : clock(date);
  });
}

// Seconds between two ticks: whole minutes, hours and days.
const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000];

// Figures beside an axis, with no more decimals than one of them needs.
function figuresOf(unit, splits) {
  let texts = splits.map((split) => (split == null ? "" : unit(split)));
  const superfluous = /(\.\d*?)0(?=\D|$)/;
  while (texts.some((text) => text.includes(".")) && texts.every((text) => !text.includes(".") || superfluous.test(text))) {
    texts = texts.map((text) => text.replace(superfluous, "$1").replace(/\.(?=\D|$)/, ""));
  }
  return texts;
}

function axes(unit, whole, logarithmic) {
  const shared = { stroke: color("--muted"), font: "11px Inter, system-ui, sans-serif", ticks: { show: false }, gap: 6 };
  const grid = { stroke: color("--grid"), width: 1 };
  const midnights = (_, splits) => splits.map((split) => (isMidnight(split) ? split : null));
  return [
    { ...shared, grid: { ...grid, filter: midnights }, space: 70, size: 28, gap: 8, incrs: steps, values: ticks },
    { ...shared, grid, size: 66, space: 30,
      ...(logarithmic ? {} : { filter: (_, splits) => (whole ? splits.map((split) => (Number.isInteger(split) ? split : null)) : splits) }),
      values: (_, splits) => figuresOf(unit, splits) },
  ];
}

let pressed = null; // the chart where a drag has begun: the others only follow, and a hand may end it anywhere
document.addEventListener("mousedown", (event) => { pressed = event.target.closest(".u-over"); }, true);

function zoom(plot, step) {
  const { left, width } = plot.select;
  if (plot.over !== pressed) return;
  if (width < 8) { unselect(); return; }
  const since = Math.floor(plot.posToVal(left, "x"));
  const until = Math.ceil(plot.posToVal(left + width, "x"));
  go({ since, until: Math.max(until, since + 2 * step), page: null }); // a line has two points
}

// What is marked holds up the refresh.
function unselect() {
  drawings.forEach(({ plot }) => plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false));
}

// The cross-hair stands where the figures are that the legend shows.
function snapped(plot, left, top) {
  return left < 0 ? [left, top] : [plot.valToPos(plot.data[0][plot.posToIdx(left)], "x"), top];
}

const sizeOf = (element) => ({ width: Math.max(160, element.clientWidth), height: Math.max(80, element.clientHeight) });

function optionsOf(element, chart) {
  const shown = () => drawings.get(element)?.chart ?? chart; // as of the last refresh
  const scattered = ofScatter(chart);
  const top = chart.unit === "apdex" ? 1 : null;
  return {
    ...sizeOf(element),
    legend: { show: false },
    cursor: { move: snapped, sync: { key: "pages" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: { range: (_, low, high) => [low, scattered ? lastMoment(shown(), high) : chart.bars || low === high ? high + chart.step : high] },
      y: scattered
        ? { distr: 3, range: (_, low, high) => powersAround(shown(), low, high) }
        : { range: (_, low, high) => [0, top ?? ((high ?? 0) * 1.08 || 1)] },
    },
    padding: [8, 18, 0, 0],
    axes: axes(units[chart.unit], chart.unit === "count", scattered),
    series: seriesOf(chart),
    hooks: {
      setSelect: [(plot) => zoom(plot, chart.step)],
      setCursor: [(plot) => tell(element, plot.cursor.idx)],
      draw: [placeMarks, ...(scattered ? [(plot) => placePoints(plot, shown())] : [])],
    },
  };
}

// ---- The legend: the server writes it, with room for the longest figure, so that nothing moves when one appears.

function legendOf(element) {
  const list = element.parentElement.querySelector(".legend");
  const buttons = [...list.querySelectorAll("button")];
  return { time: list.querySelector(".at"), values: [...list.querySelectorAll(".value")], buttons };
}

// The time of a point; of short charts the day is known.
function stamp(chart, seconds) {
  const date = new Date(seconds * 1000);
  const long = chart.x.at(-1) - chart.x[0] >= 72000;
  return long ? `${day(date).slice(5)} ${clock(date)}` : clock(date);
}

function tell(element, place) {
  const drawing = drawings.get(element);
  if (!drawing) return;
  const { chart, legend } = drawing;
  legend.time.textContent = place == null ? "" : stamp(chart, chart.x[place]);
  legend.values.forEach((value, index) => {
    const own = place == null ? null : chart.lines[index].values[place];
    value.textContent = own == null ? "" : units[chart.unit](own);
  });
}

// ---- The table, for who cannot see the chart or wants the figures.

function switchTable(button) {
  const figure = button.closest(".chart");
  const shown = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", !shown);
  if (shown) figure.querySelector(".chart-table").remove();
  else figure.append(tableOf(figure.querySelector(".plot")));
}

function tableOf(element) {
  const { chart } = drawings.get(element);
  const scroll = made("div", "chart-table");
  const table = scroll.appendChild(made("table", ""));
  Object.assign(scroll, { tabIndex: 0, role: "region", ariaLabel: `${element.dataset.title}, as a table` });
  scroll.dataset.added = "";
  const head = table.createTHead().insertRow();
  for (const title of ["Time", ...chart.lines.map((line) => line.title)]) {
    head.appendChild(made("th", title === "Time" ? "" : "number", title)).scope = "col";
  }
  const body = table.createTBody();
  for (let place = chart.x.length - 1; place >= 0; place -= 1) {
    const row = body.insertRow();
    row.dataset.key = chart.x[place];
    row.appendChild(made("th", "", moment(chart.x[place]))).scope = "row";
    for (const { values } of chart.lines) {
      row.appendChild(made("td", "number", values[place] == null ? "-" : units[chart.unit](values[place])));
    }
  }
  return scroll;
}

// ---- Marks: a line in every chart.

const marksOf = () => document.querySelector("[data-marks]")?.dataset.marks ?? "[]";
let marked = "";

function placeMarks(plot) {
  plot.over.querySelectorAll(".chart-mark").forEach((line) => line.remove());
  for (const [moment, kind, name] of JSON.parse(marksOf())) {
    if (moment < plot.scales.x.min || moment > plot.scales.x.max) continue;
    const line = made("div", `chart-mark ${kind}`);
    line.style.left = `${plot.valToPos(moment, "x")}px`;
    line.append(made("span", "", name));
    plot.over.append(line);
  }
}

// Where the figures have not changed, but the marks have.
function placeNewMarks() {
  if (marksOf() !== marked) drawings.forEach(({ plot }) => placeMarks(plot));
  marked = marksOf();
}

// ---- Drawing, and drawing anew.

function draw(element) {
  const chart = JSON.parse(element.dataset.chart);
  const plot = new uPlot(optionsOf(element, chart), columns(chart), element);
  drawings.set(element, { plot, chart, legend: legendOf(element), told: element.dataset.chart });
  showLines(element);
}

function erase(element) {
  drawings.get(element).plot.destroy();
  drawings.delete(element);
}

const shapeOf = (chart) => JSON.stringify([chart.unit, chart.step, isPiled(chart), ofScatter(chart), chart.lines.map((line) => line.title)]);

// Show what the element says now; where the lines are the same, only their figures change.
function bringUpToDate(element) {
  const drawing = drawings.get(element);
  if (drawing && drawing.told === element.dataset.chart) return;
  const chart = JSON.parse(element.dataset.chart);
  if (!drawing || shapeOf(chart) !== shapeOf(drawing.chart)) {
    const pointed = drawing?.plot.cursor;
    if (drawing) erase(element);
    draw(element);
    if (pointed?.left >= 0) setTimeout(() => drawings.get(element)?.plot.setCursor(pointed)); // once it has its scales
  } else {
    Object.assign(drawing, { chart, told: element.dataset.chart });
    drawing.plot.setData(columns(chart));
    tell(element, drawing.plot.cursor.idx);
  }
  const table = element.parentElement.querySelector(".chart-table > table");
  if (table) keepingPlace(() => morph(table, tableOf(element).firstChild));
}

const breath = () => new Promise((resolve) => { setTimeout(resolve); });

// One after the other, so that a hand that types or scrolls need not wait for all of them.
async function drawAll() {
  for (const element of [...drawings.keys()]) if (!element.isConnected) erase(element);
  for (const element of document.querySelectorAll(".plot[data-chart]")) {
    if (element.isConnected) bringUpToDate(element);
    await breath();
  }
  placeNewMarks();
}

function drawAnew() {
  for (const element of [...drawings.keys()]) erase(element);
  return drawAll();
}

function fit() { drawings.forEach(({ plot }, element) => plot.setSize(sizeOf(element))); }

let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(fit, 80);
});
