// One photo, large, with all that is known of it, and the ways that lead on from it.

import { get, query } from "./api.js";
import { copied, counted, el, folderOf, icon, nameOf, percent, printable } from "./dom.js";

const SPACES = { features: "Looks", words: "Meaning", colour: "Colours", hash: "Nearly the same", phash: "Nearly the same", grey: "Light and shade", code: "Pattern", bits: "Looks, in bits" };

export class Viewer {
  // on: like(match, space), tag(word), mark(match, isGood), closed(match); canMark: whether there is a query to judge
  constructor(on) {
    this.on = on;
    this.stage = el("div", { class: "stage" });
    this.panel = el("div", { class: "panel" });
    const close = el("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.close() }, icon("m5 5 10 10M15 5 5 15"));
    this.node = el("dialog", { class: "viewer", "aria-label": "Photo" }, close, this.stage, this.panel);
    this.node.addEventListener("close", () => this.on.closed(this.matches[this.at]));
    this.node.addEventListener("click", (event) => event.target === this.stage && this.close());
    this.node.addEventListener("keydown", (event) => this.key(event));
    document.body.append(this.node);
  }

  get isOpen() {
    return this.node.open;
  }

  open(matches, at, context) {
    Object.assign(this, { matches, at, context, isWarm: false });
    this.show();
    if (!this.node.open) this.node.showModal();
  }

  close() {
    if (this.node.open) this.node.close();
  }

  step(by) {
    const at = this.at + by;
    if (!this.matches[at]) return;
    this.at = at;
    this.isWarm = false;
    this.show();
    this.on.stepped(at);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
    const match = this.matches[this.at];
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "l") this.on.like(match, "features");
    else if (event.key === "w" && this.context.heatQuery) this.warm();
    else if (event.key === "g" && this.context.canMark) this.on.mark(match, true);
    else if (event.key === "b" && this.context.canMark) this.on.mark(match, false);
    else return;
    event.preventDefault();
  }

  show() {
    const match = this.matches[this.at];
    const name = nameOf(match.path);
    this.node.setAttribute("aria-label", name);
    this.picture(match, name);
    this.facts = el("div");
    this.tags = el("div", {});
    this.panel.replaceChildren(
      el("h2", {}, name),
      this.terms(match) ?? "",
      this.tags,
      this.facts,
      this.like(match),
      this.context.canMark ? this.judge(match) : "",
    );
    this.panel.scrollTop = 0;
    this.ask(match);
  }

  picture(match, name) {
    const image = el("img", { alt: name, src: this.isWarm ? `/photos/${match.id}/heat?${query({ q: this.context.heatQuery })}` : `/photos/${match.id}` });
    // Small ones grow, but not to a blur
    image.addEventListener("load", () => Object.assign(image.style, { maxWidth: `${2 * image.naturalWidth}px`, maxHeight: `${2 * image.naturalHeight}px` }));
    image.addEventListener("error", () => image.replaceWith(el("p", { class: "missing" }, "This photo is gone or cannot be read.")));
    this.stage.replaceChildren(image);
    if (this.at > 0) this.stage.append(this.stepper("previous", "The photo before", "M12 4 6 10l6 6", -1));
    if (this.at < this.matches.length - 1) this.stage.append(this.stepper("next", "The next photo", "m8 4 6 6-6 6", 1));
  }

  stepper(which, label, path, by) {
    return el("button", { type: "button", class: `step ${which}`, "aria-label": label, onclick: () => this.step(by) }, icon(path));
  }

  warm() {
    this.isWarm = !this.isWarm;
    this.show();
  }

  terms(match) {
    const found = match.terms ?? [];
    const total = match.probability;
    if (!found.length && total === undefined) return null;
    const lines = found.map((term) => {
      const text = term.weight < 0 ? `not ${printable(term.term)}` : printable(term.term);
      const value = term.probability ?? Math.max(0, term.score);
      return el("li", {}, el("span", {}, text), el("span", {}, percent(value)), el("meter", { value, max: 1, "aria-label": text }));
    });
    const why = this.context.heatQuery
      ? el("button", { type: "button", class: "button", "aria-pressed": String(this.isWarm), onclick: () => this.warm(), "aria-keyshortcuts": "w" }, "Where")
      : null;
    return el("section", {}, el("h3", {}, total === undefined ? "Why" : `${percent(total)} likely`), el("ul", { class: "terms" }, lines), why ? el("div", { class: "row spaced" }, why) : null);
  }

  like(match) {
    const spaces = this.context.spaces.filter((space) => space !== "classes");
    const buttons = spaces.map((space) =>
      el("button", { type: "button", class: "button", onclick: () => this.on.like(match, space) }, SPACES[space] ?? space),
    );
    return el("section", {}, el("h3", {}, "More like this"), el("div", { class: "row" }, buttons));
  }

  judge(match) {
    const button = (label, isGood, key) =>
      el("button", { type: "button", class: "button", "aria-keyshortcuts": key, onclick: () => this.on.mark(match, isGood) }, label);
    const asked = printable(this.context.heatQuery);
    return el("section", {}, el("h3", {}, `An answer to “${asked}”?`), el("div", { class: "row" }, button("Good", true, "g"), button("Bad", false, "b")));
  }

  async ask(match) {
    const isStill = () => this.matches[this.at] === match;
    const [info, tagged] = await Promise.allSettled([get(`/api/photos/${match.id}`), get("/api/tag", { id: match.id })]);
    if (!isStill()) return;
    if (info.status === "fulfilled") this.facts.replaceChildren(...this.known(info.value));
    const tags = tagged.status === "fulfilled" ? tagged.value[0].tags : [];
    if (!tags.length) return;
    const chips = tags.map((tag) =>
      el("button", { type: "button", class: "chip", onclick: () => this.on.tag(tag.word) }, tag.word, el("small", {}, percent(tag.probability ?? tag.score))),
    );
    this.tags.replaceChildren(el("section", {}, el("h3", {}, "Shows"), el("div", { class: "row" }, chips)));
  }

  known(info) {
    const rows = [];
    if (info.taken) rows.push(["Taken", info.taken.replace("T", ", ").slice(0, 17)]);
    const megapixels = info.pixels ? `${info.pixels < 1e5 ? counted(info.pixels, "pixel") : `${(info.pixels / 1e6).toFixed(1)} MP`}, ` : "";
    rows.push(["Size", `${megapixels}${info.size < 1e6 ? `${Math.ceil(info.size / 1000)} KB` : `${(info.size / 1e6).toFixed(1)} MB`}`]);
    if (info.kind) rows.push(["Type", info.kind.toUpperCase()]);
    rows.push(["Folder", folderOf(info.paths[0])]);
    if (info.paths.length > 1) rows.push(["Copies", counted(info.paths.length, "file")]);
    const list = el("dl", {}, rows.flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]));
    const paths = info.paths.join("\n");
    const actions = el(
      "div",
      { class: "row spaced" },
      el("button", { type: "button", class: "button", onclick: () => copied(paths, info.paths.length > 1 ? "Paths" : "Path") }, "Copy path"),
      el("a", { class: "button", href: `/photos/${info.id}/original`, target: "_blank", rel: "noopener" }, "Open the file"),
    );
    const captions = info.captions.length ? el("section", {}, el("h3", {}, "Says"), ...info.captions.map((line) => el("p", {}, printable(line)))) : null;
    return [el("section", {}, el("h3", {}, "File"), list, actions), captions].filter(Boolean);
  }
}
