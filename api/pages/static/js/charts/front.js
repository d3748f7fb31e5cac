// Accuracy against latency. The canvas is a slider over the points of the front: arrow keys walk along it.

import { fixed, interval, ms, planWords, short } from "../format.js";
import { axis, Chart, inner, stairs, tip } from "../theme.js";

const ROLES = { chosen: "chosen by the search", knee: "knee: beyond it, more time buys least" };

export class FrontChart {
  constructor({ onSelect }) {
    this.onSelect = onSelect;
    this.selected = null;
    this.picked = false; // by hand; until then the best plan so far is shown
    this.showOutside = true;
    this.chart = new Chart("front", (data, c) => this.options(data, c), "The front appears with the first evaluated plans.");
    const canvas = this.chart.canvas;
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.chart.echart.on("click", (event) => {
      if (event.data && event.data.id && this.index(event.data.id) >= 0) this.select(event.data.id, true);
    });
  }

  get points() {
    return this.chart.data ? this.chart.data.points : [];
  }

  index(id) {
    return this.points.findIndex((point) => point.id === id);
  }

  update(data) {
    this.chart.data = data;
    if (!this.picked || this.index(this.selected) < 0) this.selected = this.best();
    this.select(this.selected, false);
  }

  best() {
    const data = this.chart.data;
    if (data.chosen && this.index(data.chosen) >= 0) return data.chosen;
    const last = (points) => (points.length ? points[points.length - 1].id : null);
    return last(data.points.filter((point) => point.meets === "yes")) || data.knee || last(data.points);
  }

