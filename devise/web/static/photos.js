// The page of photos: the latest, those that answer words, those like one that is shown or sent.

import { ApiError, get, post, query, remove, send } from "./api.js";
import { byId, counted, el, nameOf, printable, toast, trouble } from "./dom.js";
import { Filters } from "./filters.js";
import { keys } from "./frame.js";
import { Grid } from "./grid.js";
import { listen } from "./live.js";
import { Selection } from "./selection.js";
import { Viewer } from "./viewer.js";

const STEP = 60; // photos of a first answer: what a large screen shows
const LIKE = { features: "looks like", words: "means the same as", colour: "has the colours of", hash: "is nearly" };

const main = byId("main");
const box = byId("q");
let asking = null; // what stops the request that is under way
let shown = null; // what the grid shows: {kind, parameters, k, isWhole}
let sent = null; // a photo of the user's own that is asked with

let info = null; // what is in the library
const empty = el("div", { class: "empty", hidden: true });
main.append(el("h1", { class: "unseen" }, "Photos"), empty);
info = await get("/api/info").catch(failed);
const filters = new Filters(info?.kinds ?? {}, () => go(current()));
const trail = el("ol", { class: "trail", "aria-label": "The way here" });
const notes = el("ul", { class: "notes", "aria-live": "polite" });
const grid = new Grid({ open: openPhoto, pick: showPicked, more });
const selection = new Selection({ mark, none: () => grid.pickNone() });
const viewer = new Viewer({
  like,
  mark: (match, isGood) => mark([match], isGood),
  tag: (word) => { viewer.close(); go({ q: word }); },
  stepped: () => {},
  closed: (match) => grid.focus(grid.ids.indexOf(match.id)),
});
main.append(filters.node, trail, notes, empty, grid.node, grid.end);

// What is asked for: {q, like, space, and the filters}, as it stands in the address
const asked = () => Object.fromEntries(new URLSearchParams(location.search));
const current = () => ({ q: box.value.trim(), ...filters.values, ...(box.value.trim() || sent ? {} : likeOf(asked())) });
const likeOf = ({ like, space }) => (like ? { like, space } : {});

function go(parameters, way = []) {
  const address = `/?${query(parameters)}`;
  history.pushState({ way }, "", address === "/?" ? "/" : address);
  return load();
}

async function load() {
  const parameters = asked();
  filters.read(new URLSearchParams(location.search));
  box.value = parameters.q ?? "";
  if (parameters.like) setSent(null);
  shown = { parameters, k: STEP, isWhole: false };
  document.title = `${parameters.q || (parameters.like || sent ? "Like a photo" : "Photos")} · devise`;
  showTrail(parameters);
  await ask(true);
}

async function ask(isNew) {
  asking?.abort();
  const own = (asking = new AbortController());
  const wanted = shown;
  main.classList.toggle("busy", isNew);
  try {
    const found = await answer(wanted, own.signal);
    if (wanted !== shown) return;
    if (isNew) start(found);
    const fresh = grid.add(found.matches);
    wanted.isWhole = found.isWhole || (!isNew && !fresh);
    tell(found);
  } catch (error) {
    if (error.name === "AbortError" || wanted !== shown) return;
    wanted.isWhole = true;
    if (isNew) {
      start({});
      failed(error);
    } else toast(trouble(error));
  } finally {
    if (asking === own) {
      asking = null;
      main.classList.remove("busy");
    }
  }
}

function start() {
  grid.clear();
  grid.heatQuery = shown.parameters.like || sent ? "" : seenWords();
  notes.replaceChildren();
  empty.hidden = true;
  scrollTo(0, 0);
}

// Photos can be lit up by words alone
const seenWords = () => shown.parameters.q ?? "";

async function answer({ parameters, k }, signal) {
  const { q, like, space, ...where } = parameters;
  if (like || sent || q) {
    const found = like
      ? await get("/api/similar", { id: like, space, k, ...where }, signal)
      : sent
        ? await send(q ? "/api/search" : "/api/similar", { q, k, ...where }, sent.photo, signal)
        : await get("/api/search", { q, k, why: 1, ...where }, signal);
    const matches = found.matches.map((match) => ({ ...match, isScored: true }));
    return { ...found, matches, isWhole: matches.length < k || k >= info.max_k };
  }
  const start = grid.tiles.length && shown.k > STEP ? grid.tiles.length : 0;
  const found = await get("/api/photos", { k: STEP, start, ...where }, signal);
  return { matches: found.photos, notes: [], total: found.total, isWhole: found.photos.length < STEP };
}

function more() {
  if (!shown || shown.isWhole || asking || !grid.tiles.length) return;
  shown.k = Math.min(info.max_k, shown.k * 2);
  ask(false);
}

function tell(found) {
  const lines = found.notes.map((note) => el("li", {}, note.kind === "text_hint" ? named(note) : printable(note.text)));
  if (found.total !== undefined) {
    const isChosen = Object.keys(filters.values).length > 0;
    lines.push(el("li", {}, `${counted(found.total, "photo")}${isChosen ? " of that kind" : ""}`));
  }
  notes.replaceChildren(...lines);
  if (grid.tiles.length) return;
  const isBare = found.total === 0 && !Object.keys(filters.values).length;
  const what = isBare
    ? [el("h2", {}, "No photos yet"), el("p", {}, "Bring a folder in, then come back: ", el("code", {}, "devise index ~/Pictures"))]
    : [el("h2", {}, "Nothing found"), ...found.notes.filter((note) => note.kind === "nothing").map((note) => el("p", {}, printable(note.text)))];
  if (found.notes.some((note) => note.kind === "nothing")) notes.replaceChildren();
  if (found.notes.some((note) => note.reason === "probability"))
    what.push(el("button", { type: "button", class: "button main", onclick: () => go({ ...asked(), min_score: 0 }) }, "Show the nearest photos"));
  empty.replaceChildren(...what);
  empty.hidden = false;
}

