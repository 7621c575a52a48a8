// The map: every photo a point, near ones alike, groups with names; closer by, points become pictures.

import { get } from "./api.js";
import { byId, counted, el, printable, toast, trouble } from "./dom.js";
import { keys } from "./frame.js";
import { listen } from "./live.js";
import { Points } from "./points.js";
import { Selection } from "./selection.js";
import { Viewer } from "./viewer.js";

const MOST_PICTURES = 90; // on one view: more would hide each other
const COLOURS = 12;

const main = byId("main");
main.classList.add("map");
byId("filters-button").hidden = true;
byId("file").parentElement.hidden = true;
const canvas = el("canvas", { tabIndex: 0, role: "img", "aria-label": "Map of all photos. Arrows move it, plus and minus zoom." });
const layer = el("div", { class: "layer" });
const told = el("p", { class: "map-note soft", role: "status" }, "Drawing the map …");
const legend = el("ul", { class: "legend", "aria-label": "Groups" });
main.append(el("h1", { class: "unseen" }, "Map"), canvas, layer, told, legend);

const view = { x: 0.5, y: 0.5, zoom: 1 };
let map = null;
let points = null;
let lit = null; // the photos that answer the words
let waiting = 0;
let info = null;
let groupShown = null;
const by = el("select", { "aria-label": "Coloured by", onchange: () => regroup(by.value) });
const selection = new Selection({ mark() {}, none: () => pick([]) });
const viewer = new Viewer({
  like: (match, space) => (location.href = `/?like=${match.id}&space=${space}`),
  tag: (word) => (location.href = `/?q=${encodeURIComponent(word)}`),
  stepped() {},
  mark() {},
  closed: () => canvas.focus(),
});

const side = () => Math.min(canvas.clientWidth, canvas.clientHeight) * 0.94;
const toScreen = (at) => [
  canvas.clientWidth / 2 + (map.x[at] - view.x) * view.zoom * side(),
  canvas.clientHeight / 2 + (map.y[at] - view.y) * view.zoom * side(),
];
const toMap = (x, y) => [
  view.x + (x - canvas.clientWidth / 2) / (view.zoom * side()),
  view.y + (y - canvas.clientHeight / 2) / (view.zoom * side()),
];

function soon() {
  waiting ||= requestAnimationFrame(draw);
}

function draw() {
  waiting = 0;
  if (!map) return;
  points.draw(view, side(), map.id.length);
  name();
  clearTimeout(draw.later);
  draw.later = setTimeout(pictures, 120);
  for (const image of layer.querySelectorAll("button")) image.remove();
}

// The names of groups, at their middles, where there is room
function name() {
  const taken = [];
  const names = map.groups.flatMap((group, number) => {
    const [middle, y] = toScreen(group.at);
    if (middle < 0 || y < 20 || middle > canvas.clientWidth || y > canvas.clientHeight || view.zoom > 9) return [];
    const wide = Math.min(9 * group.name.length + 26, canvas.clientWidth);
    const x = Math.max(wide / 2, Math.min(canvas.clientWidth - wide / 2, middle)); // all of it in view
    if (taken.some((other) => Math.abs(other.x - x) < (other.wide + wide) / 2 && Math.abs(other.y - y) < 30)) return [];
    taken.push({ x, y, wide });
    const label = el("span", { class: `name colour-${number % COLOURS}` }, printable(group.name));
    Object.assign(label.style, { left: `${x}px`, top: `${y}px` });
    return [label];
  });
  for (const old of layer.querySelectorAll(".name")) old.remove();
  layer.append(...names);
}

