// What goes on in the library while the page is open: indexing, photos that come and go.

import { byId, counted, el, toast } from "./dom.js";

const STAGES = { walking: "Looking through the folders", reading: "Reading photos", building: "Building the index" };

// changed: called when photos have come or gone
export function listen(changed) {
  const events = new EventSource("/api/events");
  let stage = "idle";
  events.addEventListener("index", (event) => {
    const state = JSON.parse(event.data);
    show(state);
    if (stage in STAGES && state.stage === "done") toast(said(state.report));
    if (stage in STAGES && state.stage === "failed") toast(`${state.error.error}; ${state.error.remedy}`);
    stage = state.stage;
  });
  events.addEventListener("library", changed);
  addEventListener("pagehide", () => events.close());
}

function show(state) {
  const status = byId("status");
  status.hidden = !(state.stage in STAGES);
  if (status.hidden) return;
  const bar = el("progress", { "aria-label": STAGES[state.stage] });
  if (state.total) {
    bar.max = state.total;
    bar.value = state.done;
  }
  const many = state.total ? `${state.done.toLocaleString("en")} of ${state.total.toLocaleString("en")}` : state.done ? counted(state.done, "photo") : "";
  status.replaceChildren(el("span", {}, [STAGES[state.stage], many].filter(Boolean).join(": ")), bar);
}

function said(report) {
  const parts = ["added", "updated", "moved", "removed"].filter((what) => report[what]).map((what) => `${report[what].toLocaleString("en")} ${what}`);
  if (report.skipped.length) parts.push(`${report.skipped.length} skipped`);
  return parts.join(", ") || "The library is up to date";
}
