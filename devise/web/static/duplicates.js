// Photos that are one picture: which to keep, why, and the paths of the others.

import { get } from "./api.js";
import { byId, copied, counted, el, folderOf, nameOf, printable, trouble } from "./dom.js";
import { plain } from "./frame.js";

const KINDS = { same: "The same picture", near: "Nearly the same", similar: "Alike" };
const main = byId("main");
const kind = el("select", { "aria-label": "Which duplicates" }, Object.entries({ same: "The same picture", near: "The same, and nearly the same", similar: "All that are alike" }).map(([value, text]) => el("option", { value }, text)));
kind.value = "near";
const told = el("p", { class: "soft", role: "status" });
let copies = []; // of the same picture, as devise duplicates --paths
let others = [];
const copyCopies = el("button", { type: "button", class: "button", hidden: true, onclick: () => copied(copies.join("\n"), "Paths") }, "Copy the paths of the copies");
const copyOthers = el("button", { type: "button", class: "button", hidden: true, onclick: () => copied(others.join("\n"), "Paths") }, "Copy the paths of all others");
const list = el("div", { class: "groups" });
kind.addEventListener("change", show);
main.append(el("h1", {}, "Duplicates"), told, el("div", { class: "filters inline spaced" }, el("label", {}, "Show", kind), copyCopies, copyOthers), list);
plain();
await show();

async function show() {
  told.textContent = "Comparing …";
  copyCopies.hidden = copyOthers.hidden = true;
  list.replaceChildren();
  try {
    const groups = await get("/api/duplicates", { up_to: kind.value });
    const paths = (some) => some.flatMap((group) => group.others.map((photo) => photo.path));
    [copies, others] = [paths(groups.filter((group) => group.kind === "same")), paths(groups)];
    const more = others.length - copies.length;
    const alike = more ? `, ${counted(more, "photo")} only ${kind.value === "near" ? "nearly the same" : "alike"}` : "";
    told.textContent = groups.length ? `${counted(groups.length, "group")}: ${counted(copies.length, "photo")} there again${alike}. Nothing is deleted here.` : "No photo is there twice.";
    copyCopies.hidden = !copies.length;
    copyOthers.hidden = !more;
    list.append(...groups.map(section));
  } catch (error) {
    told.textContent = trouble(error);
  }
}

function section(group) {
  const tile = (photo, isKept) =>
    el("li", { class: isKept ? "kept" : "" },
      el("a", { href: `/photos/${photo.id}/original`, target: "_blank", rel: "noopener", title: printable(photo.path) }, el("img", { src: `/thumbnails/${photo.id}`, alt: nameOf(photo.path), loading: "lazy" })),
      el("strong", {}, nameOf(photo.path)), el("span", { class: "path" }, isKept ? `Keep: ${printable(group.why)}` : folderOf(photo.path)));
  return el("section", {}, el("h2", {}, KINDS[group.kind] ?? group.kind), el("ul", { class: "strip", role: "list" }, tile(group.keep, true), group.others.map((photo) => tile(photo, false))));
}
