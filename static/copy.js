// Copies the text of the element that a button controls, without its spaces, and says so.
// Loaded as a module: no globals.
for (const button of document.querySelectorAll("button[data-copied][aria-controls]")) {
  if (!navigator.clipboard) continue; // not on a page without TLS
  const source = document.getElementById(button.getAttribute("aria-controls"));
  const status = document.getElementById(button.getAttribute("aria-describedby"));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent.replaceAll(/\s/g, ""));
    status.textContent = button.dataset.copied;
  });
  button.hidden = false;
}
