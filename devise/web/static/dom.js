// Elements from plain values. Texts become text nodes: nothing from the library is ever read as markup.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

export const icon = (path) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
};

export const nameOf = (path) => printable(path.slice(path.lastIndexOf("/") + 1));
export const folderOf = (path) => printable(path.slice(0, path.lastIndexOf("/")) || "/");

// Control characters and directions of writing would let a name pose as another one
export const printable = (text) =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]|[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff].)/g, "\ufffd");

// What is wrong and what to do, as a sentence
export function trouble({ message, remedy }) {
  const text = printable([message, remedy].filter(Boolean).join("; "));
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Never certain, and never nothing
export function percent(value) {
  if (value > 0 && value < 0.005) return "<1 %";
  return value >= 0.995 && value < 1 ? ">99 %" : `${Math.round(100 * value)} %`;
}

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

export function toast(text, action) {
  const shown = el("div", { class: "toast" }, el("span", {}, text));
  if (action) shown.append(el("button", { type: "button", onclick: () => { shown.remove(); action.run(); } }, action.label));
  byId("toasts").append(shown);
  setTimeout(() => shown.remove(), action ? 15000 : 5000);
}

export async function copied(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", { value: text, class: "offscreen" });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(`${what} copied`);
}
