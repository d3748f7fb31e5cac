// The page of one search: listens to its events, and fetches again what they made stale, a little at a time.

import { actions } from "./actions.js";
import { getHtml, getJson, Problem, sendJson, Unreachable } from "./api.js";
import { FrontChart } from "./charts/front.js";
import { LatencyChart, ParallelChart, ProgressChart, StagesChart, WorkersChart } from "./charts/others.js";
import { Chooser } from "./chooser.js";
import { byId, copyButtons, localTimes, swap, table } from "./dom.js";
import { duration } from "./format.js";
import { Live } from "./live.js";
import { Selection } from "./selection.js";
import { Chart } from "./theme.js";

const main = byId("main");
const id = main.dataset.search;
const TERMINAL = ["succeeded", "stopped", "cancelled", "infeasible", "failed"];
const STALE = {
  state: ["live", "front"], condition: ["live"], prepared: ["live", "stages"], model: ["live", "latency"], measurement: ["live", "latency", "front"],
  trial: ["live", "progress", "workers", "parallel", "front", "trials"], front: ["front", "stages"], verify: ["latency", "front"], export: ["front"], attempt: ["live"],
  end: ["live", "front", "stages", "latency", "progress", "workers", "parallel", "trials"],
};
const PAUSE = { live: 1000, front: 2000, trials: 4000, stages: 4000 }; // ms between two fetches of the same part
const PHASES = { measure: "Measuring latency", evaluate: "Evaluating plans", verify: "Verifying the best plans by measurement", confirm: "Confirming the accuracy on unseen images" };

let state = main.dataset.state;
let trialQuery = new URLSearchParams();
const selection = new Selection({ search: id, target: main.dataset.target });
const chooser = new Chooser(id, (point) => { charts.front.select(point, true); byId("front-canvas").focus(); });
const charts = {
  front: new FrontChart({ onSelect: select }),
  stages: new StagesChart(),
  latency: new LatencyChart(),
  progress: new ProgressChart(),
  workers: new WorkersChart(),
  parallel: new ParallelChart(),
};

function select(point, told) {
  selection.show(point);
  if (!charts.stages) return; // while the charts are being made
  charts.stages.show(point);
  if (charts.stages.summary) byId("stages-summary").textContent = charts.stages.summary;
  charts.latency.show(point);
  if (told && point) window.history.replaceState(null, "", `#plan=${point}`);
}

const fetchers = {
  async live() {
    swap(byId("live"), await getHtml(`/searches/${id}?part=live`));
    const now = byId("state-chip").dataset.state;
    if (now !== state) changed(now);
  },
  async front() {
    const [front, plot] = await Promise.all([getJson(`/v1/searches/${id}/front`), getJson(`/v1/searches/${id}/plots/front.json`)]);
    selection.front = front;
    selection.ended = TERMINAL.includes(state);
    byId("plan-card").hidden = selection.ended && !front.points.length;
    show("front", { ...plot, points: front.points.map((point) => ({ ...point, ms: point.latency.ms, low_ms: point.latency.low_ms, high_ms: point.latency.high_ms, measured: point.latency.measured })), knee: front.knee, chosen: front.chosen });
    await chooser.update(front);
  },
  async stages() {
    selection.stages = await getJson(`/v1/searches/${id}/plots/stages.json`);
    show("stages", selection.stages);
    selection.show();
  },
  async trials() {
    swap(byId("trials"), await getHtml(`/searches/${id}?part=trials&${trialQuery}`));
  },
};
for (const name of ["latency", "progress", "workers", "parallel"]) fetchers[name] = async () => show(name, await getJson(`/v1/searches/${id}/plots/${name}.json`));

function show(name, data) {
  charts[name].update(data);
  byId(`${name}-summary`).textContent = charts[name].summary || data.summary;
  if (byId(`${name}-table`).parentElement.open) tabulate(name);
}

function tabulate(name) {
  if (!charts[name].chart.data && !charts[name].data) return;
  const [head, rows] = charts[name].table();
  byId(`${name}-table`).replaceChildren(table(head, rows, byId(`${name}-summary`).textContent));
}

// Fetching: a part is stale, and wanted when it is near the screen; never twice at once, never more often than its pause.
const parts = Object.fromEntries(Object.keys(fetchers).map((name) => [name, { stale: true, near: ["live", "front", "stages"].includes(name), busy: null, at: -Infinity }]));

let leaving = false;

