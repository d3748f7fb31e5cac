// The panel of the selected plan: its numbers, its knobs, its files, and the commands that go on from here.

import { bar, byId, element } from "./dom.js";
import { fixed, interval, metricName, ms, planWords } from "./format.js";

const MEETS = { yes: "meets the budget", borderline: "may meet the budget", no: "over the budget" };
const FILES = [["bundle.zip", "everything, checked and ready to train"], ["config.py", "the config to fine-tune"], ["manifest.json", "where every number comes from"], ["metafile.yml", "an entry for a model zoo"]];

export class Selection {
  constructor({ search, target }) {
    this.search = search;
    this.target = target;
    this.front = null;
    this.stages = null;
    this.id = null;
    this.ended = false;
  }

  show(id = this.id) {
    this.id = id;
    const point = this.front && this.front.points.find((one) => one.id === id);
    if (!point) return;
    const kept = byId("plan").contains(document.activeElement) ? document.activeElement.id : "";
    byId("plan").replaceChildren(this.facts(point), this.knobs(point), this.files(point));
    byId("plan-badges").replaceChildren(...this.badges(point));
    if (kept && byId(kept)) byId(kept).focus({ preventScroll: true });
  }

  badges(point) {
    const roles = [point.chosen ? "chosen" : "", point.id === this.front.knee ? "knee" : ""].filter(Boolean);
    return [...roles.map((role) => element("span", { class: "label" }, role)), element("span", { class: `chip ${point.meets}` }, MEETS[point.meets])];
  }

  facts(point) {
    const dense = this.front.dense;
    const name = metricName(this.front.metric);
    const saved = dense ? `${fixed(100 * (1 - point.latency.ms / dense.latency.ms), 0)} % faster than dense` : "";
    const lost = dense && dense.metric !== null && point.metric !== null ? `${fixed(point.metric - dense.metric)} against dense` : "";
    const tile = (title, value, unit, ...under) => element("div", { class: "tile" }, element("dt", {}, title), element("dd", {}, value, " ", element("small", {}, unit), ...under.filter(Boolean).map((line) => element("span", { class: "under" }, line))));
    return element(
      "dl", { class: "tiles" },
      tile("Latency", fixed(point.latency.ms), "ms", `${point.latency.measured ? "measured" : "predicted"}, ${interval(point.latency)}`, saved),
      tile("Accuracy", fixed(point.metric), name, lost),
    );
  }

  knobs(point) {
    const known = this.stages && this.stages.plans.find((one) => one.id === point.id);
    if (!known) return element("p", { class: "mono" }, planWords(point.plan));
    const rows = this.stages.knobs.map((knob, place) => {
      const words = known.kept[place] === null ? String(known.values[place]) : `${known.values[place]}, keeps ${known.kept[place]}`;
      return element("li", {}, element("span", {}, knob.name), bar(known.share[place], `${knob.name}: ${words}`), element("span", { class: "soft", "aria-hidden": "true" }, words));
    });
    return element("ul", { class: "knobs", "aria-label": "Sparsity of each knob" }, ...rows);
  }

  files(point) {
    if (!this.ended) return element("p", { class: "soft small" }, "Its files can be downloaded when the search has ended.");
    const base = `/v1/searches/${this.search}/front/${point.id}`;
    const offered = this.front.simulated ? FILES.filter(([name]) => name !== "config.py") : FILES;
    const [bundle, ...parts] = offered;
    const zip = `${this.target}-${point.id}.zip`;
    const commands = [`curl -fo ${zip} ${window.location.origin}${base}/bundle.zip`, `sparsearch verify ${zip}`];
    if (!this.front.simulated) commands.push(`unzip -d ${this.target}-${point.id} ${zip}`, `sparsearch train ${this.target}-${point.id}/finetune.py`);
    return element(
      "div", { class: "stack downloads" },
      element("p", { class: "row no-print" }, element("a", { class: "button primary", id: "get-bundle", href: `${base}/bundle.zip`, download: "" }, "Download bundle"),
        ...parts.map(([name, words]) => element("a", { class: "small", id: `get-${name.split(".")[0]}`, href: `${base}/${name}`, download: "", title: words }, name))),
      element("h3", {}, this.front.simulated ? "Check it" : "Fine-tune it"),
      element("div", { class: "copyable" }, element("pre", { class: "command", id: "commands", tabindex: "0", "aria-label": "Commands" }, commands.join("\n")), element("button", { type: "button", class: "small-button", id: "copy-commands", "data-copy": "commands" }, "Copy")),
      this.front.simulated && element("p", { class: "soft small" }, "A simulated target has no model, so its bundle has nothing to train."),
    );
  }

  words(point) {
    return `${fixed(point.metric)} ${metricName(this.front.metric)} at ${ms(point.latency.ms)}`;
  }
}