// Pictures of the points in view, as many as have room
function pictures() {
  const size = Math.min(96, 30 + 9 * view.zoom);
  const cells = new Map();
  for (let at = 0; at < map.id.length && cells.size < 4000; at++) {
    if ((lit && !lit.has(map.id[at])) || (groupShown !== null && map.group[at] !== groupShown)) continue;
    const [x, y] = toScreen(at);
    if (x < -size || y < -size || x > canvas.clientWidth + size || y > canvas.clientHeight + size) continue;
    const cell = `${Math.floor(x / size / 1.15)},${Math.floor(y / size / 1.15)}`;
    if (!cells.has(cell)) cells.set(cell, { at, x, y });
  }
  const room = [...cells.values()];
  const step = Math.max(1, room.length / MOST_PICTURES);
  const shown = room.filter((_, number) => Math.floor(number % step) === 0).slice(0, MOST_PICTURES);
  const tiles = shown.map(({ at, x, y }) => {
    const tile = el("button", { type: "button", tabIndex: -1, class: `colour-${map.group[at] % COLOURS}`, "aria-label": `Photo of ${printable(map.groups[map.group[at]].name)}`, onclick: () => open(at) },
      el("img", { src: `/thumbnails/${map.id[at]}`, alt: "", draggable: false, onload: (event) => event.target.parentElement.classList.add("loaded"), onerror: (event) => event.target.parentElement.remove() }));
    Object.assign(tile.style, { left: `${x - size / 2}px`, top: `${y - size / 2}px`, width: `${size}px`, height: `${size}px` });
    return tile;
  });
  for (const old of layer.querySelectorAll("button")) old.remove();
  layer.prepend(...tiles);
}

async function open(at) {
  try {
    const photo = await get(`/api/photos/${map.id[at]}`);
    viewer.open([{ id: photo.id, path: photo.paths[0] }], 0, { heatQuery: "", canMark: false, spaces: info.spaces });
  } catch (error) {
    toast(trouble(error));
  }
}

// Moving and zooming

// All photos in view, above the list of groups
function home() {
  const [left, right] = edges(map.x);
  const [top, bottom] = edges(map.y);
  const room = canvas.clientHeight - 2 * legend.offsetHeight - 40;
  const wide = (canvas.clientWidth - 60) / (Math.max(right - left, 0.01) * side());
  const zoomed = Math.max(0.7, Math.min(8, wide, room / (Math.max(bottom - top, 0.01) * side())));
  Object.assign(view, { x: (left + right) / 2, y: (top + bottom) / 2 + legend.offsetHeight / 2 / (zoomed * side()), zoom: zoomed });
}

const edges = (places) => places.reduce(([least, most], one) => [Math.min(least, one), Math.max(most, one)], [Infinity, -Infinity]);

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const [before, over] = toMap(x, y);
  view.zoom = Math.max(0.7, Math.min(400, view.zoom * factor));
  const [after, under] = toMap(x, y);
  view.x += before - after;
  view.y += over - under;
  soon();
}

main.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX + (event.target === canvas ? 0 : event.target.offsetLeft ?? 0), event.clientY - canvas.getBoundingClientRect().top);
}, { passive: false });

const fingers = new Map();
let frame = null;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY, moved: 0 });
  if (event.shiftKey) {
    frame = { x: event.offsetX, y: event.offsetY, node: el("div", { class: "frame" }) };
    layer.append(frame.node);
  }
});
canvas.addEventListener("pointermove", (event) => {
  const finger = fingers.get(event.pointerId);
  if (!finger) return;
  const [dx, dy] = [event.offsetX - finger.x, event.offsetY - finger.y];
  if (frame) {
    Object.assign(frame.node.style, {
      left: `${Math.min(frame.x, event.offsetX)}px`, top: `${Math.min(frame.y, event.offsetY)}px`,
      width: `${Math.abs(event.offsetX - frame.x)}px`, height: `${Math.abs(event.offsetY - frame.y)}px`,
    });
    return;
  }
  const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const before = Math.hypot(finger.x - other.x, finger.y - other.y);
    zoom(Math.hypot(event.offsetX - other.x, event.offsetY - other.y) / (before || 1), other.x, other.y);
  } else {
    view.x -= dx / (view.zoom * side());
    view.y -= dy / (view.zoom * side());
  }
  Object.assign(finger, { x: event.offsetX, y: event.offsetY, moved: finger.moved + Math.abs(dx) + Math.abs(dy) });
  soon();
});
canvas.addEventListener("pointerup", (event) => {
  const finger = fingers.get(event.pointerId);
  fingers.delete(event.pointerId);
  if (frame) {
    const [left, top] = toMap(Math.min(frame.x, event.offsetX), Math.min(frame.y, event.offsetY));
    const [right, bottom] = toMap(Math.max(frame.x, event.offsetX), Math.max(frame.y, event.offsetY));
    frame.node.remove();
    frame = null;
    pick(map.id.filter((_, at) => map.x[at] >= left && map.x[at] <= right && map.y[at] >= top && map.y[at] <= bottom));
  } else if (finger && finger.moved < 6) {
    const at = nearest(event.offsetX, event.offsetY);
    if (at !== null) open(at);
  }
});
canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));

