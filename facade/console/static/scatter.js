"use strict";
// Samples over a chart of durations: each dot is a link to one. Tab leads to one of them, arrow keys from there to the
// others, in order of time. The same samples are in the table below.

const ofScatter = (chart) => Boolean(chart.points);

// What the chart has to have room for besides its lines: whole powers of ten, as durations differ by as much.
function powersAround(chart, low, high) {
  const values = [low, high, ...chart.points.y].filter((value) => value > 0);
  if (!values.length) return [0.001, 1];
  const [least, most] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  return [10 ** Math.floor(least), 10 ** Math.max(Math.ceil(most), Math.floor(least) + 1)];
}

const lastMoment = (chart, high) => Math.max(high + chart.step, ...chart.points.x.slice(-1));

function pointOf(chart, index) {
  const { id, of, y, failed } = chart.points;
  const link = made("a", `point${failed[index] ? " failed" : ""}`);
  link.href = `sample?${chart.points.queries[of[index]]}&sample=${id[index]}`;
  link.title = `${chart.points.names[of[index]]}: ${duration(y[index])}${failed[index] ? ", failed" : ""}`;
  link.ariaLabel = `Sample ${id[index]}, ${link.title}`;
  link.draggable = false;
  link.tabIndex = -1;
  link.dataset.sample = id[index];
  return link;
}

function layerOf(plot) {
  const layer = plot.over.querySelector(".points");
  if (layer) return layer;
  const added = plot.over.appendChild(made("div", "points"));
  added.addEventListener("keydown", stepToPoint);
  added.addEventListener("focusin", (event) => makeReachable(added, event.target));
  return added;
}

function placePoints(plot, chart) {
  const layer = layerOf(plot);
  const old = new Map([...layer.children].map((link) => [link.dataset.sample, link]));
  const { id, x, y } = chart.points;
  const least = plot.scales.y.min;
  const links = id.map((number, index) => {
    const link = old.get(String(number)) ?? pointOf(chart, index);
    link.style.left = `${plot.valToPos(x[index], "x")}px`;
    link.style.top = `${plot.valToPos(Math.max(y[index], least), "y")}px`;
    old.delete(String(number));
    return link;
  });
  old.forEach((link) => link.remove());
  links.forEach((link, index) => { if (layer.children[index] !== link) layer.insertBefore(link, layer.children[index] ?? null); });
  if (links.length && !layer.querySelector("[tabindex='0']")) links.at(-1).tabIndex = 0;
}

function makeReachable(layer, link) {
  layer.querySelectorAll("[tabindex='0']").forEach((other) => { other.tabIndex = -1; });
  link.tabIndex = 0;
}

function stepToPoint(event) {
  const link = event.target;
  const { firstElementChild, lastElementChild } = link.parentElement;
  const wanted = {
    ArrowRight: link.nextElementSibling, ArrowLeft: link.previousElementSibling, Home: firstElementChild, End: lastElementChild,
  }[event.key];
  if (!wanted) return;
  event.preventDefault();
  wanted.focus();
}
