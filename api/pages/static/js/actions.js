// Pause, resume, stop, cancel, delete: each says what it does before it does it.

import { byId } from "./dom.js";

const ASK = {
  pause: ["Pause this search?", "Running trials are given back and nothing finished is lost. You can resume it at any time.", "Pause"],
  stop: ["Stop and answer now?", "Running trials finish, then the best plans so far are verified and exported.", "Stop and answer"],
  cancel: ["Cancel this search?", "Work that is running is dropped and there will be no answer. What was finished is kept, and you may resume it.", "Cancel the search"],
  resume: ["Resume this search?", "It goes back into the queue and continues where it was.", "Resume"],
  delete: ["Delete this search?", "Its record, its events and its bundles are removed for good. Accuracies stay in the archive of the target.", "Delete for good"],
};

export function actions(perform) {
  const dialog = byId("confirm");
  const yes = byId("confirm-yes");
  let asked = "";

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button) {
      asked = button.dataset.action;
      const [title, text, word] = ASK[asked];
      byId("confirm-title").textContent = title;
      byId("confirm-text").textContent = text;
      byId("confirm-error").textContent = "";
      yes.textContent = word;
      yes.className = asked === "cancel" || asked === "delete" ? "danger" : "primary";
      dialog.showModal();
    }
    if (event.target.closest("[data-print]")) window.print();
  });

  yes.addEventListener("click", async () => {
    yes.disabled = true;
    try {
      await perform(asked);
      dialog.close();
    } catch (error) {
      byId("confirm-error").textContent = error.message;
    } finally {
      yes.disabled = false;
    }
  });
}
