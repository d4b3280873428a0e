"use strict";
// What a hand does on the page, and keeping it up to date. Without it, everything but the charts works. Text from the
// store reaches the document as text only.

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

// ---- Copying a traceback: where a browser has no clipboard for pages without HTTPS, the old way.

async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    source.hidden = false;
    getSelection().selectAllChildren(source);
    document.execCommand("copy");
    getSelection().removeAllRanges();
    source.hidden = true;
  }
  button.textContent = "Copied";
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

// A browser that goes back fills in what was chosen last, which led away from what is shown.
function tellChoices() {
  for (const select of document.querySelectorAll("select[data-submit]")) {
    const shown = [...select.options].find((option) => option.defaultSelected);
    if (shown) shown.selected = true;
  }
}

// Says beside a field what is wrong with it, until it is changed.
function refused(input, wrong, reason) {
  if (!wrong) return false;
  input.setCustomValidity(reason);
  input.reportValidity();
  input.form.addEventListener("input", () => input.setCustomValidity(""), { once: true });
  return true;
}

function submitMoments(event) {
  event.preventDefault();
  const form = event.target;
  const [since, until] = ["since", "until"].map((name) => Math.floor(new Date(form.elements[name].value).getTime() / 1000));
  if (refused(form.elements.until, since >= until, "This must be later than the beginning.")) return;
  if (refused(form.elements.since, since * 1000 >= Date.now(), "This must lie in the past.")) return;
  go({ since, until, page: null });
}

// A choice changes one thing in the address; only another application or page is asked for with a form.
function submitOnChange(event) {
  const select = event.target;
  if (!select.matches("[data-submit]")) return;
  if (select.name === "range") go({ range: select.value, since: null, until: null, page: null });
  else if (select.name === "app") select.form.requestSubmit();
  else go({ [select.name]: select.value, page: null });
}

// ---- Keeping up to date.

const LIVE = ["nav", ".bar", "main", "footer"];

// What somebody is about to choose is not taken from under their hands.
function busy() {
  const marking = document.querySelector(".u-select[style*='width: ']:not([style*='width: 0px'])");
  return document.hidden || marking || document.querySelector("dialog[open]");
}

const PATIENCE = 60000; // milliseconds
let asking = null; // the refresh that is under way: a later one takes its place, so that no answer overtakes a newer one

async function refresh() {
  asking?.abort();
  const own = new AbortController();
  asking = own;
  const patience = setTimeout(() => own.abort(), PATIENCE);
  try {
    await bringAllUpToDate(own);
  } finally {
    clearTimeout(patience);
    if (asking === own) asking = null;
  }
}

async function bringAllUpToDate(own) {
  const asked = location.href;
  const answer = await fetch(asked, { headers: { accept: "text/html" }, signal: own.signal }).catch(() => null);
  if ("waiting" in document.body.dataset) {
    if (answer && answer.ok) location.reload();
    return;
  }
  const found = answer && answer.ok ? await answer.text().catch(() => null) : null;
  if (asking !== own) return;
  root.classList.toggle("stale", found === null);
  root.classList.toggle("locked", answer?.status === 401);
  if (found === null || location.href !== asked) return;
  const fresh = new DOMParser().parseFromString(found, "text/html");
  await breath();
  localizeTimes(fresh);
  for (const place of LIVE) { // one after the other, as a long table takes as long as all the rest
    await breath();
    if (asking !== own || location.href !== asked) return;
    keepingPlace(() => replaceFigures(place, fresh));
  }
  await breath();
  await drawAll();
}

function replaceFigures(place, fresh) {
  const [old, replacement] = [document, fresh].map((one) => one.querySelector(place));
  if (old && replacement) morph(old, replacement);
}

let refreshed = 0;

function refreshWhenDue() {
  const every = Number(document.body.dataset.refresh) * 1000;
  if (!every || asking || busy() || Date.now() - refreshed < every - 500) return;
  refreshed = Date.now();
  refresh();
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
  drawAnew();
}

function switchControls(event) {
  const button = event.currentTarget;
  button.setAttribute("aria-expanded", button.getAttribute("aria-expanded") !== "true");
}

// Heads of tables stay in sight below the bar, unless that scrolls away itself.
function tellHeight(bar) {
  const stays = getComputedStyle(bar).position === "sticky";
  root.style.setProperty("--bar-height", `${stays ? bar.offsetHeight : 0}px`);
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
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches(".free")) target.querySelectorAll("input[data-epoch]").forEach(tellMoment);
  }, true);
  document.querySelectorAll("form[data-moments]").forEach((form) => form.addEventListener("submit", submitMoments));
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".chart button");
    if (button) button.matches("[data-table]") ? switchTable(button) : toggle(button.title);
  });
  document.addEventListener("click", (event) => { if (event.target.matches("[data-copy]")) copyText(event.target); });
  document.getElementById("controls")?.addEventListener("click", switchControls);
  const bar = document.querySelector(".bar");
  if (bar) new ResizeObserver(() => tellHeight(bar)).observe(bar);
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  refreshed = Date.now();
  setInterval(refreshWhenDue, 1000);
  document.addEventListener("visibilitychange", refreshWhenDue);
  addEventListener("pageshow", tellChoices);
  localizeTimes(document);
  drawAll();
}

start();
