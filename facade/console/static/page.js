"use strict";
// Draws charts, writes times in the viewer's zone, and keeps the page up to date. Without it, everything but the
// charts works. Text from the store reaches the document as text only.

const root = document.documentElement;
const pad = (number) => String(number).padStart(2, "0");

// ---- How figures are written: as the server writes them.

function digits(value, places = 3) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const behind = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  const kept = Math.min(behind, places);
  return value.toLocaleString("en-US", { minimumFractionDigits: kept, maximumFractionDigits: kept });
}

function duration(seconds) {
  if (seconds < 9.9995) return `${digits(seconds * 1000)} ms`;
  if (seconds < 300) return `${digits(seconds)} s`;
  return seconds < 18000 ? `${digits(seconds / 60)} min` : `${digits(seconds / 3600)} h`;
}

const units = {
  duration,
  rate: (value) => `${digits(value, 2)}/min`,
  share: (value) => (value === 0 || value === 1 ? `${value * 100} %` : `${digits(value * 100, 2)} %`),
  apdex: (value) => value.toFixed(2),
  count: (value) => Math.round(value).toLocaleString("en-US"),
  work: (value) => `${digits(value)} s/min`,
};

// ---- Times.

function clock(date, seconds = false) {
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${seconds ? `:${pad(date.getSeconds())}` : ""}`;
}

function day(date) {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

function localizeTimes() {
  const today = day(new Date());
  for (const element of document.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    element.textContent = day(date) === today ? clock(date, true) : `${day(date)} ${clock(date)}`;
    element.title = date.toString();
  }
  for (const input of document.querySelectorAll("input[data-epoch]")) {
    const date = new Date(input.dataset.epoch * 1000);
    if (!input.value) input.value = `${day(date)}T${clock(date)}`;
  }
  for (const zone of document.querySelectorAll(".zone")) {
    zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone || "your time";
  }
}

// ---- Charts.

const plots = new Map();
const hidden = new Set(); // lines that were switched off, by chart and title
const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const keyOf = (element, title) => `${element.getAttribute("aria-label")}\n${title}`;

function stacked(lines) {
  let below = lines[0].values.map(() => 0);
  return lines.map((line) => (below = below.map((value, index) => value + (line.values[index] ?? 0))));
}

function drawn(line, index, chart, element) {
  const unit = units[chart.unit];
  const piled = chart.stacked || chart.bars;
  const stroke = line.before ? color("--muted") : color(`--line-${index + 1}`);
  return {
    label: line.title,
    show: !hidden.has(keyOf(element, line.title)),
    stroke,
    width: piled ? 1 : 1.6,
    dash: line.before ? [4, 4] : undefined,
    fill: piled ? stroke : chart.lines.length === 1 || index === 0 && !line.before ? `${stroke}1c` : undefined,
    paths: chart.bars ? uPlot.paths.bars({ size: [0.8, 22], align: 1 }) : undefined,
    points: { show: !chart.bars, size: 5, filter: (plot, position) => alone(plot.data[position]) },
    value: (_, value, __, place) => {
      const own = place == null ? null : line.values[place];
      return own == null ? "" : unit(own);
    },
  };
}

// Points between two gaps, which no line leads to.
function alone(values) {
  return [...values.keys()].filter((place) => values[place] != null && values[place - 1] == null && values[place + 1] == null);
}

function ticks(_, splits, __, ___, step) {
  return splits.map((split) => {
    const date = new Date(split * 1000);
    return step >= 86400 || (step >= 3600 && clock(date) === "00:00") ? day(date).slice(5) : clock(date);
  });
}

// Seconds between two ticks: whole minutes, hours and days.
const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000];

function axes(unit, whole) {
  const shared = { stroke: color("--muted"), font: "11px Inter, system-ui, sans-serif", ticks: { show: false }, gap: 6 };
  return [
    { ...shared, grid: { show: false }, space: 70, size: 26, incrs: steps, values: ticks },
    { ...shared, grid: { stroke: color("--grid"), width: 1 }, size: 66, space: 36,
      filter: (_, splits) => (whole ? splits.map((split) => (Number.isInteger(split) ? split : null)) : splits),
      values: (_, splits) => splits.map((split) => (split == null ? "" : unit(split))) },
  ];
}

function zoom(plot, step) {
  const { left, width } = plot.select;
  if (width < 8 || !plot.over.matches(":hover")) return; // the other charts only follow
  const since = Math.floor(plot.posToVal(left, "x"));
  const until = Math.ceil(plot.posToVal(left + width, "x"));
  go({ since, until: Math.max(until, since + step), range: null });
}

const sizeOf = (element) => ({ width: Math.max(160, element.clientWidth), height: Math.max(100, element.clientHeight) });

function draw(element) {
  const chart = JSON.parse(element.dataset.chart);
  if (!chart.lines.length) return;
  const piled = chart.stacked || chart.bars;
  const values = piled ? stacked(chart.lines) : chart.lines.map((line) => line.values);
  if (chart.bars) values.forEach((line) => line.forEach((value, place) => { line[place] = value || null; }));
  const top = chart.unit === "apdex" ? 1 : null;
  // A stack is painted from its top down, so that lower layers cover higher ones.
  const order = chart.lines.map((_, index) => index);
  if (piled) order.reverse();
  const lines = order.map((index) => drawn(chart.lines[index], index, chart, element));
  element.parentElement.classList.toggle("single", lines.length === 1 && !piled);
  const options = {
    ...sizeOf(element),
    legend: { live: true, markers: { width: 0, fill: (plot, place) => lines[place - 1]?.stroke }, mount: (_, legend) => element.parentElement.querySelector("figcaption").append(legend) },
    cursor: { sync: { key: "pages" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: { range: (_, low, high) => [low, chart.bars || low === high ? high + chart.step : high] },
      y: { range: (_, low, high) => [0, top ?? ((high ?? 0) * 1.08 || 1)] },
    },
    padding: [8, 18, 0, 0],
    axes: axes(units[chart.unit], chart.unit === "count"),
    series: [{ value: (_, value) => (value == null ? "" : moment(value)) }, ...lines],
    hooks: { setSelect: [(plot) => zoom(plot, chart.step)], setSeries: [(plot, place) => remember(element, plot, place)] },
  };
  plots.set(element, new uPlot(options, [chart.x, ...order.map((index) => values[index])], element));
}

function remember(element, plot, place) {
  const line = place == null ? null : plot.series[place];
  if (line) hidden[line.show ? "delete" : "add"](keyOf(element, line.label));
}

function moment(seconds) {
  const date = new Date(seconds * 1000);
  return day(date) === day(new Date()) ? clock(date) : `${day(date)} ${clock(date)}`;
}

function drawAll() {
  for (const plot of plots.values()) plot.destroy();
  plots.clear();
  document.querySelectorAll(".chart .u-legend").forEach((legend) => legend.remove());
  document.querySelectorAll(".plot[data-chart]").forEach(draw);
  fit(); // the legends have taken their part of the room
}

function fit() { plots.forEach((plot, element) => plot.setSize(sizeOf(element))); }

let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(fit, 80);
});

// ---- What if T were another: the server worked out every place of the slider.

function moveThreshold(slider, keep) {
  const rung = JSON.parse(slider.dataset.rungs)[slider.value];
  const score = document.getElementById("what-if-apdex");
  document.getElementById("what-if-t").textContent = rung.seconds;
  slider.setAttribute("aria-valuetext", `${rung.seconds}, Apdex ${rung.apdex}`);
  score.textContent = rung.apdex;
  score.className = rung.rating;
  ["mark-t", "mark-t4"].forEach((id, index) => {
    const mark = document.getElementById(id);
    const place = rung.marks[index];
    mark.setAttribute("visibility", place === null ? "hidden" : "visible");
    if (place === null) return;
    mark.querySelector("line").setAttribute("x1", `${place}%`);
    mark.querySelector("line").setAttribute("x2", `${place}%`);
    mark.querySelector("text").setAttribute("x", `${place}%`);
  });
  if (keep) history.replaceState(null, "", address({ t: rung.t }));
}

// ---- Addresses hold the whole state.

function address(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") url.searchParams.delete(name); else url.searchParams.set(name, value);
  }
  return url;
}

function go(changes) { location.assign(address(changes)); }

// Days, and the same time of another day, are those of the viewer's zone. Where the server's clocks show
// the same, it need not be named.
function askByOwnClock() {
  const used = JSON.parse(document.body.dataset.offsets || "[]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const same = ([moment, ahead]) => new Date(moment * 1000).getTimezoneOffset() * -60 === ahead;
  if (zone && !used.every(same)) location.replace(address({ tz: zone }));
}

function submitMoments(event) {
  event.preventDefault();
  const form = event.target;
  const seconds = (name) => Math.floor(new Date(form.elements[name].value).getTime() / 1000);
  go({ since: seconds("since"), until: seconds("until"), range: null });
}

function submitOnChange(event) {
  const select = event.target;
  if (!select.matches("[data-submit]")) return;
  if (select.name === "range") go({ range: select.value, since: null, until: null });
  else select.form.requestSubmit();
}

// ---- Keeping up to date.

// What somebody types into, holds or marks is not taken from under their hands.
function busy() {
  const active = document.activeElement;
  const typing = active && active.closest("main") && active.matches("input, select");
  const marking = document.querySelector(".u-select[style*='width: ']:not([style*='width: 0px'])");
  return document.hidden || typing || marking || document.querySelector("dialog[open]");
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if ("waiting" in document.body.dataset) {
    if (answer && answer.ok) location.reload();
    return;
  }
  root.classList.toggle("stale", !answer || !answer.ok);
  if (!answer || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = new Set([...document.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  const focused = document.activeElement && document.activeElement.getAttribute("href");
  const scrolled = [...document.querySelectorAll("main .scroll")].map((one) => one.scrollLeft);
  for (const place of ["main", "footer"]) document.querySelector(place).replaceChildren(...fresh.querySelector(place).childNodes);
  for (const one of document.querySelectorAll("details[data-key]")) one.open = open.has(one.dataset.key);
  document.querySelectorAll("main .scroll").forEach((one, index) => { one.scrollLeft = scrolled[index] ?? 0; });
  show();
  if (focused) document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// ---- Keys: an element says by which one it is reached.

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input:not([type=range]), select, textarea, dialog[open]")) return;
  if (event.key === "r") { refresh(); return; }
  const wanted = document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`);
  if (!wanted || wanted.hidden) return;
  event.preventDefault();
  if (wanted.matches("input")) wanted.select(); else wanted.click();
}

// ---- Dark and light.

function nameTheme(button) { button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark"; }

function switchTheme(event) {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("weighbridge-theme", root.dataset.theme); } catch { /* then for this page only */ }
  nameTheme(event.target);
  drawAll();
}

function show() {
  localizeTimes();
  drawAll();
}

function start() {
  askByOwnClock();
  const button = document.getElementById("theme");
  button.hidden = false;
  nameTheme(button);
  button.addEventListener("click", switchTheme);
  const keys = document.getElementById("keys");
  keys.hidden = false;
  keys.addEventListener("click", () => document.getElementById("shortcuts").showModal());
  document.addEventListener("keydown", press);
  document.addEventListener("change", submitOnChange);
  document.addEventListener("input", (event) => { if (event.target.id === "slider") moveThreshold(event.target, true); });
  document.querySelectorAll("form[data-moments]").forEach((form) => form.addEventListener("submit", submitMoments));
  const every = Number(document.body.dataset.refresh);
  if (every) setInterval(() => busy() || refresh(), every * 1000);
  show();
}

start();
