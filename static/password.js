// Marks the rules that the new password meets while it is typed; the server decides. Loaded as a module: no globals.
const classes = {
  upper: /\p{Uppercase}/u,
  lower: /\p{Lowercase}/u,
  digit: /\p{Nd}/u,
  special: /[^\p{L}\p{Nd}]/u,
};

function met(password) {
  const length = [...password].length;
  const found = Object.keys(classes).filter((name) => classes[name].test(password));
  if (length >= 8 && length <= 255) found.push("length");
  if (Object.keys(classes).filter((name) => found.includes(name)).length >= 3) found.push("classes");
  return found;
}

for (const list of document.querySelectorAll("ul.rules[data-for]")) {
  const input = document.getElementById(list.dataset.for);
  if (!input) continue;
  const show = () => {
    const found = met(input.value);
    for (const item of list.querySelectorAll("[data-rule]")) {
      item.classList.toggle("met", found.includes(item.dataset.rule));
    }
  };
  input.addEventListener("input", show);
  show();
}
