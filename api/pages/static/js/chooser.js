// "Which one do I take?": three rules over the same front. A budget is judged by the service, with its intervals.

import { getJson } from "./api.js";
import { byId, debounce } from "./dom.js";
import { fixed, metricName, ms } from "./format.js";

export class Chooser {
  constructor(search, onTake) {
    this.search = search;
    this.front = null;
    this.found = null;
    this.asked = 0;
    const form = byId("choose");
    const later = debounce(() => this.byBudget(), 200);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => (event.target.id === "choose-budget" ? (this.label(), later()) : this.apply()));
    byId("choose-take").addEventListener("click", () => this.found && onTake(this.found));
  }

  async update(front) {
    this.front = front;
    const usable = front.points.length > 0 && front.floor && front.dense;
    byId("choose-card").hidden = !usable;
    if (!usable) return;
    const slider = byId("choose-budget");
    const low = Math.floor(10 * front.floor.latency.ms) / 10;
    const high = Math.ceil(10 * Math.max(front.dense.latency.ms, front.budget.max_ms)) / 10;
    const fresh = !slider.dataset.ready;
    slider.min = String(low);
    slider.max = String(high);
    slider.step = "0.1";
    if (fresh) {
      slider.value = String(Math.min(Math.max(front.budget.max_ms, low), high));
      slider.dataset.ready = "yes";
    }
    byId("choose-low").textContent = `${fixed(low, 1)} ms, sparsest`;
    byId("choose-high").textContent = `${fixed(high, 1)} ms, dense`;
    this.label();
    await this.apply();
  }

  label() {
    const value = `${fixed(Number(byId("choose-budget").value), 1)} ms`;
    byId("choose-value").textContent = value;
    byId("choose-budget").setAttribute("aria-valuetext", value);
  }

  async apply() {
    const rule = new FormData(byId("choose")).get("rule");
    byId("rule-budget").hidden = rule !== "budget";
    byId("rule-near").hidden = rule !== "near";
    if (rule === "budget") await this.byBudget();
    else if (rule === "knee") this.byKnee();
    else this.byLoss();
  }

  async byBudget() {
    const turn = ++this.asked;
    const budget = Number(byId("choose-budget").value);
    try {
      const front = await getJson(`/v1/searches/${this.search}/front?budget_ms=${budget}`);
      if (turn !== this.asked) return;
      const meeting = front.points.filter((point) => point.meets === "yes" && point.metric !== null);
      // as the verdict does: what was verified comes before what is only forecast to be better
      this.say(meeting.find((point) => point.chosen) || best(meeting), front.verdict);
    } catch (error) {
      if (turn === this.asked) this.say(null, error.message);
    }
  }

  byKnee() {
    this.asked += 1;
    const point = this.front.points.find((one) => one.id === this.front.knee);
    this.say(point, point ? "This is the knee: slower plans gain less accuracy for each millisecond." : "This front has no knee: every millisecond buys about as much.");
  }

  byLoss() {
    this.asked += 1;
    const spare = Number(byId("choose-loss").value);
    const dense = this.front.dense.metric;
    if (dense === null || !Number.isFinite(spare)) return this.say(null, "The accuracy of the dense plan is not known yet.");
    const near = this.front.points.filter((point) => point.metric !== null && dense - point.metric <= spare);
    const point = near.reduce((kept, one) => (!kept || one.latency.ms < kept.latency.ms ? one : kept), null);
    const name = metricName(this.front.metric);
    if (!point) return this.say(null, `No plan of this front is within ${spare} ${name} of dense.`);
    const saved = 100 * (1 - point.latency.ms / this.front.dense.latency.ms);
    const loss = dense - point.metric;
    return this.say(point, `The fastest plan within ${spare} ${name} of dense is ${fixed(saved, 0)} % faster than dense, ${loss >= 0 ? `${fixed(loss)} ${name} lost` : `${fixed(-loss)} ${name} gained`}.`);
  }

  words(point) {
    return `${fixed(point.metric)} ${metricName(this.front.metric)} at ${ms(point.latency.ms)}`;
  }

  say(point, words) {
    this.found = point ? point.id : null;
    byId("choose-headline").textContent = point ? `${this.words(point)}` : "";
    byId("choose-verdict").textContent = words;
    byId("choose-take").disabled = !point;
  }
}

const best = (points) => points.reduce((kept, one) => (!kept || one.metric > kept.metric || (one.metric === kept.metric && one.latency.ms < kept.latency.ms) ? one : kept), null);