function nearest(x, y) {
  let best = null;
  let least = 14 ** 2;
  for (let at = 0; at < map.id.length; at++) {
    const [px, py] = toScreen(at);
    const away = (px - x) ** 2 + (py - y) ** 2;
    if (away < least) [best, least] = [at, away];
  }
  return best;
}

async function pick(ids) {
  const some = ids.slice(0, 500);
  if (ids.length > some.length) toast(`The first 500 of ${counted(ids.length, "photo")}`);
  const found = await Promise.allSettled(some.map((id) => get(`/api/photos/${id}`)));
  selection.show(found.filter((one) => one.status === "fulfilled").map(({ value }) => ({ id: value.id, path: value.paths[0] })), false);
}

// Words light up the photos that answer them

byId("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const q = byId("q").value.trim();
  try {
    const found = q ? await get("/api/search", { q, k: info.max_k }) : null;
    lit = found ? new Set(found.matches.filter((match) => match.certain !== false).map((match) => match.id)) : null;
    told.textContent = found ? [counted(lit.size, "photo"), ...found.notes.map((note) => note.text)].join(" · ") : "";
  } catch (error) {
    told.textContent = trouble(error);
  }
  light();
});

function light() {
  points.light((at) => (!lit || lit.has(map.id[at])) && (groupShown === null || map.group[at] === groupShown));
  soon();
}

function showLegend() {
  const buttons = map.groups.map(({ name: text, photos }, number) =>
    el("li", {}, el("button", { type: "button", class: `chip colour-${number % COLOURS}`, "aria-pressed": "false", onclick: (event) => {
      groupShown = groupShown === number ? null : number;
      for (const button of legend.querySelectorAll("button")) button.setAttribute("aria-pressed", String(groupShown !== null && button === event.currentTarget));
      light();
    } }, printable(text), el("small", {}, photos.toLocaleString("en")))));
  legend.replaceChildren(el("li", {}, by), ...buttons);
}

// Other groups of the same photos, which stay where they are
async function regroup(how) {
  try {
    const found = await get("/api/map", { by: how });
    if (found.id.length !== map.id.length) return location.reload();
    Object.assign(map, { groups: found.groups, group: found.group });
    groupShown = null;
    middles();
    points.colour(map.group);
    showLegend();
    by.focus();
    light();
  } catch (error) {
    toast(trouble(error));
  }
}

keys((event, isTyping) => {
  if (isTyping || viewer.isOpen || !map) return false;
  const by = 60 / (view.zoom * side());
  const moves = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] };
  if (event.key in moves) {
    view.x += moves[event.key][0];
    view.y += moves[event.key][1];
    soon();
  } else if (event.key === "+" || event.key === "=") zoom(1.4);
  else if (event.key === "-") zoom(1 / 1.4);
  else if (event.key === "0") {
    home();
    soon();
  } else return false;
  return true;
});
listen(() => toast("Photos have come or gone", { label: "Draw again", run: () => location.reload() }));

try {
  [info, map] = await Promise.all([get("/api/info"), get("/api/map")]);
  middles();
  points = new Points(canvas, map);
  by.append(...info.map_by.map((how) => el("option", { value: how }, `by ${printable(how)}`)));
  told.textContent = "";
  new ResizeObserver(soon).observe(canvas);
  showLegend();
  home();
  light();
} catch (error) {
  map = null;
  told.textContent = trouble(error);
}

// Of each group the photo that stands nearest to its middle: its name goes there
function middles() {
  const sums = map.groups.map(() => [0, 0]);
  map.group.forEach((group, at) => { sums[group][0] += map.x[at]; sums[group][1] += map.y[at]; });
  const least = map.groups.map(() => Infinity);
  map.group.forEach((group, at) => {
    const { photos } = map.groups[group];
    const away = (map.x[at] - sums[group][0] / photos) ** 2 + (map.y[at] - sums[group][1] / photos) ** 2;
    if (away < least[group]) [least[group], map.groups[group].at] = [away, at];
  });
}
