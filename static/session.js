// Warns before the session ends, and prolongs it when asked. The server decides; the tabs of a browser tell each other.
// Loaded as a module: no globals.
const WARN = { idle: 120_000, lifetime: 300_000 }; // ms before the end; two minutes as NIST SP 800-63B advises
const dialog = document.getElementById("session-warning");
const form = dialog.querySelector("form");
const channel = new BroadcastChannel("session");
const tokens = () => document.querySelectorAll("input[name=csrfmiddlewaretoken]");
let ends = {};
let shown = "";

function state(now) {
  if (Math.min(ends.idle, ends.lifetime) <= now) return "over";
  return ["lifetime", "idle"].find((name) => ends[name] - now <= WARN[name]) ?? "";
}

function show() {
  const now = Date.now();
  const found = state(now);
  const seconds = Math.max(0, Math.ceil((Math.min(ends.idle, ends.lifetime) - now) / 1000));
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  dialog.querySelector("[role=timer]").textContent = time;
  if (found === shown) return; // closed by its reader, it stays so until there is something else to say
  shown = found;
  for (const part of dialog.querySelectorAll("[data-state]")) {
    part.hidden = !part.dataset.state.split(" ").includes(found);
  }
  if (!found) dialog.close();
  else if (!dialog.open) dialog.showModal();
}

function take(found) {
  ends = found;
  show();
}

function announce([idle, lifetime]) {
  const now = Date.now();
  take({ idle: now + idle * 1000, lifetime: now + lifetime * 1000 });
  channel.postMessage({ user: dialog.dataset.user, ends, token: tokens()[0]?.value });
}

channel.addEventListener("message", ({ data }) => {
  if (data.user !== dialog.dataset.user) return; // another user signed in: what stands here is not to be sent as theirs
  for (const input of data.token ? tokens() : []) input.value = data.token; // signing in made the old ones worthless
  take(data.ends);
});

form.addEventListener("submit", async (event) => {
  if (event.submitter?.formMethod === "dialog") return;
  event.preventDefault();
  const response = await fetch(form.action, { method: "POST", body: new FormData(form) }).catch(() => null);
  if (response?.ok) announce((await response.json()).left);
  else if (response?.status === 401) take({ idle: 0, lifetime: 0 });
});

announce(dialog.dataset.seconds.split(" ").map(Number));
setInterval(show, 1000);
document.addEventListener("visibilitychange", show);
