// What all pages share: the search box, its key, and what is told of indexing.

import { byId } from "./dom.js";
import { listen } from "./live.js";

const isTyping = (target) => /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && !["checkbox", "button", "file"].includes(target.type);

export function keys(pressed = () => false) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && !isTyping(event.target) && !document.querySelector("dialog[open]")) {
      byId("q").focus();
      byId("q").select();
      event.preventDefault();
    } else if (pressed(event, isTyping(event.target))) event.preventDefault();
  });
}

// A page without photos to search among
export function plain(changed = () => {}) {
  byId("main").classList.add("narrow");
  byId("filters-button").hidden = true;
  byId("file").parentElement.hidden = true;
  keys();
  listen(changed);
}
