// The smaller charts. Each: options(data, colours) for ECharts, and the same numbers as table(data) -> [head, rows].

import { fixed, ms, planWords, short } from "../format.js";
import { axis, Chart, inner, tip } from "../theme.js";

const ROLE = { chosen: "Chosen", floor: "Sparsest", dense: "Dense", finalist: "Finalist", selected: "Selected" };

export class StagesChart {
  constructor() {
    this.selected = null;
    this.chart = new Chart("stages", (data, c) => this.options(data, c), "The knobs appear as soon as the target is open.");
  }

  update(data) { this.chart.update(data); }

  show(id) {
    this.selected = id;
    this.chart.draw();
  }

  // which plan is shown changes with the selection, so the sentence is made here
  get summary() {
    const plan = this.chart.data && this.plan(this.chart.data);
    return plan ? `${{ chosen: "The chosen plan", floor: "The sparsest plan", dense: "The dense plan" }[plan.role] || "The selected plan"}: ${planWords(plan.plan)}.` : "";
  }

  plan(data) {
    const roles = ["chosen", "front", "dense"];
    return data.plans.find((one) => one.id === this.selected) || roles.map((role) => data.plans.find((one) => one.role === role)).find(Boolean);
  }

  options(data, c) {
    const plan = this.plan(data);
    if (!plan) return null;
    const label = (place) => (plan.kept[place] === null ? `${plan.values[place]}` : `${plan.values[place]}, ${plan.kept[place]} of ${data.knobs[place].counts[0]}`);
    return {
      legend: { show: false },
      grid: { top: 8, right: 120, left: 4 },
      xAxis: axis("share of the knob's range", c, { min: 0, max: 1, scale: false, axisLabel: { color: c.soft, formatter: (value) => (value === 0 ? "dense" : value === 1 ? "sparsest" : short(value)) } }),
      yAxis: { type: "category", inverse: true, data: data.knobs.map((knob) => knob.name), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: c.ink } },
      series: [{
        name: "Sparsity", type: "bar", barWidth: "62%", data: plan.share.map((share, place) => ({ value: share, place })), showBackground: true, backgroundStyle: { color: c.tint, borderRadius: 4 },
        itemStyle: { color: c.front, borderRadius: 4 }, label: { show: true, position: [0, 0], formatter: "" },
        markPoint: {
          symbol: "rect", symbolSize: 0.001, silent: true, animation: false, label: { show: true, position: "right", distance: 8, color: c.soft, fontSize: 12, align: "left" },
          data: plan.share.map((_, place) => ({ coord: [1, place], label: { formatter: label(place) } })),
        },
        tooltip: { formatter: (event) => tip(data.knobs[event.data.place].name, label(event.data.place)) },
      }],
    };
  }

  table() {
    const data = this.chart.data;
    const plan = this.plan(data);
    const rows = plan ? data.knobs.map((knob, place) => [knob.name, plan.values[place], plan.kept[place] === null ? "-" : `${plan.kept[place]} of ${knob.counts[0]}`]) : [];
    return [["knob", "value", "keeps"], rows];
  }
}

export class LatencyChart {
  constructor() {
    this.selected = null;
    this.relative = false;
    this.chart = new Chart("latency", (data, c) => this.options(data, c), "Distributions appear with the first measurements.");
  }

  update(data) { this.chart.update(data); }

  show(id) {
    this.selected = id;
    this.chart.draw();
  }

  options(data, c) {
    if (!data.series.length) return null;
    const colour = { chosen: c.front, floor: c.floor, dense: c.dense, finalist: c.inside, selected: c.knee };
    const named = data.series.map((one) => ({ ...one, role: one.role === "finalist" && one.id === this.selected ? "selected" : one.role }));
    const scaled = (one, at) => (this.relative ? (100 * at) / one.ms : at);
    const ends = data.series.flatMap((one) => [scaled(one, one.ecdf[0][0]), scaled(one, one.p99_ms)]);
    if (!this.relative) ends.push(data.budget.max_ms);
    const space = (Math.max(...ends) - Math.min(...ends)) * 0.04 || 1;
    const seen = new Set();
    const series = [...named].reverse().map((one) => ({
      name: ROLE[one.role], type: "line", step: "end", showSymbol: false, symbolSize: 7, data: [[scaled(one, one.ecdf[0][0]), 0], ...one.ecdf.map(([at, share]) => [scaled(one, at), 100 * share])], sampling: "lttb",
      lineStyle: { color: colour[one.role], width: one.role === "finalist" ? 1 : 2.25, opacity: one.role === "finalist" ? 0.6 : 1 }, itemStyle: { color: colour[one.role] },
      tooltip: { formatter: () => tip(`${ROLE[one.role]}: median ${ms(one.ms)}`, `90 %: ${ms(one.p90_ms)}, 95 %: ${ms(one.p95_ms)}, 99 %: ${ms(one.p99_ms)}`, `${one.samples} forwards in ${one.blocks} blocks`, planWords(one.plan), ...one.flags) },
      triggerLineEvent: true, z: one.role === "finalist" ? 2 : 3,
    }));
    if (!this.relative) series[0].markLine = { silent: true, symbol: "none", animation: false, lineStyle: { color: c.budget, type: [6, 5], width: 1.5 }, label: { formatter: `${short(data.budget.max_ms)} ms`, color: c.budget }, data: [{ xAxis: data.budget.max_ms }] };
    const names = named.map((one) => ROLE[one.role]).filter((name) => !seen.has(name) && seen.add(name));
    return {
      legend: { data: names.map((name) => ({ name, icon: "roundRect" })) },
      grid: { top: this.chart.narrow ? 72 : 48 },
      xAxis: axis(this.relative ? "latency in % of the plan's own median" : "latency of one batch in ms", c, { axisLabel: inner(c), min: Number((Math.min(...ends) - space).toPrecision(4)), max: Number((Math.max(...ends) + space).toPrecision(4)) }),
      yAxis: axis("forwards at most this slow, %", c, { min: 0, max: 100, nameGap: 36 }),
      series,
    };
  }

