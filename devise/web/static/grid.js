// A justified grid: rows of equal height, photos in their own shape, small pictures loaded when they come near.

import { el, nameOf, percent, printable } from "./dom.js";

const GAP = 6;
const USUAL = 1.5; // width to height of a photo that nobody has seen yet
const HOVER_MS = 350; // before the heat is asked for: a mouse that passes by asks for nothing

export class Grid {
  // on: open(at), pick(), more(): what happens when a photo is opened, picked, or the end comes near
  constructor(on) {
    this.on = on;
    this.node = el("div", { class: "grid" });
    this.end = el("div", { class: "end", "aria-hidden": "true" });
    this.tiles = [];
    this.ratios = new Map();
    this.picked = new Set();
    this.heatQuery = "";
    this.waiting = 0;
    new ResizeObserver(() => this.layOut()).observe(this.node);
    new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.on.more(), {
      rootMargin: "1200px",
    }).observe(this.end);
    this.node.addEventListener("keydown", (event) => this.key(event));
  }

  clear() {
    this.tiles = [];
    this.picked.clear();
    this.node.replaceChildren();
    this.list = null;
    this.on.pick();
  }

  get ids() {
    return this.tiles.map((tile) => tile.match.id);
  }

  // matches: what the API answers; those that stand there already are left out
  add(matches) {
    const known = new Set(this.ids);
    const fresh = matches.filter((match) => !known.has(match.id));
    for (const match of fresh) {
      const isCertain = match.certain !== false;
      if (!this.list || this.list.isCertain !== isCertain) {
        if (!isCertain) this.node.append(el("h2", { class: "apart" }, "Less certain"));
        const list = el("ul", { class: isCertain ? "tiles" : "tiles less", role: "list" });
        this.node.append(list);
        this.list = { node: list, isCertain };
      }
      const tile = this.tile(match);
      tile.list = this.list.node;
      this.tiles.push(tile);
      this.list.node.append(tile.node);
    }
    if (this.tiles.length) this.tiles[0].open.tabIndex = 0;
    this.layOut();
    return fresh.length;
  }

  tile(match) {
    const name = nameOf(match.path);
    const score = match.probability ?? (match.isScored ? match.score : undefined);
    const shown = score === undefined ? null : el("span", { class: "score" }, percent(Math.max(0, Math.min(1, score))));
    const image = el("img", { alt: name, loading: "lazy", decoding: "async", src: `/thumbnails/${match.id}` });
    const open = el("button", { type: "button", class: "open", tabIndex: -1, title: printable(match.path) }, image, shown);
    if (shown) open.setAttribute("aria-label", `${name}, ${shown.textContent}`);
    const box = el("input", { type: "checkbox", tabIndex: -1, "aria-label": `Select ${name}` });
    const node = el("li", { class: "tile" }, open, el("label", { class: "pick" }, box));
    const tile = { match, node, open, box, image };
    image.addEventListener("load", () => {
      node.classList.add("loaded");
      this.ratios.set(match.id, image.naturalWidth / image.naturalHeight);
      this.soon();
    });
    image.addEventListener("error", () => {
      node.classList.add("gone");
      open.append(el("span", { class: "missing" }, name, el("br"), "is gone or cannot be read"));
      image.remove();
    });
    open.addEventListener("click", (event) => {
      if (event.shiftKey || event.ctrlKey || event.metaKey || this.picked.size) this.pick(tile, !box.checked);
      else this.on.open(this.tiles.indexOf(tile));
    });
    // A long press on a screen that is touched
    open.addEventListener("contextmenu", (event) => {
      if (event.pointerType !== "touch") return;
      event.preventDefault();
      this.pick(tile, true);
    });
    box.addEventListener("change", () => this.pick(tile, box.checked));
    node.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.warm(tile));
    node.addEventListener("pointerleave", () => this.cool(tile));
    return tile;
  }

  // Where the photo shows what was asked for
  warm(tile) {
    if (!this.heatQuery || tile.heat) return;
    tile.timer = setTimeout(() => {
      if (!this.heatQuery || !tile.node.isConnected) return;
      tile.heat = el("img", { class: "heat", alt: "", src: `/photos/${tile.match.id}/heat?q=${encodeURIComponent(this.heatQuery)}` });
      tile.heat.addEventListener("load", () => tile.heat?.classList.add("loaded"));
      tile.heat.addEventListener("error", () => this.cool(tile));
      tile.open.append(tile.heat);
    }, HOVER_MS);
  }

  cool(tile) {
    clearTimeout(tile.timer);
    tile.heat?.remove();
    tile.heat = null;
  }

  pick(tile, isPicked) {
    tile.box.checked = isPicked;
    tile.node.classList.toggle("picked", isPicked);
    if (isPicked) this.picked.add(tile.match.id);
    else this.picked.delete(tile.match.id);
    this.node.classList.toggle("picking", this.picked.size > 0);
    this.on.pick();
  }

  pickNone() {
    for (const tile of this.tiles) if (tile.box.checked) this.pick(tile, false);
  }

  drop(ids) {
    const gone = new Set(ids);
    for (const tile of this.tiles) if (gone.has(tile.match.id)) tile.node.remove();
    this.tiles = this.tiles.filter((tile) => !gone.has(tile.match.id));
    this.layOut();
  }

  soon() {
    this.waiting ||= requestAnimationFrame(() => this.layOut());
  }

  layOut() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    const width = this.node.clientWidth;
    if (!width) return;
    const height = width < 500 ? 130 : width < 900 ? 180 : 230;
    const lists = Map.groupBy ? Map.groupBy(this.tiles, (tile) => tile.list) : grouped(this.tiles);
    for (const tiles of lists.values()) this.rows(tiles, width, height);
  }

  rows(tiles, width, wanted) {
    let row = [];
    let sum = 0;
    const put = (height) => {
      for (const { node, ratio } of row) {
        node.style.width = `${Math.floor(ratio * height * 100) / 100}px`;
        node.style.height = `${height}px`;
      }
      row = [];
      sum = 0;
    };
    for (const tile of tiles) {
      const ratio = Math.max(0.45, Math.min(3, this.ratios.get(tile.match.id) ?? USUAL));
      row.push({ node: tile.node, ratio });
      sum += ratio;
      const height = (width - GAP * (row.length - 1) - 0.5) / sum;
      if (height <= wanted * 1.12) put(height);
    }
    if (row.length) put(Math.min(wanted, (width - GAP * (row.length - 1) - 0.5) / sum));
  }

  focus(at) {
    const tile = this.tiles[at];
    if (!tile) return;
    for (const other of this.tiles) other.open.tabIndex = other === tile ? 0 : -1;
    tile.open.focus();
    tile.node.scrollIntoView({ block: "nearest" });
  }

  // Arrows go to the neighbours as they stand, Home and End to the first and the last, x and space pick
  key(event) {
    const at = this.tiles.findIndex((tile) => tile.open === document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: this.tiles.length - 1 };
    if (event.key in steps) this.focus(steps[event.key]);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.focus(this.across(at, event.key === "ArrowDown" ? 1 : -1));
    else if (event.key === "x" || event.key === " ") this.pick(this.tiles[at], !this.tiles[at].box.checked);
    else return;
    event.preventDefault();
  }

  // The tile of the row above or below whose middle is nearest
  across(at, direction) {
    const here = this.tiles[at].node.getBoundingClientRect();
    let best = at;
    let least = Infinity;
    for (let other = at + direction; this.tiles[other]; other += direction) {
      const there = this.tiles[other].node.getBoundingClientRect();
      const rows = (direction * (there.top - here.top)) / here.height;
      if (rows < 0.5) continue;
      if (rows > 2.5) break;
      const away = Math.abs(there.left + there.width / 2 - here.left - here.width / 2) + 1e4 * Math.floor(rows - 0.2);
      if (away < least) [best, least] = [other, away];
    }
    return best;
  }
}

function grouped(tiles) {
  const lists = new Map();
  for (const tile of tiles) lists.set(tile.list, [...(lists.get(tile.list) ?? []), tile]);
  return lists;
}