  select(id, told) {
    this.selected = id;
    this.picked ||= told;
    this.chart.draw();
    const canvas = this.chart.canvas;
    const place = this.index(id);
    if (place >= 0) {
      const point = this.points[place];
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "slider");
      canvas.setAttribute("aria-valuemin", "1");
      canvas.setAttribute("aria-valuemax", String(this.points.length));
      canvas.setAttribute("aria-valuenow", String(place + 1));
      canvas.setAttribute("aria-valuetext", `${fixed(point.metric)} ${this.chart.data.metric_name} at ${ms(point.ms)}; ${planWords(point.plan)}`);
      canvas.setAttribute("aria-label", "Plans on the front, fastest first; arrow keys move between them");
    }
    this.onSelect(id, told);
  }

  key(event) {
    const last = this.points.length - 1;
    const here = this.index(this.selected);
    const goal = { ArrowRight: here + 1, ArrowUp: here + 1, ArrowLeft: here - 1, ArrowDown: here - 1, Home: 0, End: last }[event.key];
    if (goal === undefined || last < 0) return;
    event.preventDefault();
    const next = Math.min(Math.max(goal, 0), last);
    this.select(this.points[next].id, true);
    this.chart.echart.dispatchAction({ type: "showTip", seriesName: "Front", seriesIndex: this.frontSeries, dataIndex: next });
  }

  options(data, c) {
    const name = data.metric_name;
    if (!data.points.length && !data.trials.length) return null;
    const cloud = (feasible) => data.trials.filter((one) => one.feasible === feasible && one.ms !== null).map((one) => ({ value: [one.ms, one.metric], one, id: one.id }));
    const end = (one) => (one && one.metric !== null ? [{ value: [one.ms, one.metric], one, id: one.id }] : []);
    const points = data.points.map((one) => ({ value: [one.ms, one.metric, one.low_ms, one.high_ms], one, id: one.id }));
    const role = (one) => ROLES[one.id === data.chosen ? "chosen" : one.id === data.knee ? "knee" : ""];
    const trialTip = (event) => tip(`${fixed(event.data.one.metric)} ${name} at ${ms(event.data.one.ms)}`, planWords(event.data.one.plan), event.data.one.feasible ? "inside the budget" : "over the budget");
    const pointTip = (event) => {
      const one = event.data.one;
      return tip(`${fixed(one.metric)} ${name} at ${ms(one.ms)}`, planWords(one.plan), `${one.measured ? "measured" : "predicted"}, ${interval(one)}`, ...(role(one) ? [role(one)] : []));
    };
    const endTip = (label) => (event) => tip(`${label}: ${fixed(event.data.one.metric)} ${name} at ${ms(event.data.one.ms)}`, planWords(event.data.one.plan), interval(event.data.one));
    const budgets = [data.budget.min_ms, data.budget.max_ms].filter((value) => value !== null);
    const ring = (id, colour, size) => data.points.filter((one) => one.id === id).map((one) => ({ value: [one.ms, one.metric], symbolSize: size, itemStyle: { color: "transparent", borderColor: colour, borderWidth: 2 } }));
    const series = [
      ...(this.showOutside ? [{ name: "Over the budget", type: "scatter", data: cloud(false), symbolSize: 5, itemStyle: { color: c.outside }, tooltip: { formatter: trialTip }, z: 1 }] : []),
      { name: "Inside the budget", type: "scatter", data: cloud(true), symbolSize: 6, itemStyle: { color: c.inside }, tooltip: { formatter: trialTip }, z: 2 },
      stairs("Staircase", points.map((one) => one.value), c.front, 3),
      { name: "95 % interval", type: "custom", data: points, silent: true, z: 3, encode: { x: [0, 2, 3], y: 1 }, renderItem: bars(c.front), itemStyle: { color: c.front } },
      {
        name: "Front", type: "scatter", data: points, symbolSize: 8, z: 4, itemStyle: { color: c.front, borderColor: c.surface, borderWidth: 1 },
        tooltip: { formatter: pointTip },
        markLine: {
          silent: true, symbol: "none", animation: false, lineStyle: { color: c.budget, type: [6, 5], width: 1.5 },
          label: { formatter: (mark) => `${short(mark.value)} ms`, color: c.budget, position: "end", fontSize: 12 }, data: budgets.map((value) => ({ xAxis: value })),
        },
      },
      { name: "Sparsest", type: "scatter", symbol: "diamond", symbolSize: 13, data: end(data.floor), itemStyle: { color: c.floor, borderColor: c.surface, borderWidth: 1 }, tooltip: { formatter: endTip("Sparsest plan") }, z: 5 },
      { name: "Dense", type: "scatter", symbol: "diamond", symbolSize: 13, data: end(data.dense), itemStyle: { color: c.dense, borderColor: c.surface, borderWidth: 1 }, tooltip: { formatter: endTip("Dense plan") }, z: 5 },
      { name: "Knee", type: "scatter", silent: true, data: ring(data.knee, c.knee, 15), itemStyle: { color: c.knee }, z: 6 },
      { name: "Chosen", type: "scatter", silent: true, data: data.points.filter((one) => one.id === data.chosen).map((one) => ({ value: [one.ms, one.metric] })), symbolSize: 13, itemStyle: { color: c.front, borderColor: c.ink, borderWidth: 2 }, z: 7 },
      { name: "Selected", type: "scatter", silent: true, data: ring(this.selected, c.ink, 22), itemStyle: { color: c.ink }, z: 8 },
    ];
    this.frontSeries = series.findIndex((one) => one.name === "Front");
    const shown = ["Front", "Inside the budget", ...(this.showOutside ? ["Over the budget"] : []), "Chosen", "Knee", "Sparsest", "Dense"];
    return {
      grid: { top: this.chart.narrow ? 92 : 56, bottom: 12 },
      legend: { data: shown.map((one) => ({ name: one, icon: { Sparsest: "diamond", Dense: "diamond" }[one] || "circle" })) },
      xAxis: axis("latency in ms", c, { axisLabel: inner(c), min: (range) => low(range, budgets), max: (range) => high(range, budgets) }),
      yAxis: axis(name, c, { nameGap: 36 }),
      series,
    };
  }

  table() {
    const data = this.chart.data;
    const word = (one) => [one.id === data.chosen ? "chosen" : "", one.id === data.knee ? "knee" : ""].filter(Boolean).join(", ");
    const rows = data.points.map((one) => [fixed(one.ms), `${fixed(one.low_ms)} to ${fixed(one.high_ms)}`, one.measured ? "measured" : "predicted", fixed(one.metric), one.meets, word(one), planWords(one.plan)]);
    return [["ms", "95 % interval", "how", data.metric_name, "meets the budget", "role", "plan"], rows];
  }
}

const room = (range) => (range.max - range.min) * 0.05 || 1;
const low = (range, marks) => Number((Math.min(range.min, ...marks) - room(range)).toPrecision(3));
const high = (range, marks) => Number((Math.max(range.max, ...marks) + room(range)).toPrecision(3));

function bars(colour) {
  return (_, api) => {
    const [left, middle] = [api.coord([api.value(2), api.value(1)]), api.coord([api.value(3), api.value(1)])];
    const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour, lineWidth: 1.2 } });
    const y = left[1];
    if (!Number.isFinite(left[0]) || !Number.isFinite(middle[0])) return null;
    return { type: "group", children: [line(left[0], y, middle[0], y), line(left[0], y - 4, left[0], y + 4), line(middle[0], y - 4, middle[0], y + 4)] };
  };
}
