// The form for a new search: asks the service what it knows while people type, and puts errors beside their fields.

import { Problem, sendJson } from "./api.js";
import { byId, debounce, element } from "./dom.js";
import { duration, fixed, ms } from "./format.js";

const form = byId("form");
const key = crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`;
let sent = 0; // a request that was answered with an error may be another one the next time
let turn = 0;

const text = (name) => form.elements[name].value.trim();
const number = (name) => (text(name) === "" ? undefined : Number(text(name)));
const filled = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== ""));

function labels() {
  const pairs = text("labels").split(",").map((part) => part.trim()).filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => { const [name, ...rest] = pair.split(/[:=]/); return [name.trim(), rest.join(":").trim()]; }));
}

function body() {
  const size = [number("height"), number("width")];
  const whole = size.every((side) => side === undefined) ? undefined : size.map((side, place) => side ?? Number(option().dataset[place ? "width" : "height"]));
  const setting = filled({ device: text("device"), scope: text("scope"), batch: number("batch"), img_size: whole, dtype: text("dtype"), runtime: text("runtime"), threads: number("threads") });
  const effort = filled({ preset: text("preset"), evaluations: number("evaluations"), seconds: number("seconds"), workers: number("workers"), images: number("images") });
  return filled({ target: text("target"), max_ms: number("max_ms"), min_ms: number("min_ms"), stat: text("stat"), setting, effort, sampler: text("sampler"), seed: number("seed"), name: text("name"), labels: labels() });
}

const option = () => byId("target").selectedOptions[0];

function describe() {
  const chosen = option();
  if (!chosen) return;
  const { text: words, batch, height, width, scope, device } = chosen.dataset;
  byId("target-help").textContent = `${words}. Timed by default: ${scope}, batch ${batch}, ${height} x ${width}${device ? `, on ${device}` : ""}.`;
  byId("batch").placeholder = batch;
  byId("height").placeholder = height;
  byId("width").placeholder = width;
  byId("device").placeholder = device || "cpu, cuda:0 or sim:0";
}

function clearErrors() {
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const place of form.querySelectorAll(".error")) place.textContent = "";
  byId("form-error").hidden = true;
}

// Every error of the service beside the field it names; whatever names none, above the button. Returns the first field.
function showErrors(problem) {
  clearErrors();
  const rest = [];
  let first = null;
  for (const { pointer, detail } of problem.errors) {
    const fields = [...form.querySelectorAll("[data-pointer]")];
    const field = fields.find((one) => one.dataset.pointer === pointer) || fields.find((one) => pointer.startsWith(`${one.dataset.pointer}/`)) || fields.find((one) => pointer && one.dataset.pointer.startsWith(`${pointer}/`));
    if (!field) { rest.push(pointer ? `${pointer}: ${detail}` : detail); continue; }
    const place = byId(`${field.name}-error`);
    if (field.closest("details")) field.closest("details").open = true;
    field.setAttribute("aria-invalid", "true");
    place.textContent = place.textContent || detail;
    first ||= field;
  }
  if (!problem.errors.length) rest.push(problem.message);
  byId("form-error").textContent = rest.join(" ");
  byId("form-error").hidden = !rest.length;
  return first;
}

function dry(known) {
  const budget = number("max_ms");
  const words = known.feasible === null ? "Not measured yet: the search finds out first of all." : known.feasible ? `${fixed(budget, 1)} ms can be met on this device.` : `${fixed(budget, 1)} ms cannot be met on this device.`;
  const fact = (title, value) => (value === null || value === undefined ? [] : [element("dt", {}, title), element("dd", {}, value)]);
  const count = (value) => (value === null ? null : value.toLocaleString());
  byId("dry").replaceChildren(
    element("p", { class: `notice ${known.feasible === false ? "bad" : ""}` }, element("strong", {}, words)),
    element("dl", { class: "facts" }, ...fact("Sparsest plan", known.floor_ms === null ? null : ms(known.floor_ms)), ...fact("Dense plan", known.dense_ms === null ? null : ms(known.dense_ms)),
      ...fact("Plans in the space", count(known.space_size)), ...fact("Probably fast enough", count(known.feasible_estimate)), ...fact("Time it takes", known.eta_s === null ? null : `about ${duration(known.eta_s)}`)),
    ...known.warnings.map((warning) => element("p", { class: "help" }, warning)),
  );
  slider(known);
}

function slider(known) {
  const usable = known.floor_ms !== null && known.dense_ms !== null && known.dense_ms > known.floor_ms;
  byId("budget-slider").hidden = !usable;
  if (!usable) return;
  const range = byId("max_range");
  range.min = String(Math.floor(10 * known.floor_ms) / 10);
  range.max = String(Math.ceil(10 * known.dense_ms) / 10);
  range.value = String(number("max_ms"));
  byId("range-low").textContent = `${ms(known.floor_ms, 1)}, sparsest`;
  byId("range-high").textContent = `${ms(known.dense_ms, 1)}, dense`;
}

async function validate() {
  const mine = ++turn;
  if (number("max_ms") === undefined) { clearErrors(); return; }
  try {
    const known = await sendJson("POST", "/v1/searches:validate", body());
    if (mine !== turn) return;
    clearErrors();
    dry(known);
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Problem) showErrors(error);
    else { byId("form-error").textContent = error.message; byId("form-error").hidden = false; }
  }
}

const later = debounce(validate, 350);
form.addEventListener("input", (event) => {
  if (event.target.id === "max_range") byId("max_ms").value = event.target.value;
  later();
});
byId("target").addEventListener("change", describe);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  turn += 1;
  if (number("max_ms") === undefined) {
    showErrors({ errors: [{ pointer: "/max_ms", detail: "Enter a budget, a number of milliseconds such as 12 or 7.5." }] });
    byId("max_ms").focus();
    return;
  }
  byId("submit").disabled = true;
  try {
    const search = await sendJson("POST", "/v1/searches", body(), { "Idempotency-Key": `${key}-${sent}` });
    window.location.assign(`/searches/${search.id}`);
  } catch (error) {
    byId("submit").disabled = false;
    if (error instanceof Problem) sent += 1; // refused: nothing was stored under this key
    const first = showErrors(error instanceof Problem ? error : { errors: [], message: error.message });
    (first || byId("submit")).focus();
  }
});

describe();
if (text("max_ms")) validate();
