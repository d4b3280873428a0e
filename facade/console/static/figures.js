"use strict";
// Writes figures as the server writes them, and times in the viewer's zone.

const pad = (number) => String(number).padStart(2, "0");

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

function moment(seconds) {
  const date = new Date(seconds * 1000);
  return day(date) === day(new Date()) ? clock(date) : `${day(date)} ${clock(date)}`;
}

// What is shown, unless somebody has written another moment into it.
function tellMoment(input) {
  const date = new Date(input.dataset.epoch * 1000);
  if (input.value && input.value !== input.told) return;
  input.value = `${day(date)}T${clock(date)}`;
  input.told = input.value;
}

function localizeTimes(scope) {
  const today = day(new Date());
  for (const element of scope.querySelectorAll("time[datetime]")) {
    const date = new Date(element.dateTime);
    const brief = "brief" in element.dataset;
    element.textContent = day(date) === today ? clock(date, !brief) : `${day(date)} ${clock(date)}`;
    element.title = date.toString();
  }
  for (const input of scope.querySelectorAll("input[data-epoch]")) {
    tellMoment(input);
  }
  for (const zone of scope.querySelectorAll(".zone")) {
    zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone || "your time";
  }
}
