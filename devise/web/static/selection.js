// What can be done with the photos that are picked: their paths, a table, an archive, a judgement.

import { copied, counted, el } from "./dom.js";

export class Selection {
  // on: mark(matches, isGood), none()
  constructor(on) {
    this.count = el("strong", { role: "status" });
    const button = (text, run) => el("button", { type: "button", class: "button", onclick: run }, text);
    this.judging = [button("Good", () => on.mark(this.matches, true)), button("Bad", () => on.mark(this.matches, false))];
    this.node = el(
      "div",
      { class: "picked-bar", hidden: true, role: "toolbar", "aria-label": "Picked photos" },
      this.count,
      button("Copy paths", () => copied(this.matches.map((match) => match.path).join("\n"), "Paths")),
      button("CSV", () => saved(table(this.matches), "photos.csv", "text/csv")),
      button("Zip", () => this.zip()),
      this.judging,
      button("Clear", on.none),
    );
    document.body.append(this.node);
  }

  show(matches, canMark) {
    this.matches = matches;
    this.node.hidden = !matches.length;
    this.count.textContent = counted(matches.length, "photo");
    for (const button of this.judging) button.hidden = !canMark;
  }

  zip() {
    const link = el("a", { href: `/api/zip?ids=${this.matches.map((match) => match.id).join(",")}`, download: "photos.zip" });
    document.body.append(link);
    link.click();
    link.remove();
  }
}

// As devise search --csv; spreadsheets must not take a name for a formula
function table(matches) {
  const cell = (text) => (/[",\r\n]|^[=+\-@\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = matches.map((match) => `${cell(match.path)},${match.score === undefined ? "" : match.score.toFixed(6)}`);
  return ["path,score", ...lines].join("\n") + "\n";
}

function saved(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