async function refresh() {
  if (document.hidden || leaving) return;
  const now = performance.now();
  for (const [name, part] of Object.entries(parts)) {
    if (!part.stale || !part.near || part.busy || now - part.at < (PAUSE[name] || 2500)) continue;
    const busy = fetchers[name]()
      .catch((error) => failed(part, error))
      .finally(() => { part.busy = null; });
    Object.assign(part, { stale: false, busy, at: now });
  }
}

function failed(part, error) {
  part.stale = true; // the next turn tries again
  if (error.status === 404) window.location.reload(); // it was deleted: the service says so better
  if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
}

const stale = (names) => { for (const name of names) parts[name].stale = true; };

function changed(now) {
  state = now;
  Chart.ended = TERMINAL.includes(now);
  selection.ended = TERMINAL.includes(now);
  byId("announce").textContent = `The search is now ${byId("state-chip").textContent.trim().toLowerCase()}.`;
  stale(Object.keys(parts));
  if (selection.ended) selection.show();
  else if (live.ended) { live.ended = false; live.open(); }
}

const CONNECTION = { live: "Live", away: "Reconnecting", ended: "" };
const live = new Live(id, {
  onConnection(kind) {
    byId("connection").textContent = CONNECTION[kind];
    byId("connection").dataset.kind = kind;
    byId("connection").hidden = kind === "ended";
    if (kind === "live") stale(["live"]);
  },
  onEvent(name, data) {
    if (name === "progress") return progress(data);
    if (name === "snapshot" && data.state && data.state !== state) stale(["live"]);
    return stale(STALE[name] || []);
  },
});

function progress(data) {
  if (!byId("progress-bar")) return;
  byId("progress-words").textContent = `${PHASES[data.phase] || data.phase}: ${data.done} of ${data.total}`;
  byId("progress-eta").textContent = data.eta_s && data.done < data.total ? `about ${duration(data.eta_s)} left in this step` : "";
  byId("progress-bar").max = data.total || 1;
  byId("progress-bar").value = data.done;
}

// A fetch that found the search gone would reload this page while it goes to the list, so nothing is asked from before it is removed.
async function remove() {
  leaving = true;
  await Promise.allSettled(Object.values(parts).map((part) => part.busy));
  live.close();
  try {
    await sendJson("DELETE", `/v1/searches/${id}`);
  } catch (error) {
    leaving = false;
    if (!live.ended) live.open();
    throw error;
  }
  window.location.assign("/");
}

// What people do.
byId("show-outside").addEventListener("change", (event) => { charts.front.showOutside = event.target.checked; charts.front.chart.draw(); });
byId("latency-relative").addEventListener("change", (event) => { charts.latency.relative = event.target.checked; charts.latency.chart.draw(); });
byId("trial-kind").addEventListener("change", (event) => { trialQuery = new URLSearchParams({ trials: event.target.value }); fetchers.trials(); });
byId("trials").addEventListener("click", (event) => {
  const link = event.target.closest("[data-trials]");
  if (!link) return;
  event.preventDefault();
  trialQuery = new URLSearchParams({ trials: byId("trial-kind").value });
  if (link.dataset.trials) trialQuery.set("page_token", link.dataset.trials);
  fetchers.trials();
});
for (const details of document.querySelectorAll("[data-plot] details")) details.addEventListener("toggle", () => details.open && tabulate(details.closest("[data-plot]").dataset.plot));
window.addEventListener("beforeprint", () => Object.keys(fetchers).forEach((name) => { parts[name].near = true; }));
const watcher = new IntersectionObserver((entries) => { for (const entry of entries) parts[entry.target.dataset.plot || "trials"].near ||= entry.isIntersecting; refresh(); }, { rootMargin: "400px" });
for (const card of document.querySelectorAll("[data-plot]")) watcher.observe(card);
parts.trials.near = true;
parts.trials.stale = false; // it came with the page
parts.live.stale = false;

actions(async (asked) => {
  if (asked === "delete") return remove();
  await sendJson("POST", `/v1/searches/${id}/${asked}`);
  stale(["live"]);
  return refresh();
});
copyButtons();
localTimes(document);
charts.front.selected = new URLSearchParams(window.location.hash.slice(1)).get("plan");
charts.front.picked = Boolean(charts.front.selected);
Chart.ended = TERMINAL.includes(state);
window.setInterval(refresh, 300);
document.addEventListener("visibilitychange", refresh);
refresh();
if (TERMINAL.includes(state)) live.ended = true;
else live.open();
