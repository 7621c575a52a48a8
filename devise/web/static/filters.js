// Which photos are asked: folder, time, type, size and words, as controls and as parameters of the address.

import { byId, el, printable } from "./dom.js";
import { get } from "./api.js";

export const NAMES = ["in", "after", "before", "type", "larger", "text"];
const SIZES = [["", "Any size"], ["1MP", "1 MP or more"], ["5MP", "5 MP or more"], ["12MP", "12 MP or more"], ["24MP", "24 MP or more"], ["1MB", "1 MB or more"], ["10MB", "10 MB or more"]];

export class Filters {
  // changed: called when a control has another value
  constructor(kinds, changed) {
    this.controls = {
      in: el("select", {}, option("", "Everywhere")),
      after: el("input", { type: "date" }),
      before: el("input", { type: "date" }),
      type: el("select", {}, option("", "Any type"), Object.keys(kinds).map((kind) => option(kind, kind.toUpperCase()))),
      larger: el("select", {}, SIZES.map(([value, text]) => option(value, text))),
      text: el("input", { type: "text", placeholder: "garda, zug*", autocomplete: "off" }),
    };
    const labels = { in: "Folder", after: "Taken since", before: "Taken before", type: "Type", larger: "Size", text: "Words in names and captions" };
    const clear = el("button", { type: "button", class: "button", onclick: () => { this.read(new URLSearchParams()); changed(); } }, "Clear");
    this.node = el("div", { class: "filters", id: "filters", hidden: true, role: "group", "aria-label": "Filters" });
    this.node.append(...NAMES.map((name) => el("label", {}, labels[name], this.controls[name])), clear);
    this.node.addEventListener("change", changed);
    this.button = byId("filters-button");
    this.button.addEventListener("click", () => this.toggle(this.node.hidden));
  }

  async toggle(isShown) {
    this.node.hidden = !isShown;
    this.button.setAttribute("aria-expanded", String(isShown));
    if (isShown) await this.listFolders();
  }

  async listFolders() {
    if (this.areListed) return;
    this.areListed = true;
    const folders = await get("/api/folders").catch(() => []);
    const chosen = this.controls.in.value;
    const above = common(folders.map((folder) => folder.path));
    for (const { path, photos } of folders) {
      const shown = printable(path.slice(above.length).replace(/^\//, "")) || printable(path);
      if (path !== chosen) this.controls.in.append(option(path, `${shown} (${photos.toLocaleString("en")})`));
    }
  }

  get values() {
    return Object.fromEntries(NAMES.map((name) => [name, this.controls[name].value]).filter(([, value]) => value));
  }

  read(parameters) {
    for (const name of NAMES) {
      const value = parameters.get(name) ?? "";
      const control = this.controls[name];
      if (value && control.tagName === "SELECT" && ![...control.options].some((known) => known.value === value))
        control.append(option(value, printable(value)));
      control.value = value;
    }
    const count = Object.keys(this.values).length;
    byId("filters-count").hidden = !count;
    byId("filters-count").textContent = count;
  }
}

const option = (value, text) => el("option", { value }, text);

// The folder that all stand in
function common(paths) {
  if (paths.length < 2) return "";
  let above = paths[0];
  while (above && !paths.every((path) => path === above || path.startsWith(`${above}/`))) above = above.slice(0, above.lastIndexOf("/"));
  return above;
}
