// Turns a select or a list of checkboxes into a field that filters while typing. The form keeps its own fields, so that
// what is sent is the same without JavaScript. Loaded as a module: no globals.
import { attachCombobox, fetchFragment, searchWhileTyping } from "./combobox.js";

const SHOWN = 8;
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const splitWords = (text) => fold(text).split(/[\s,]+/).filter(Boolean);
const make = (tag, values, ...children) => {
  const made = Object.assign(document.createElement(tag), values);
  made.append(...children);
  return made;
};

// Names that begin with what is typed come first, then those with a word that does; as the server sorts them.
function filterChoices(choices, q) {
  const words = splitWords(q), typed = fold(q).trim();
  const rank = ({ key }) => (key.startsWith(typed) ? 0 : key.includes(` ${typed}`) ? 1 : 2);
  const found = choices.filter(({ key }) => words.every((word) => key.includes(word)));
  return words.length ? found.map((choice) => [rank(choice), choice]).sort((a, b) => a[0] - b[0]).map(([, c]) => c) : found;
}

// The first word that is typed, where a word of the name begins with it or else anywhere.
function markWord(name, q) {
  const folded = fold(name), [word] = splitWords(q);
  const place = word ? ` ${folded}`.indexOf(` ${word}`) : -1;
  const at = place < 0 && word ? folded.indexOf(word) : place;
  if (at < 0 || folded.length !== name.length) return [name];
  const end = at + word.length;
  return [name.slice(0, at), make("mark", { textContent: name.slice(at, end) }), name.slice(end)];
}

// A checkbox in a label: <input> <span>name<span class="detail">…</span></span>
function readCheckbox(label) {
  const input = label.querySelector("input"), detail = label.querySelector(".detail")?.textContent ?? "";
  const name = label.textContent.trim().slice(0, detail ? -detail.length : undefined).trim();
  return { name, detail, label, input, key: fold(name), isChosen: () => input.checked };
}

function readOption(option) {
  const name = option.textContent.trim(), detail = option.parentElement.label ?? "";
  return { name, detail, option, key: fold(name), isChosen: () => option.selected };
}

class Picker {
  constructor(parts, input, { findChoices, pick, title }) {
    this.texts = parts.dataset;
    this.parts = parts;
    this.input = input;
    this.findChoices = findChoices;
    this.pick = pick;
    this.list = make("ul", { className: "picker-hits", ariaLabel: title });
    this.found = [];
    this.combobox = attachCombobox(input, this.list, {
      onPick: (option) => this.pick(this.found[Number(option.dataset.place)]),
      onOpen: () => this.search(this.shownText?.() === input.value ? "" : input.value),
    });
    searchWhileTyping(input, findChoices.wait ?? 0, (q, signal) => this.search(q, signal));
    let isMeant = false;
    input.addEventListener("input", () => (isMeant = true));
    input.addEventListener("keydown", (event) => event.key === "Escape" && (isMeant = false));
    input.addEventListener("blur", () => {
      if (isMeant) this.pickTyped(input.value);
      isMeant = false;
      this.combobox.close();
    });
  }

  // Picks the choice of which `text` is the name, or the only one found with it; hits of the server come too late.
  // Returns whether `text` stands for a choice, which may have been chosen before.
  pickTyped(text) {
    const typed = fold(text).trim(), found = typed ? this.findChoices(text) : [];
    const meant = Array.isArray(found) && (found.find(({ key }) => key === typed) ?? (found.length === 1 && found[0]));
    if (meant && !meant.isChosen()) this.pick(meant);
    return Boolean(meant);
  }

  async search(q, signal) {
    this.found = (await this.findChoices(q, signal)) ?? [];
    if (signal?.aborted || document.activeElement !== this.input) return;
    this.list.replaceChildren(...this.found.slice(0, SHOWN).map((choice, place) => this.buildHit(choice, place, q)));
    if (!this.found.length) {
      this.list.append(make("li", { role: "option", ariaDisabled: "true", textContent: this.texts.nothing }));
    }
    this.combobox.open();
  }

  buildHit({ name, detail, isChosen }, place, q) {
    const chosen = isChosen() ? this.texts.chosen : detail;
    const hit = make("li", { role: "option", ariaSelected: "false" }, make("span", {}, ...markWord(name, q)));
    if (chosen) hit.append(" ", make("span", { className: "detail", textContent: chosen }));
    hit.dataset.place = place;
    hit.classList.toggle("muted", isChosen());
    return hit;
  }

