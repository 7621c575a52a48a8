// The words that are true of most photos, each with a photo, to begin a search from.

import { get } from "./api.js";
import { byId, counted, el, printable, trouble } from "./dom.js";
import { plain } from "./frame.js";

plain();
const main = byId("main");
main.append(el("h1", {}, "Tags"), el("p", { class: "soft" }, "Looking at your photos …"));
try {
  const { words, looked_at: looked, photos } = await get("/api/tags");
  const which = looked < photos ? `${looked.toLocaleString("en")} of ${counted(photos, "photo")}, evenly chosen` : counted(photos, "photo");
  main.lastChild.textContent = words.length ? `What ${which} show.` : "Nothing is sure enough to be named.";
  const cards = words.slice(0, 200).map(({ word, photos: count, id }) =>
    el("li", {},
      el("a", { href: `/?q=${encodeURIComponent(word)}` },
        el("span", { class: "picture" }, id ? el("img", { src: `/thumbnails/${id}`, alt: "", loading: "lazy" }) : null),
        el("span", { class: "line" }, el("span", {}, printable(word)), el("small", {}, count.toLocaleString("en"))))));
  main.append(el("ul", { class: "words", role: "list" }, cards));
} catch (error) {
  main.lastChild.textContent = trouble(error);
}
