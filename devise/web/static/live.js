// What goes on in the library while the page is open: indexing, photos that come and go.

import { byId, counted, el, toast, trouble } from "./dom.js";

const STAGES = { walking: "Looking through the folders", reading: "Reading photos", building: "Building the index" };

const SILENCE_MS = 2500; // of a server that is started again

// changed: called when photos have come or gone
export function listen(changed) {
  const events = new EventSource("/api/events");
  let isNews = false; // what is told first was so before
  let away = 0;
  let isAway = false;
  // It is asked again every few seconds; a short silence is not worth a word
  events.addEventListener("error", () => {
    away ||= setTimeout(() => {
      isAway = true;
      say("The server does not answer. Is devise serve still running?");
    }, SILENCE_MS);
  });
  events.addEventListener("open", () => {
    clearTimeout(away);
    away = 0;
    isNews = false;
    if (isAway) {
      byId("status").hidden = true;
      toast("The server answers again");
    }
    isAway = false;
  });
  events.addEventListener("index", (event) => {
    const state = JSON.parse(event.data);
    show(state);
    if (isNews && state.stage === "done") toast(said(state.report));
    if (isNews && state.stage === "failed") toast(trouble({ message: state.error.error, remedy: state.error.remedy }));
    isNews = true;
  });
  events.addEventListener("library", changed);
  addEventListener("pagehide", () => events.close());
}

function say(...what) {
  const status = byId("status");
  status.hidden = false;
  status.replaceChildren(...what);
}

function show(state) {
  if (!(state.stage in STAGES)) {
    byId("status").hidden = true;
    return;
  }
  const bar = el("progress", { "aria-label": STAGES[state.stage] });
  if (state.total) {
    bar.max = state.total;
    bar.value = state.done;
  }
  const many = state.total ? `${state.done.toLocaleString("en")} of ${state.total.toLocaleString("en")}` : state.done ? counted(state.done, "photo") : "";
  say(el("span", {}, [STAGES[state.stage], many].filter(Boolean).join(": ")), bar);
}

function said(report) {
  const parts = ["added", "updated", "moved", "removed"].filter((what) => report[what]).map((what) => `${report[what].toLocaleString("en")} ${what}`);
  if (report.skipped.length) parts.push(`${report.skipped.length} skipped`);
  return parts.join(", ") || "The library is up to date";
}
