// Keeps the preview of an invitation up to date while its form is filled in, and searches the colleague whose access is
// copied. Without JavaScript, buttons do. Loaded as a module: no globals.
import { attachLinkSearch, fetchFragment } from "./combobox.js";

const form = document.querySelector("form[data-preview-url]");
let timer, running;

async function updatePreview() {
  running?.abort();
  running = new AbortController();
  const options = { method: "POST", body: new FormData(form), signal: running.signal };
  const found = await fetchFragment(`${form.dataset.previewUrl}?fragment=1`, options);
  const page = new DOMParser().parseFromString(found ?? "", "text/html");
  for (const part of page.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(part.id);
    if (shown && shown.innerHTML !== part.innerHTML) shown.innerHTML = part.innerHTML;
  }
}

for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;
for (const kind of ["input", "change"]) {
  form.addEventListener(kind, () => {
    clearTimeout(timer);
    timer = setTimeout(updatePreview, 400);
  });
}
for (const input of document.querySelectorAll("input[data-hits]")) {
  attachLinkSearch(input, document.getElementById(input.dataset.hits), input.dataset.source);
}
