// Shows a password on request, and marks the rules that a new one meets while it is typed; the server decides.
// Loaded as a module: no globals.
const CHARACTER_CLASSES = {
  upper: /\p{Uppercase}/u,
  lower: /\p{Lowercase}/u,
  digit: /\p{Nd}/u,
  special: /[^\p{L}\p{Nd}]/u,
};

function findMetRules(password) {
  const length = [...password].length;
  const found = Object.keys(CHARACTER_CLASSES).filter((name) => CHARACTER_CLASSES[name].test(password));
  if (length >= 8 && length <= 255) found.push("length");
  if (Object.keys(CHARACTER_CLASSES).filter((name) => found.includes(name)).length >= 3) found.push("classes");
  return found;
}

for (const list of document.querySelectorAll("ul.password-rules[data-input-id]")) {
  const input = document.getElementById(list.dataset.inputId);
  if (!input) continue;
  const updateRules = () => {
    const found = findMetRules(input.value);
    for (const item of list.querySelectorAll("[data-rule]")) {
      item.classList.toggle("rule-met", found.includes(item.dataset.rule));
    }
  };
  input.addEventListener("input", updateRules);
  updateRules();
}

for (const button of document.querySelectorAll("button[data-alternate-label][aria-controls]")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const label = button.querySelector("span");
  const toggle = () => {
    input.type = input.type === "password" ? "text" : "password";
    input.spellcheck = false; // a browser may send what it checks to its maker
    [label.textContent, button.dataset.alternateLabel] = [button.dataset.alternateLabel, label.textContent];
  };
  button.addEventListener("click", toggle);
  // Sent as a password: a browser remembers what was typed into any other field.
  input.form.addEventListener("submit", () => input.type === "password" || toggle());
  button.hidden = false;
}
