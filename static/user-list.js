// The list of users: number of ticks, ticks that survive a search, the menu of a row, and shortcuts.
const form = document.getElementById("selection-form")
const bar = form.querySelector(".bulk-bar")
const boxes = () => [...form.querySelectorAll("tbody [name=users]")]
const kept = new Map() // ticked rows that a search or another page took away
let last = null, menu = null

function showCount() {
    const count = form.querySelectorAll("[name=users]:checked").length
    const text = document.getElementById("selected-count")
    if (text) text.textContent = count === 1 ? text.dataset.one : text.dataset.many.replace("#", count)
    const all = document.getElementById("tick-all")
    if (!all) return
    all.hidden = false
    all.checked = boxes().every(box => box.checked)
    all.indeterminate = !all.checked && boxes().some(box => box.checked)
}

form.addEventListener("click", event => {
    const box = event.target
    if (box.name !== "users") return
    const [from, to] = [boxes().indexOf(last), boxes().indexOf(box)].sort((one, other) => one - other)
    if (event.shiftKey && from >= 0) for (const between of boxes().slice(from, to + 1)) between.checked = box.checked
    last = box
    showCount()
})
form.addEventListener("change", event => {
    if (event.target.id === "tick-all") for (const box of boxes()) box.checked = event.target.checked
    showCount()
})
form.addEventListener("reset", () => {
    for (const box of kept.values()) box.remove()
    kept.clear()
    setTimeout(showCount)
})

document.addEventListener("htmx:beforeSwap", event => {
    if (event.detail.target.id !== "list-results" || !bar) return
    for (const box of boxes().filter(box => box.checked)) {
        const copy = box.cloneNode()
        copy.hidden = copy.checked = true
        kept.set(box.value, copy)
        bar.append(copy)
    }
})
document.addEventListener("htmx:afterSettle", () => {
    for (const box of boxes().filter(box => kept.has(box.value))) {
        box.checked = true
        kept.get(box.value).remove()
        kept.delete(box.value)
    }
    last = menu = null
    showCount()
})

function closeMenu() {
    if (!menu) return
    const link = menu.previousElementSibling
    menu.remove()
    menu = null
    link.removeAttribute("aria-expanded")
    return link
}

async function openMenu(link) {
    if (closeMenu() === link) return link.focus()
    const response = await fetch(link.href, { headers: { "HX-Request": "true" }, redirect: "error" }).catch(() => null)
    if (!response?.ok) return location.assign(link.href)
    closeMenu()
    menu = document.createElement("div")
    menu.className = "popover"
    menu.innerHTML = await response.text()
    link.after(menu)
    link.setAttribute("aria-expanded", "true")
    if (menu.getBoundingClientRect().bottom > innerHeight) menu.classList.add("above")
    menu.querySelector("a, button")?.focus()
}
form.addEventListener("click", event => {
    const link = event.target.closest(".row-menu > a")
    if (!link || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    openMenu(link)
})
addEventListener("click", event => {
    if (menu && !event.target.closest(".row-menu")) closeMenu()
})

addEventListener("keydown", event => {
    if (event.key === "Escape" && menu) return closeMenu().focus()
    if (!("shortcuts" in form.dataset) || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog, .popover")) return
    const rows = [...form.querySelectorAll("tbody tr")]
    const row = document.activeElement.closest("tbody tr")
    const keys = {
        j: () => rows[Math.min(rows.indexOf(row) + 1, rows.length - 1)]?.querySelector("th a").focus(),
        k: () => rows[Math.max(rows.indexOf(row) - 1, 0)]?.querySelector("th a").focus(),
        x: () => row?.querySelector("[name=users]")?.click(),
        ".": () => row && openMenu(row.querySelector(".row-menu > a")),
        Escape: () => form.reset(),
    }
    if (!keys[event.key]) return
    event.preventDefault()
    keys[event.key]()
})
showCount()
