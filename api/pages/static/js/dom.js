// Small helpers around the document. Text always goes in as text, never as markup.

// what an inline picture of the page says about itself, so that no address stands here
const SVG = document.querySelector("svg").namespaceURI;

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// A bar from 0 to 1 as a picture: its length is an attribute, because the content policy refuses inline styles.
export function bar(share, words) {
  const make = (tag, attributes) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const picture = make("svg", { class: "bar", role: "img", "aria-label": words });
  picture.append(make("rect", { width: "100%", height: "100%", rx: "4" }), make("rect", { class: "filled", width: `${100 * share}%`, height: "100%", rx: "4" }));
  return picture;
}

// Replaces the inside of `holder` by HTML of our own server, unless nothing changed; keeps the focus where it was.
export function swap(holder, html) {
  if (holder.dataset.last === html) return false;
  holder.dataset.last = html;
  const focused = holder.contains(document.activeElement) ? document.activeElement.id : "";
  const ticked = [...holder.querySelectorAll("input:checked")].map((one) => one.id);
  holder.innerHTML = html;
  for (const id of ticked) if (byId(id)) byId(id).checked = true;
  if (focused && byId(focused)) byId(focused).focus({ preventScroll: true });
  localTimes(holder);
  return true;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function localTimes(holder) {
  for (const one of holder.querySelectorAll("time[datetime]")) {
    const when = new Date(one.dateTime);
    if (!Number.isNaN(when.getTime())) one.textContent = CLOCK.format(when);
  }
}

export function table(head, rows, caption) {
  const cells = (tag, values) => values.map((value) => element(tag, tag === "th" ? { scope: "col" } : {}, String(value)));
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...cells("th", head))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row)))),
  );
}

export function debounce(work, milliseconds) {
  let timer = 0;
  return (...values) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => work(...values), milliseconds);
  };
}

export function copyButtons(holder = document) {
  holder.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = byId(button.dataset.copy);
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // without a secure context there is no clipboard: mark the text, so that the keyboard can copy it
      window.getSelection().selectAllChildren(source);
      said = "Selected";
    }
    const before = button.dataset.words || button.textContent;
    button.dataset.words = before;
    button.textContent = said;
    window.setTimeout(() => { button.textContent = before; }, 1500);
  });
}
