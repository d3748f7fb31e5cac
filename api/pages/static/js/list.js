// The list of searches keeps itself fresh, without moving what is being ticked or read.

import { getHtml } from "./api.js";
import { byId, copyButtons, localTimes, swap } from "./dom.js";

const holder = byId("list");
holder.dataset.last = holder.innerHTML;

function ticked() {
  const button = byId("compare");
  if (!button) return;
  const count = holder.querySelectorAll("input[name=ids]:checked").length;
  button.disabled = count < 2;
  byId("compare-help").textContent = count < 2 ? "Tick two or more searches." : `${count} searches ticked.`;
}

async function refresh() {
  if (!document.hidden) {
    const before = states();
    const query = new URLSearchParams(window.location.search);
    query.set("part", "list");
    try {
      if (swap(holder, await getHtml(`/?${query}`))) ticked();
      announce(before, states());
    } catch { /* the next turn tries again */ }
  }
  const busy = holder.querySelector("[data-state=running], [data-state=preparing], [data-state=queued], [data-state=cancelling]");
  window.setTimeout(refresh, busy ? 2000 : 10000);
}

const states = () => new Map([...holder.querySelectorAll(".search")].map((one) => [one.querySelector("input").value, [one.dataset.state, one.querySelector("h2").textContent.trim()]]));

function announce(before, after) {
  const news = [...after].filter(([id, [state]]) => before.has(id) && before.get(id)[0] !== state).map(([, [state, name]]) => `${name} is now ${state}.`);
  if (news.length) byId("list-status").textContent = news.join(" ");
}

holder.addEventListener("change", ticked);
byId("filters").addEventListener("change", (event) => { if (event.target.tagName === "SELECT") byId("filters").requestSubmit(); });
copyButtons();
localTimes(holder);
ticked();
window.setTimeout(refresh, 2000);
