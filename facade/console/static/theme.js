"use strict";
// Before the first paint: the theme that was chosen on this device, else the system's; and that scripts run.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("weighbridge-theme"); } catch { /* storage may be forbidden */ }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.dataset.script = ""; // controls may hide behind a button
})();