  buildChip({ name }, remove) {
    const chip = this.parts.content.firstElementChild.cloneNode(true), button = chip.querySelector("button");
    chip.firstElementChild.textContent = name;
    button.ariaLabel = `${this.texts.remove} ${name}`;
    button.addEventListener("click", () => {
      remove();
      this.input.focus();
    });
    return chip;
  }
}

// One choice: the select stays, hidden, under the field that took over its label.
function enhanceSelect(select, parts) {
  const input = make("input", { type: "text", required: select.required, className: select.className });
  const shown = () => select.selectedOptions[0]?.textContent.trim() ?? "";
  const choices = [...select.options].map(readOption);
  const title = select.labels[0]?.textContent.trim() ?? "";
  const picker = new Picker(parts, input, {
    title,
    findChoices: (q) => filterChoices(choices, q),
    pick: ({ option }) => {
      select.value = option.value;
      input.value = input.defaultValue = shown();
      picker.combobox.close();
      select.dispatchEvent(new Event("change", { bubbles: true }));
    },
  });
  picker.shownText = shown;
  for (const name of ["aria-describedby", "aria-invalid"]) {
    if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  }
  [input.id, select.id, select.required, select.hidden] = [select.id, `${select.id}-choices`, false, true];
  select.ariaLabel = title; // its label names the field
  input.value = input.defaultValue = shown();
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => picker.combobox.isOpen() || picker.search(""));
  input.addEventListener("blur", () => (input.value = shown()));
  select.before(make("div", { className: "picker-box" }, input), picker.list);
}

// Several choices: chips in the field, each a checkbox in the list. With `source`, the hits come from the server, and a
// picked one joins the list.
function enhanceCheckboxes(list, parts, { input, source } = {}) {
  const title = list.closest("fieldset")?.querySelector("legend")?.textContent.trim() ?? "";
  const field = input ?? make("input", { type: "text", ariaLabel: title, placeholder: parts.dataset.placeholder });
  const readAll = () => [...list.querySelectorAll("label:has(input)")].map(readCheckbox);
  const fetchChoices = async (q, signal) => {
    const hits = q.trim() && (await fetchFragment(source + encodeURIComponent(q), { signal }));
    const page = new DOMParser().parseFromString(hits || "", "text/html");
    const known = new Map(readAll().map((choice) => [choice.input.value, choice]));
    return [...page.querySelectorAll("label:has(input)")].map(readCheckbox).map((it) => known.get(it.input.value) ?? it);
  };
  const find = source ? Object.assign(fetchChoices, { wait: 150 }) : (q) => filterChoices(readAll(), q);
  const toggle = ({ input: box, label }) => {
    if (!label.isConnected || !list.contains(label)) list.append(label);
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const picker = new Picker(parts, field, {
    title,
    findChoices: find,
    pick: (choice) => {
      toggle(choice);
      field.value = "";
      picker.combobox.close();
    },
  });
  const box = make("div", { className: "picker-box" });
  const showChips = () => {
    for (const chip of box.querySelectorAll(".picker-chip")) chip.remove();
    const chosen = readAll().filter(({ isChosen }) => isChosen());
    box.prepend(...chosen.map((choice) => picker.buildChip(choice, () => toggle(choice))));
  };
  // A comma ends a name, as in a list of addresses, unless it is part of one.
  field.addEventListener(
    "input",
    (event) => {
      const [first, ...rest] = field.value.split(","), typed = fold(field.value).trim();
      if (!rest.length || readAll().some(({ key }) => key.includes(typed)) || !picker.pickTyped(first)) return;
      event.stopImmediatePropagation();
      field.value = rest.join(",").trimStart();
      picker.combobox.close();
      if (field.value) field.dispatchEvent(new Event("input"));
    },
    { capture: true },
  );
  field.addEventListener("keydown", (event) => {
    const last = readAll().findLast(({ isChosen }) => isChosen());
    if (event.key === "Backspace" && !field.value && last) toggle(last);
  });
  list.addEventListener("change", showChips);
  if (input) {
    input.after(picker.list);
    list.before(box);
  } else {
    box.append(field);
    list.closest("details").before(box, picker.list);
    list.closest("details").open = false;
  }
  showChips();
}

for (const picker of document.querySelectorAll(".picker")) {
  const parts = picker.querySelector(".picker-parts"), select = picker.querySelector("select");
  if (select) enhanceSelect(select, parts);
  else enhanceCheckboxes(picker.querySelector("details > div"), parts);
}
// The search of a page with a list: its hits can be chosen without opening the page again.
for (const input of document.querySelectorAll("input[data-picker-list]")) {
  const list = document.getElementById(input.dataset.pickerList);
  if (list) enhanceCheckboxes(list, document.querySelector(".picker-parts"), { input, source: input.dataset.pickerSource });
}
