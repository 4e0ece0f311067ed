// What the pages do with scripts is comfort: each of them works without.
import { initAll } from "./nhsuk-frontend-10.6.1/nhsuk-frontend.min.js";

document.body.classList.add("js-enabled", "nhsuk-frontend-supported");
initAll();

// A search that takes long says that it is on its way.
const busy = document.querySelector("[data-busy]");
for (const form of busy ? document.forms : []) {
  form.addEventListener("submit", () => {
    busy.textContent = busy.dataset.busy;
    busy.classList.remove("nhsuk-u-visually-hidden");
  });
}
// A page that comes back from the browser's memory is on its way no more.
window.addEventListener("pageshow", () => busy?.replaceChildren());
