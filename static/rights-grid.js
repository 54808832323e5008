// Filters a grid of rights, counts what is on, moves with the arrow keys and says before saving whom a change reaches.
// Loaded as a module: no globals. Rows are hidden by the style sheet, which keeps changed ones in view.
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

for (const grid of document.querySelectorAll(".rights-grid")) {
  const rows = [...grid.querySelectorAll(".subject")];
  const filter = grid.querySelector(".rights-filter");
  const search = filter.querySelector("input");
  const texts = new Map(rows.map((row) => [row, fold(describe(row))]));

  const count = () => {
    for (const body of [grid, ...grid.querySelectorAll("tbody")]) {
      body.querySelector("[data-count]").textContent = body.querySelectorAll(".subject :checked").length;
    }
  };
  const applyFilter = () => {
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    grid.classList.toggle("filtering", words.length > 0);
    for (const row of rows) row.classList.toggle("unmatched", !words.every((word) => texts.get(row).includes(word)));
    grid.querySelector("[role=status]").textContent = words.length ? `${rows.length - grid.querySelectorAll(".unmatched").length}` : "";
  };

  filter.hidden = false;
  search.addEventListener("input", applyFilter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // would save the form
    if (event.key === "Escape") { search.value = ""; applyFilter(); }
  });
  grid.addEventListener("change", count);
  grid.closest("form")?.addEventListener("reset", () => setTimeout(count));
  grid.addEventListener("keydown", (event) => moveFocus(event, rows));
}

function describe(row) {
  const labels = [...row.querySelectorAll("input")].map((input) => input.getAttribute("aria-label"));
  return [row.textContent, ...labels].join(" ");
}

function moveFocus(event, rows) {
  const cell = event.target.closest(".subject > td");
  if (!cell || event.target.type !== "checkbox" || event.altKey || event.ctrlKey || event.metaKey) return;
  const row = cell.parentElement;
  const find = (cells) => cells.map((found) => found.querySelector("input:enabled")).find((input) => input?.checkVisibility());
  const boxes = [row.cells[1], row.cells[2]];
  const inRow = (other) => [other.cells[cell.cellIndex], other.cells[3 - cell.cellIndex]];
  const here = rows.indexOf(row);
  const next = {
    ArrowLeft: () => find(boxes.slice(0, cell.cellIndex - 1)),
    ArrowRight: () => find(boxes.slice(cell.cellIndex)),
    ArrowUp: () => find(rows.slice(0, here).reverse().flatMap(inRow)),
    ArrowDown: () => find(rows.slice(here + 1).flatMap(inRow)),
  }[event.key];
  if (!next) return;
  event.preventDefault();
  next()?.focus();
}

for (const form of document.querySelectorAll("form[data-reach-url]")) {
  const summary = form.querySelector(".save-bar [role=status]");
  const asked = Object.assign(document.createElement("input"), { type: "hidden", name: "sure", value: "1" });
  let timer;
  let request;
  const preview = async () => {
    request = new AbortController();
    const query = new URLSearchParams(new FormData(form).getAll("rights").map((code) => ["rights", code]));
    const response = await fetch(`${form.dataset.reachUrl}?${query}`, { signal: request.signal });
    if (!response.ok || response.redirected) return;
    summary.innerHTML = await response.text();
    form.append(asked); // what the page would ask has been said
  };
  const forget = () => {
    clearTimeout(timer);
    request?.abort();
    asked.remove();
  };
  form.addEventListener("reset", forget);
  form.addEventListener("change", () => {
    forget();
    timer = setTimeout(() => preview().catch(() => {}), 300);
  });
}
