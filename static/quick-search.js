// Opens the quick search with / or Ctrl+K; its form works without. Loaded as a module: no globals.
import { attachLinkSearch } from "./combobox.js";

const dialog = document.querySelector("dialog.quick-search");
const input = dialog.querySelector("input");
const field = document.querySelector(".quick-search-field input");
attachLinkSearch(input, dialog.querySelector(".quick-search-hits"), dialog.dataset.source);

function open(typed = "") {
  if (dialog.open) return;
  dialog.showModal(); // the focus goes back to where it was when the dialog closes
  input.focus();
  if (!typed) return input.select();
  input.value = typed;
  input.dispatchEvent(new Event("input"));
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable], dialog");
  const isShortcut = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  const isSlash = event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!isSlash && !isShortcut) return;
  if (document.querySelector("dialog[open]")) return;
  event.preventDefault();
  open();
});
field.addEventListener("input", () => {
  open(field.value);
  field.value = "";
});
for (const opener of [field, document.querySelector(".quick-search-link")]) {
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });
}
input.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing) return;
  event.preventDefault(); // a browser would empty the field first
  dialog.close();
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
