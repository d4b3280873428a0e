"use strict";
// Brings a document up to date by changing what differs and nothing else, so that selected text, the focus, what is
// open and what is under the pointer stay as they are. Rows and cards that may change places have a `data-key`.
// What a script has added bears `data-added`; it is left alone, as is the inside of what bears `data-drawn`.

const KEPT = new Set(["open", "style", "aria-pressed", "aria-expanded"]); // attributes that belong to the viewer, or to scripts

const keyOf = (node) => (node.dataset ? node.dataset.key ?? node.id : "") || "";
const isAdded = (node) => node.dataset !== undefined && "added" in node.dataset;

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return; // the browser sees sooner than a script that nothing has changed
  morphAttributes(old, fresh);
  if (!("drawn" in old.dataset)) morphChildren(old, fresh);
}

function morphAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !KEPT.has(name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
}

function morphChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  const staying = new Set(wanted.map(keyOf));
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let place = old.firstChild;
  for (const node of wanted) {
    place = nextPlace(place, staying);
    const match = matching(node, place, keyed);
    if (match && match === place) place = place.nextSibling;
    else if (match) (old.moveBefore ?? old.insertBefore).call(old, match, place);
    else old.insertBefore(node, place);
    if (match) morphNode(match, node);
  }
  while (place) place = removed(place);
}

// The old node that a fresh one stands for: the one with its key, else the next in line if it is alike.
function matching(node, place, keyed) {
  const key = keyOf(node);
  const match = key ? keyed.get(key) : place && !keyOf(place) ? place : null;
  if (key) keyed.delete(key);
  return match && match.nodeName === node.nodeName ? match : null;
}

// The next node that a fresh one may take the place of; those on the way that are gone are removed.
function nextPlace(place, staying) {
  while (place && (isAdded(place) || (keyOf(place) && !staying.has(keyOf(place))))) {
    place = isAdded(place) ? place.nextSibling : removed(place);
  }
  return place;
}

function removed(node) {
  const next = node.nextSibling;
  if (!isAdded(node)) node.remove();
  return next;
}

function morphNode(old, fresh) {
  if (old.nodeType === Node.ELEMENT_NODE) morph(old, fresh);
  else if (old.data !== fresh.data) old.data = fresh.data;
}

// Runs a change of the document, and gives back what was selected and what had the focus.
function keepingPlace(change) {
  const selection = getSelection();
  const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = selection;
  const active = document.activeElement;
  change();
  if (active && active !== document.activeElement && active.isConnected) active.focus({ preventScroll: true });
  if (isCollapsed || !anchorNode.isConnected || !focusNode.isConnected) return;
  const within = (node, offset) => Math.min(offset, node.data === undefined ? node.childNodes.length : node.data.length);
  selection.setBaseAndExtent(anchorNode, within(anchorNode, anchorOffset), focusNode, within(focusNode, focusOffset));
}
