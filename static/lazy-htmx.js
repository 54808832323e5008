// Fetches htmx at the first touch of the page: a list that is only read does without its weight.
const address = document.getElementById("lazy-htmx").dataset.htmx
const touches = ["pointerdown", "focusin", "keydown"]

function fetchHtmx() {
    for (const touch of touches) removeEventListener(touch, fetchHtmx)
    if (document.readyState !== "complete") return addEventListener("load", fetchHtmx)
    const script = document.createElement("script")
    script.src = address
    script.onload = () => {
        for (const form of document.querySelectorAll("form[data-hx-get]")) {
            const search = form.querySelector("input[type=search]")
            if (search && search.value !== search.defaultValue) search.dispatchEvent(new Event("input", { bubbles: true }))
        }
    }
    document.head.append(script)
}
for (const touch of touches) addEventListener(touch, fetchHtmx)

// Another page came back, such as the login page after a session ended: go there instead.
document.addEventListener("htmx:beforeSwap", event => {
    if (new URL(event.detail.xhr.responseURL).pathname === location.pathname) return
    event.detail.shouldSwap = false
    location.assign(event.detail.xhr.responseURL)
})
document.addEventListener("htmx:responseError", event => event.detail.elt.closest("form")?.submit())

// One popover at a time, closed by Esc, by a click beside it and by submitting its form.
const closePopovers = except => {
    for (const open of document.querySelectorAll("details.drop-down[open]")) if (!open.contains(except)) open.open = false
}
addEventListener("click", event => closePopovers(event.target))
addEventListener("submit", () => closePopovers(null))
addEventListener("keydown", event => {
    const open = event.key === "Escape" && document.querySelector("details.drop-down[open]")
    if (!open) return
    open.open = false
    open.querySelector("summary").focus()
    event.stopImmediatePropagation()
})