  table() {
    const rows = this.chart.data.series.map((one) => [ROLE[one.role], fixed(one.ms), `${fixed(one.low_ms)} to ${fixed(one.high_ms)}`, fixed(one.p90_ms), fixed(one.p95_ms), fixed(one.p99_ms), one.samples, one.flags.join("; ") || "none", planWords(one.plan)]);
    return [["plan", "median ms", "95 % interval", "p90", "p95", "p99", "forwards", "doubts", "settings"], rows];
  }
}

export class ProgressChart {
  constructor() {
    this.chart = new Chart("progress", (data, c) => this.options(data, c), "No trial has finished yet.");
  }

  update(data) { this.chart.update(data); }

  options(data, c) {
    if (!data.steps.length) return null;
    const dots = (feasible) => data.steps.filter((one) => one.feasible === feasible).map((one) => ({ value: [one.trial, one.metric], one }));
    const formatter = (event) => tip(`Trial ${event.data.one.trial}`, `${fixed(event.data.one.metric)} ${data.metric_name}`, event.data.one.feasible ? "inside the budget" : "over the budget");
    return {
      grid: { top: this.chart.narrow ? 72 : 48, right: 30 },
      legend: { data: ["Best inside the budget", "Inside the budget", "Over the budget", "Hypervolume"].map((name) => ({ name, icon: name === "Hypervolume" || name.startsWith("Best") ? "roundRect" : "circle" })) },
      xAxis: axis("trial", c, { minInterval: 1 }),
      yAxis: [axis(data.metric_name, c, { nameGap: 36 }), axis("hypervolume, %", c, { min: 0, max: 100, scale: false, splitLine: { show: false }, nameGap: 36 })],
      series: [
        { name: "Over the budget", type: "scatter", data: dots(false), symbolSize: 5, itemStyle: { color: c.outside }, tooltip: { formatter } },
        { name: "Inside the budget", type: "scatter", data: dots(true), symbolSize: 6, itemStyle: { color: c.inside }, tooltip: { formatter } },
        { name: "Hypervolume", type: "line", yAxisIndex: 1, showSymbol: false, silent: true, data: data.steps.map((one) => [one.trial, 100 * one.hypervolume]), lineStyle: { color: c.knee, width: 1.25, type: [4, 3] }, itemStyle: { color: c.knee } },
        { name: "Best inside the budget", type: "line", step: "end", showSymbol: false, silent: true, data: data.steps.map((one) => [one.trial, one.best]), lineStyle: { color: c.front, width: 2.25 }, itemStyle: { color: c.front } },
      ],
    };
  }

  table() {
    const rows = this.chart.data.steps.slice(-200).map((one) => [one.trial, fixed(one.metric), one.feasible ? "inside" : "over", fixed(one.best), `${fixed(100 * one.hypervolume, 1)} %`]);
    return [["trial", this.chart.data.metric_name, "budget", "best so far", "hypervolume"], rows];
  }
}

export class WorkersChart {
  constructor() {
    this.chart = new Chart("workers", (data, c) => this.options(data, c), "No trial has run yet.");
  }

  update(data) { this.chart.update(data); }

