// Theme switch, sidebar switch, menus and dialogs. Menus are popovers and work without this file.

const root = document.documentElement

const keep = (name, value) => {
  try {
    if (value) localStorage.setItem(name, value)
    else localStorage.removeItem(name)
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}

// --- theme and sidebar: theme.js applies what is kept here -----------------

const theme = document.querySelector(`[name=theme][value=${root.dataset.theme ?? "auto"}]`)
if (theme) theme.checked = true

document.addEventListener("change", ({ target }) => {
  if (target.name !== "theme") return
  if (target.value === "auto") delete root.dataset.theme
  else root.dataset.theme = target.value
  keep("theme", root.dataset.theme)
})

document.addEventListener("click", ({ target }) => {
  if (!target.closest("[data-toggle-sidebar]")) return
  if (root.dataset.sidebar) delete root.dataset.sidebar
  else root.dataset.sidebar = "closed"
  keep("sidebar", root.dataset.sidebar)
})

// --- questions (rename, delete): plain pages that htmx puts into the dialog --

const dialog = document.getElementById("dialog")

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== dialog) return
  document.querySelector(".menu:popover-open")?.hidePopover()
  dialog.showModal()
})

document.addEventListener("click", (event) => {
  const open = event.target.closest("dialog[open]")
  const outside = event.target === open
  if (!open || !(outside || event.target.closest("[data-close]"))) return
  event.preventDefault()
  open.close()
})
