// One chart on the page: its colours come from the style sheet, so light, dark and paper need no second list.

import { byId, element } from "./dom.js";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paper = window.matchMedia("print");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const live = new Set();

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: read("ink"), soft: read("soft"), line: read("line"), strong: read("line-strong"), surface: read("surface"), raised: read("raised"),
    grid: read("chart-grid"), front: read("chart-front"), inside: read("chart-inside"), outside: read("chart-outside"), dense: read("chart-dense"),
    floor: read("chart-floor"), budget: read("chart-budget"), knee: read("chart-knee"), bad: read("bad"), tint: read("mute-tint"),
  };
}

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";

function base(c) {
  return {
    animation: !calm.matches && !paper.matches,
    animationDuration: 250,
    animationDurationUpdate: 250,
    textStyle: { fontFamily: FONT, color: c.soft, fontSize: 12 },
    grid: { left: 8, right: 20, top: 40, bottom: 8 },
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 10, itemGap: 14, textStyle: { color: c.soft, fontSize: 12 }, inactiveColor: c.strong },
    tooltip: {
      // our own nodes: markup in a string would bring inline styles, which the content policy refuses
      renderMode: "html", confine: true, trigger: "item", backgroundColor: c.raised, borderColor: c.line, borderWidth: 1, padding: [8, 12],
      textStyle: { color: c.ink, fontSize: 13 }, transitionDuration: 0,
    },
  };
}

export function axis(name, c, more = {}) {
  return {
    type: "value", name, scale: true, nameLocation: "middle", nameGap: 28, nameTextStyle: { color: c.soft, fontSize: 12 },
    axisLine: { lineStyle: { color: c.strong } }, axisTick: { show: false }, axisLabel: { color: c.soft, hideOverlap: true },
    splitLine: { lineStyle: { color: c.grid } }, ...more,
  };
}

// Labels of an axis whose ends are no round numbers.
export const inner = (c) => ({ color: c.soft, hideOverlap: true, showMinLabel: false, showMaxLabel: false });

export function tip(title, ...lines) {
  return element("div", { class: "tip" }, element("b", {}, title), ...lines.map((line) => element("span", {}, line)));
}

// A front is a staircase: between two plans the faster one is what you have. Drawn here, because a stepped line of the
// library leaves out points that are less than a pixel apart, and then slopes.
export function stairs(name, points, colour, z) {
  const corners = points.flatMap(([at, value], place) => (place ? [[at, points[place - 1][1]], [at, value]] : [[at, value]]));
  const renderItem = (_, api) => ({ type: "polyline", silent: true, shape: { points: corners.map((corner) => api.coord(corner)) }, style: { stroke: colour, lineWidth: 1.5, opacity: 0.6, fill: "none" } });
  return { name, type: "custom", silent: true, clip: true, z, data: points.length > 1 ? [points[0]] : [], renderItem, itemStyle: { color: colour } };
}

export class Chart {
  // `build(data, colours)` gives ECharts options; null means that there is nothing to draw yet.
  constructor(id, build, nothing) {
    this.canvas = byId(`${id}-canvas`);
    this.none = byId(`${id}-none`);
    this.build = build;
    this.nothing = nothing;
    this.data = null;
    this.echart = window.echarts.init(this.canvas, null, { renderer: "canvas" });
    new ResizeObserver(() => this.echart.resize()).observe(this.canvas);
    live.add(this);
  }

  get narrow() {
    return this.canvas.clientWidth < 520;
  }

  update(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    if (!this.data) return;
    const c = colours();
    const options = this.build(this.data, c);
    this.none.hidden = Boolean(options);
    // what an ended search has not got, it will never have
    this.canvas.closest(".card").hidden = !options && Chart.ended;
    if (!options) {
      this.none.textContent = this.nothing;
      this.echart.clear();
      return;
    }
    const shared = base(c);
    const merged = { ...shared, ...options };
    for (const part of ["grid", "legend", "tooltip"]) if (options[part]) merged[part] = { ...shared[part], ...options[part] };
    this.echart.setOption(merged, { notMerge: true });
  }
}

Chart.ended = false;

const redraw = () => { for (const chart of live) { chart.echart.resize(); chart.draw(); } };
dark.addEventListener("change", redraw);
paper.addEventListener("change", redraw);