  options(data, c) {
    if (!data.bars.length) return null;
    const lanes = Array.from({ length: data.lanes }, (_, place) => String(place + 1));
    const end = Math.max(...data.bars.map((one) => one.end_s), 0.001);
    const kinds = [["Finished", (one) => one.state !== "failed", c.front], ["Failed", (one) => one.state === "failed", c.bad]];
    return {
      grid: { top: 40 },
      legend: { data: kinds.filter(([, fits]) => data.bars.some(fits)).map(([name]) => ({ name, icon: "roundRect" })) },
      xAxis: axis("seconds since the first trial", c, { min: 0, max: Number((end * 1.01).toPrecision(3)), scale: false, axisLabel: inner(c) }),
      yAxis: { type: "category", data: lanes, inverse: true, name: "lane", nameLocation: "middle", nameGap: 26, nameTextStyle: { color: c.soft }, axisLine: { lineStyle: { color: c.strong } }, axisTick: { show: false }, axisLabel: { color: c.soft }, splitLine: { show: false } },
      series: kinds.map(([name, fits, colour]) => ({
        name, type: "custom", itemStyle: { color: colour }, encode: { x: [1, 2], y: 0 }, data: data.bars.filter(fits).map((one) => ({ value: [one.lane, one.start_s, one.end_s], one })), renderItem: bar(c.surface),
        tooltip: { formatter: (event) => tip(`Trial ${event.data.one.number}`, `${fixed(event.data.one.end_s - event.data.one.start_s, 2)} s, from ${fixed(event.data.one.start_s, 1)} s`, event.data.one.state, event.data.one.attempts > 1 ? `${event.data.one.attempts} tries` : "first try") },
      })),
    };
  }

  table() {
    const rows = this.chart.data.bars.slice(-200).map((one) => [one.number, one.lane + 1, fixed(one.start_s, 2), fixed(one.end_s, 2), one.state, one.attempts]);
    return [["trial", "lane", "start s", "end s", "state", "tries"], rows];
  }
}

function bar(edge) {
  return (params, api) => {
    const [left, right] = [api.coord([api.value(1), api.value(0)]), api.coord([api.value(2), api.value(0)])];
    const height = Math.min(api.size([0, 1])[1] * 0.6, 34);
    const shape = { x: left[0], y: left[1] - height / 2, width: Math.max(right[0] - left[0], 1.5), height };
    return { type: "rect", shape, style: { fill: api.visual("color"), stroke: edge, lineWidth: shape.width > 4 ? 1 : 0 } };
  };
}

export class ParallelChart {
  constructor() {
    this.chart = new Chart("parallel", (data, c) => this.options(data, c), "Plans appear as soon as they are evaluated.");
  }

  update(data) { this.chart.update(data); }

  options(data, c) {
    if (!data.rows.length) return null;
    const common = { nameTextStyle: { color: c.ink, fontSize: 12 }, axisLine: { lineStyle: { color: c.strong } }, axisTick: { show: false }, axisLabel: { color: c.soft, fontSize: 11, textBorderColor: c.surface, textBorderWidth: 3 } };
    const parallelAxis = data.axes.map((one, dim) => (one.kind === "knob"
      ? { ...common, dim, name: one.name, min: 0, max: Math.max(one.values.length - 1, 1), interval: 1, axisLabel: { ...common.axisLabel, formatter: (value) => String(one.values[value] ?? "") } }
      : { ...common, dim, name: one.unit ? `${one.name}, ${one.unit}` : one.name, scale: true }));
    const line = (colour, width, opacity) => ({ color: colour, width, opacity });
    const group = (name, rows, style, z) => ({ name, type: "parallel", data: rows.map((row) => row.values), lineStyle: style, itemStyle: { color: style.color }, z, silent: true, progressive: 500 });
    const faint = Math.min(1, Math.max(0.12, 30 / data.rows.length));
    return {
      tooltip: { show: false },
      legend: { data: ["Inside the budget", "Over the budget", "Chosen"].map((name) => ({ name, icon: "roundRect" })) },
      parallel: { left: 40, right: 56, top: this.chart.narrow ? 96 : 72, bottom: 20, layout: this.chart.narrow ? "vertical" : "horizontal", parallelAxisDefault: { areaSelectStyle: { color: c.front, opacity: 0.2, borderColor: c.front } } },
      parallelAxis,
      series: [
        group("Over the budget", data.rows.filter((row) => !row.feasible), line(c.outside, 1, faint + 0.1), 1),
        group("Inside the budget", data.rows.filter((row) => row.feasible && !row.chosen), line(c.front, 1.2, faint + 0.15), 2),
        group("Chosen", data.rows.filter((row) => row.chosen), line(c.ink, 3, 1), 3),
      ],
    };
  }

  table() {
    const data = this.chart.data;
    const words = (row) => row.values.map((value, place) => (data.axes[place].kind === "knob" ? data.axes[place].values[value] : fixed(value)));
    return [["trial", ...data.axes.map((one) => one.name)], data.rows.slice(-200).map((row) => [row.number, ...words(row)])];
  }
}
