// The fronts of several searches in one picture, each with its own colour and mark.

import { getJson } from "./api.js";
import { byId } from "./dom.js";
import { fixed, interval, metricName, ms, planWords } from "./format.js";
import { axis, Chart, stairs, tip } from "./theme.js";

const MARKS = ["circle", "diamond", "triangle", "rect", "pin", "roundRect"];
const LIGHT = ["#0a5fbf", "#a8480b", "#1c7245", "#8a4fbe", "#8c6a00", "#b02a5b"];
const DARK = ["#6db3ff", "#ffa766", "#6bd39a", "#cfa1f5", "#e6c34c", "#ff8fb4"];

const ids = byId("main").dataset.ids.split(",").filter(Boolean);

function options(data, c) {
  if (!data.some((one) => one.front.points.length)) return null;
  const palette = window.matchMedia("(prefers-color-scheme: dark)").matches && !window.matchMedia("print").matches ? DARK : LIGHT;
  const metric = metricName(data[0].front.metric);
  const series = data.flatMap(({ search, front, label }, place) => {
    const colour = palette[place % palette.length];
    const shared = { symbol: MARKS[place % MARKS.length], itemStyle: { color: colour, borderColor: c.surface, borderWidth: 1 } };
    const values = front.points.map((one) => ({ value: [one.latency.ms, one.metric], one }));
    const formatter = (event) => tip(label, `${fixed(event.data.one.metric)} ${metric} at ${ms(event.data.one.latency.ms)}`, interval(event.data.one.latency), planWords(event.data.one.plan), front.device ? front.device.name : "");
    return [
      stairs(label, values.map((one) => one.value), colour, 2),
      { name: label, type: "scatter", data: values, symbolSize: 9, ...shared, tooltip: { formatter },
        markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: colour, type: [6, 5], opacity: 0.7 }, label: { formatter: `${search.request.max_ms} ms`, color: colour }, data: [{ xAxis: search.request.max_ms }] } },
      { name: label, type: "scatter", silent: true, data: values.filter((one) => one.one.chosen).map((one) => one.value), symbolSize: 16, symbol: shared.symbol, itemStyle: { color: colour, borderColor: c.ink, borderWidth: 2 } },
    ];
  });
  return { grid: { top: 64 }, legend: { data: data.map((one, place) => ({ name: one.label, icon: MARKS[place % MARKS.length] })) }, xAxis: axis("latency in ms", c), yAxis: axis(metric, c, { nameGap: 36 }), series };
}

async function start() {
  const chart = new Chart("overlay", options, "None of these searches has a front yet.");
  const data = await Promise.all(ids.map(async (id) => {
    const [search, front] = await Promise.all([getJson(`/v1/searches/${id}`), getJson(`/v1/searches/${id}/front`)]);
    return { search, front, label: search.name || `${search.target} within ${search.request.max_ms} ms` };
  }));
  // names need not be unique, the ids' ends nearly are
  for (const one of data) one.twin = data.filter((other) => other.label === one.label).length > 1;
  for (const one of data) if (one.twin) one.label = `${one.label} (${one.search.id.slice(-4)})`;
  chart.update(data);
  byId("overlay-summary").textContent = data.map((one) => `${one.label}: ${one.front.points.length} plans`).join("; ");
}

if (byId("overlay-canvas")) start().catch((error) => { byId("overlay-none").textContent = error.message; });
