// What is in the library, a button that brings it up to date, and the files that could not be read.

import { get, post } from "./api.js";
import { byId, counted, el, folderOf, nameOf, printable, toast, trouble } from "./dom.js";
import { plain } from "./frame.js";

const main = byId("main");
plain(show);
await show();

async function show() {
  try {
    const [info, skipped] = await Promise.all([get("/api/info"), get("/api/skipped").catch(() => [])]);
    main.replaceChildren(...(info.library.exists ? [...overview(info), ...unread(skipped)] : missing(info)));
  } catch (error) {
    main.replaceChildren(el("h1", {}, "Library"), el("p", {}, trouble(error)));
  }
}

function missing({ library }) {
  return [
    el("section", {},
      el("h1", {}, "Library"),
      el("p", { class: "soft" }, printable(library.path)),
      el("p", { class: "spaced" }, "There is no library yet. Bring a folder in, then come back: ", el("code", {}, "devise index ~/Pictures"))),
  ];
}

function overview({ library, kinds, read_only: isReadOnly }) {
  const fact = (number, what) => el("div", {}, el("strong", {}, number), el("span", { class: "soft" }, what));
  const types = Object.entries(kinds).map(([kind, count]) => `${count.toLocaleString("en")} ${kind.toUpperCase()}`);
  const update = el("button", { type: "button", class: "button main", onclick: () => post("/api/index").catch(told) }, "Bring it up to date");
  return [
    el("section", {},
      el("h1", {}, "Library"),
      el("p", { class: "soft" }, printable(library.path)),
      el("div", { class: "cards" },
        fact(library.num_photos.toLocaleString("en"), library.num_photos === 1 ? "photo" : "photos"),
        fact(library.num_contents.toLocaleString("en"), "different ones"),
        fact(`${(library.num_bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`, "on the disk"),
        fact(library.model?.name ?? "none", "model")),
      types.length ? el("p", { class: "soft" }, types.join(", ")) : null,
      isReadOnly ? null : el("div", { class: "row spaced" }, update)),
    el("section", {},
      el("h2", {}, counted(library.roots.length, "folder")),
      el("ul", { class: "list spaced" }, library.roots.map((root) => el("li", {}, el("a", { href: `/?in=${encodeURIComponent(root)}` }, printable(root)))))),
  ];
}

function unread(skipped) {
  if (!skipped.length) return [el("section", {}, el("h2", {}, "Skipped files"), el("p", { class: "soft" }, "All files could be read."))];
  const lines = skipped.slice(0, 1000).map(({ path, reason }) =>
    el("li", {}, el("strong", {}, nameOf(path)), el("span", {}, printable(reason)), el("span", { class: "path" }, folderOf(path))));
  const more = skipped.length > lines.length ? el("p", { class: "soft" }, `and ${(skipped.length - lines.length).toLocaleString("en")} more; devise index --json lists all`) : null;
  return [el("section", {}, el("h2", {}, counted(skipped.length, "skipped file")), el("ul", { class: "list spaced" }, lines), more)];
}

const told = (error) => toast(trouble(error));
