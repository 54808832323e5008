// Warns before the session ends, and prolongs it when asked. The server decides; the tabs of a browser tell each other.
// Loaded as a module: no globals.
const WARNING_MS = { idle: 120_000, lifetime: 300_000 }; // ms before the end; two minutes as NIST SP 800-63B advises
const dialog = document.getElementById("session-warning");
const form = dialog.querySelector("form");
const channel = new BroadcastChannel("session");
const findCsrfInputs = () => document.querySelectorAll("input[name=csrfmiddlewaretoken]");
let expiresAt = {};
let shownState = "";

function findState(now) {
  if (Math.min(expiresAt.idle, expiresAt.lifetime) <= now) return "over";
  return ["lifetime", "idle"].find((name) => expiresAt[name] - now <= WARNING_MS[name]) ?? "";
}

function updateDialog() {
  const now = Date.now();
  const found = findState(now);
  const seconds = Math.max(0, Math.ceil((Math.min(expiresAt.idle, expiresAt.lifetime) - now) / 1000));
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  dialog.querySelector("[role=timer]").textContent = time;
  if (found === shownState) return; // closed by its reader, it stays so until there is something else to say
  shownState = found;
  for (const part of dialog.querySelectorAll("[data-state]")) {
    part.hidden = !part.dataset.state.split(" ").includes(found);
  }
  if (!found) dialog.close();
  else if (!dialog.open) dialog.showModal();
}

function applyExpiry(found) {
  expiresAt = found;
  updateDialog();
}

function broadcastExpiry([idle, lifetime]) {
  const now = Date.now();
  applyExpiry({ idle: now + idle * 1000, lifetime: now + lifetime * 1000 });
  channel.postMessage({ user: dialog.dataset.user, expiresAt, token: findCsrfInputs()[0]?.value });
}

channel.addEventListener("message", ({ data }) => {
  if (data.user !== dialog.dataset.user) return; // another user signed in: what stands here is not to be sent as theirs
  for (const input of data.token ? findCsrfInputs() : []) input.value = data.token; // signing in made the old ones worthless
  applyExpiry(data.expiresAt);
});

form.addEventListener("submit", async (event) => {
  if (event.submitter?.formMethod === "dialog") return;
  event.preventDefault();
  const response = await fetch(form.action, { method: "POST", body: new FormData(form) }).catch(() => null);
  if (response?.ok) broadcastExpiry((await response.json()).left);
  else if (response?.status === 401) applyExpiry({ idle: 0, lifetime: 0 });
});

broadcastExpiry(dialog.dataset.seconds.split(" ").map(Number));
setInterval(updateDialog, 1000);
document.addEventListener("visibilitychange", updateDialog);