// Photos that have a word in their names or captions: what the command line has --text for
function named({ word, num_photos: count }) {
  const has = `${counted(count, "photo")} ${count === 1 ? "has" : "have"} “${printable(word)}” in names or captions`;
  return el("a", { href: `/?text=${encodeURIComponent(word)}` }, has);
}

function failed(error) {
  if (!(error instanceof ApiError)) throw error;
  const isBare = error.status === 409 && !info?.library?.num_photos;
  empty.replaceChildren(el("h2", {}, printable(error.message)), error.remedy ? el("p", {}, isBare ? el("code", {}, printable(error.remedy.replace(/^run: /, ""))) : printable(error.remedy)) : "");
  empty.hidden = false;
  return null;
}

// The way that led here, from photo to photo; each step leads back

function showTrail({ like, space, q }) {
  const way = history.state?.way ?? [];
  const steps = way.map((step, at) => el("li", {}, el("a", { href: step.address, onclick: (event) => back(event, step, at) }, ...picture(step.id), printable(step.label))));
  if (like) steps.push(el("li", {}, ...picture(like), `${LIKE[space] ?? "is like"} this`));
  else if (way.length && q) steps.push(el("li", {}, q));
  trail.replaceChildren(...steps);
  trail.hidden = !steps.length;
}

const picture = (id) => (id ? [el("img", { src: `/thumbnails/${id}`, alt: "" })] : []);

function back(event, step, at) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState({ way: (history.state?.way ?? []).slice(0, at) }, "", step.address);
  load();
}

function like(match, space) {
  const { q, like: from, space: how, ...where } = asked();
  const label = from ? `${LIKE[how] ?? "is like"} this` : q ? q : sent ? "your photo" : "all photos";
  const way = [...(history.state?.way ?? []), { label, address: location.pathname + location.search, id: from }].slice(-8);
  viewer.close();
  setSent(null);
  go({ like: match.id, space, ...Object.fromEntries(Object.entries(where).filter(([name]) => name !== "min_score")) }, way);
}

// One photo

function openPhoto(at) {
  const isRead = info.read_only;
  const heatQuery = grid.heatQuery;
  viewer.open(grid.tiles.map((tile) => tile.match), at, { heatQuery, canMark: Boolean(heatQuery) && !isRead, spaces: info.spaces });
}

function showPicked() {
  const picked = grid.tiles.filter((tile) => grid.picked.has(tile.match.id)).map((tile) => tile.match);
  selection?.show(picked, Boolean(grid.heatQuery) && !info.read_only);
}

async function mark(matches, isGood) {
  try {
    await post("/api/mark", { query: shown.parameters.q, ids: matches.map((match) => match.id), mark: isGood ? "good" : "bad" });
  } catch (error) {
    toast(trouble(error));
    return;
  }
  if (!isGood) grid.drop(matches.map((match) => match.id));
  grid.pickNone();
  if (!isGood && viewer.isOpen) viewer.close();
  const which = matches.length === 1 ? nameOf(matches[0].path) : counted(matches.length, "photo");
  toast(`${which} ${matches.length === 1 ? "is" : "are"} ${isGood ? "good" : "no longer shown"}; later searches heed it`, {
    label: "Undo",
    run: () => remove("/api/mark").then(load),
  });
}

// A photo of the user's own: chosen, dropped or pasted

function setSent(photo) {
  if (sent) URL.revokeObjectURL(sent.address);
  sent = photo ? { photo, address: URL.createObjectURL(photo) } : null;
  byId("file").value = "";
  const chip = sent
    ? [
        el("img", { src: sent.address, alt: "The photo that you search with" }),
        el("button", { type: "button", "aria-label": "Search without this photo", onclick: () => { setSent(null); go(current()); } }, "×"),
      ]
    : [];
  byId("asked-photo").replaceChildren(...chip);
  box.placeholder = sent ? "and …" : "What do you look for?";
}

function searchWith(photo) {
  setSent(photo);
  go({ ...filters.values, q: "" });
}

byId("file").addEventListener("change", (event) => event.target.files[0] && searchWith(event.target.files[0]));
addEventListener("paste", (event) => {
  const photo = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
  if (photo) {
    event.preventDefault();
    searchWith(photo);
  }
});
let depth = 0;
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => carriesFiles(event) && document.body.classList.toggle("dropping", ++depth > 0));
addEventListener("dragleave", (event) => carriesFiles(event) && document.body.classList.toggle("dropping", --depth > 0));
addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  depth = 0;
  document.body.classList.remove("dropping");
  if (!carriesFiles(event)) return;
  event.preventDefault();
  if (event.dataTransfer.files[0]) searchWith(event.dataTransfer.files[0]);
});

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  go(current());
  box.blur();
});
box.addEventListener("search", () => box.value || asked().q === undefined || go(current())); // its own cross
addEventListener("popstate", () => {
  viewer.close();
  load();
});
keys((event, isTyping) => {
  if (event.key === "Escape" && !viewer.isOpen) {
    if (grid.picked.size) grid.pickNone();
    else if (document.activeElement === box && grid.tiles.length) grid.focus(0);
    else return false;
    return true;
  }
  if (!isTyping && !viewer.isOpen && event.key.startsWith("Arrow") && document.activeElement === document.body && grid.tiles.length) {
    grid.focus(0);
    return true;
  }
  return false;
});
listen(() => toast("Photos have come or gone", { label: "Show", run: load }));
if (info) load();
