// A field with a list of hits (WAI-ARIA combobox): the arrows go through them, Enter picks one, Escape closes. The focus
// stays in the field. Loaded as a module: no globals.
let count = 0;

export function attachCombobox(input, list, { onPick, onOpen = () => {}, keepsOpen = false }) {
  let active = null;
  list.id ||= `hits-${++count}`;
  list.setAttribute("role", "listbox");
  const attributes = { role: "combobox", autocomplete: "off", "aria-autocomplete": "list", "aria-controls": list.id };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  const findOptions = () => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];

  function activate(option) {
    active?.setAttribute("aria-selected", "false");
    active = option ?? null;
    if (active) {
      active.id ||= `hit-${++count}`;
      active.setAttribute("aria-selected", "true");
      active.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", active.id);
    } else input.removeAttribute("aria-activedescendant");
  }
  function close() {
    activate(null);
    if (!keepsOpen) list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }
  // Shows what stands in the list now; the first hit is chosen unless `isTentative`.
  function open(isTentative = false) {
    list.hidden = false;
    input.setAttribute("aria-expanded", String(findOptions().length > 0));
    activate(isTentative ? null : findOptions()[0]);
  }
  const isOpen = () => !list.hidden;

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const options = findOptions();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen()) return onOpen();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const place = active ? options.indexOf(active) + step : step > 0 ? 0 : -1;
      activate(options.at(place % (options.length || 1)));
    } else if (event.key === "Enter" && isOpen() && active) {
      event.preventDefault();
      onPick(active, event);
    } else if (event.key === "Enter" && input.type !== "search" && input.value !== input.defaultValue) {
      event.preventDefault(); // what is typed stands for nothing yet: the form is not complete
    } else if (event.key === "Escape" && isOpen() && !keepsOpen) {
      event.preventDefault(); // a browser empties a search field, or closes the dialog around it
      event.stopPropagation();
      close();
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the field
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && !option.getAttribute("aria-disabled")) onPick(option, event);
  });
  close();
  return { open, close, isOpen };
}

// Calls `search` with what is typed, `wait` ms after the last key; of several answers only the last one counts.
export function searchWhileTyping(input, wait, search) {
  let timer, running;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    running?.abort();
    running = new AbortController();
    timer = setTimeout(search, wait, input.value, running.signal);
  });
}

// Returns the HTML of an answer, or null: stopped, refused, or the session is over, which leads to another page.
export async function fetchFragment(url, options) {
  try {
    const response = await fetch(url, options);
    return response.ok && !response.redirected ? await response.text() : null;
  } catch {
    return null;
  }
}

// Shows the links that the server finds for what is typed, below the field; `source` is the address before the words.
export function attachLinkSearch(input, area, source) {
  const combobox = attachCombobox(input, area, {
    onPick: (option, event) => event.type === "keydown" && option.click(),
    keepsOpen: true,
  });
  area.ariaLabel = input.ariaLabel ?? input.labels[0].textContent.trim();
  searchWhileTyping(input, 150, async (q, signal) => {
    const found = await fetchFragment(source + encodeURIComponent(q), { signal });
    if (found === null) return;
    area.innerHTML = found;
    for (const part of area.querySelectorAll("section")) part.setAttribute("role", "group");
    for (const part of area.querySelectorAll("ul, li, h2, p")) part.setAttribute("role", "presentation");
    for (const link of area.querySelectorAll("a")) {
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", "false");
      link.tabIndex = -1;
    }
    combobox.open();
  });
  return combobox;
}
